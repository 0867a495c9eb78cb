// A database is pages of 1,024 bytes; a table is a tree of them, and its rows are in the leaves:
//
//   leaf      0x0d, ..., cell count (2 bytes at 3), at 8 an offset for each cell
//   cell      payload length, rowid, start of the payload, first overflow page (if it is longer)
//   payload   length of its header, a type for each column, the columns
//
// Trees are not walked: an inner page that is damaged would hide everything below it. Every page is looked
// at, and rows are recognised by their columns. What a page that is on the free list holds is left over
// from rows that were deleted; where that list is damaged, nobody can tell, and knows_free() says so.
//
// WAL: each frame's checksum continues that of the frame before, as stored there. So a damaged frame costs
// itself, not what follows it, and all frames up to the last one that ends a transaction are committed.

#include "agent/spool/damaged_file.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

namespace pinaflux {

namespace {

constexpr std::size_t kFileHeaderBytes = 100;
constexpr std::size_t kWalHeaderBytes = 32, kFrameHeaderBytes = 24;
constexpr std::uint8_t kTableLeaf = 0x0d, kIndexLeaf = 0x0a, kIndexInner = 0x02;
constexpr std::uint32_t kLeavesMax = 1024 / 4 - 2;  // Of a trunk page.
constexpr std::size_t kTableLocalMax = 1024 - 35;
constexpr std::size_t kIndexLocalMax = (1024 - 12) * 64 / 255 - 23;
constexpr std::size_t kLocalMin = (1024 - 12) * 32 / 255 - 23;
constexpr std::size_t kColumnsMax = 64;
constexpr std::uint64_t kPayloadBytesMax = 64ull * 1024 * 1024;
constexpr std::size_t kBlockPages = 4;  // File systems give back whole blocks, of 4 KiB as a rule.

std::uint32_t u32(Bytes bytes, std::size_t at) {
  return static_cast<std::uint32_t>(big_endian(bytes.subspan(at, 4)));
}

// SQLite's varint: big-endian, seven bits a byte, all eight of the ninth.
bool take_varint(Bytes bytes, std::size_t& at, std::uint64_t& value) {
  value = 0;
  for (int i = 0; i < 9; ++i) {
    if (at >= bytes.size()) return false;
    const std::uint8_t byte = bytes[at++];
    if (i == 8) {
      value = value << 8 | byte;
      return true;
    }
    value = value << 7 | (byte & 0x7f);
    if ((byte & 0x80) == 0) return true;
  }
  return true;
}

struct Sums {
  std::uint32_t a = 0, b = 0;
  friend bool operator==(const Sums&, const Sums&) = default;
};

// `big`: the words of the checksum are big-endian (the WAL's magic says so).
Sums add(Sums sums, Bytes bytes, bool big) {
  const auto word = [&](std::size_t at) {
    const std::uint32_t value = u32(bytes, at);
    return big ? value : __builtin_bswap32(value);
  };
  for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    sums.a += word(at) + sums.b;
    sums.b += word(at + 4) + sums.a;
  }
  return sums;
}

Sums stored(Bytes bytes, std::size_t at) { return {u32(bytes, at), u32(bytes, at + 4)}; }

bool integer_bytes(std::uint64_t serial, std::size_t& bytes) {
  static constexpr std::array<std::size_t, 7> kBytes{0, 1, 2, 3, 4, 6, 8};
  if (serial < 1 || serial > 6) return false;
  bytes = kBytes[static_cast<std::size_t>(serial)];
  return true;
}

std::int64_t signed_of(Bytes bytes) {
  const auto unused = 64 - 8 * bytes.size();
  return static_cast<std::int64_t>(big_endian(bytes) << unused) >> unused;
}

// Type and place of a column; what is an integer must lie in `start`.
std::optional<DamagedFile::Column> column_of(std::uint64_t serial, std::size_t offset,
                                             Bytes start) {
  using Column = DamagedFile::Column;
  Column column{.offset = offset};
  std::size_t bytes = 0;
  if (serial == 0) return column;
  if (serial == 8 || serial == 9) {
    column.type = Column::Type::integer;
    column.integer = static_cast<std::int64_t>(serial - 8);
  } else if (integer_bytes(serial, bytes)) {
    if (offset + bytes > start.size()) return std::nullopt;
    column.type = Column::Type::integer;
    column.length = bytes;
    column.integer = signed_of(start.subspan(offset, bytes));
  } else if (serial == 7) {
    column.type = Column::Type::real;
    column.length = 8;
  } else if (serial >= 12) {
    column.type = serial % 2 == 0 ? Column::Type::blob : Column::Type::text;
    if (serial > 2 * kPayloadBytesMax) return std::nullopt;
    column.length = static_cast<std::size_t>((serial - 12) / 2);
  } else {
    return std::nullopt;
  }
  return column;
}

bool read_columns(DamagedFile::Row& row) {
  const Bytes start(row.start);
  std::size_t at = 0;
  std::uint64_t header_bytes = 0;
  if (!take_varint(start, at, header_bytes) || header_bytes > start.size()) return false;
  auto offset = static_cast<std::size_t>(header_bytes);
  row.columns.clear();
  while (at < header_bytes) {
    std::uint64_t serial = 0;
    if (!take_varint(start, at, serial) || row.columns.size() >= kColumnsMax) return false;
    const auto column = column_of(serial, offset, start);
    if (!column || column->length > row.payload_bytes) return false;
    offset += column->length;
    row.columns.push_back(*column);
  }
  return at == header_bytes && offset == row.payload_bytes;
}

bool read_cell(Bytes page, std::size_t at, std::uint8_t type, DamagedFile::Row& row) {
  if (type == kIndexInner) at += 4;
  std::uint64_t id = 0, payload_bytes = 0;
  if (!take_varint(page, at, payload_bytes) || payload_bytes > kPayloadBytesMax) return false;
  row.payload_bytes = static_cast<std::size_t>(payload_bytes);
  if (type == kTableLeaf && !take_varint(page, at, id)) return false;
  row.id = static_cast<std::int64_t>(id);
  const std::size_t most = type == kTableLeaf ? kTableLocalMax : kIndexLocalMax;
  std::size_t local = row.payload_bytes;
  row.more = 0;
  if (row.payload_bytes > most) {
    const std::size_t rest = (local - kLocalMin) % (page.size() - 4);
    local = kLocalMin + rest <= most ? kLocalMin + rest : kLocalMin;
    if (at + local + 4 > page.size()) return false;
    row.more = u32(page, at + local);
    if (row.more == 0) return false;
  }
  if (at + local > page.size()) return false;
  const Bytes start = page.subspan(at, local);
  row.start.assign(start.begin(), start.end());
  return read_columns(row);
}

}  // namespace

Result<std::unique_ptr<DamagedFile>> DamagedFile::open(Files& files, const std::string& path) {
  std::unique_ptr<DamagedFile> damaged(new DamagedFile());
  auto file = files.open(path, Files::Mode::write);
  if (!file) return std::unexpected(file.error());
  damaged->file_ = std::move(*file);
  const auto info = damaged->file_->info();
  if (!info) return std::unexpected(info.error());
  damaged->page_count_ = static_cast<Page>(info->bytes / kPageBytes);
  damaged->read_wal(files, path + "-wal");
  damaged->free_.assign(damaged->page_count_ + 1, false);
  damaged->released_ = damaged->free_;
  damaged->read_free_list();
  if (Status s = damaged->trim(); !s) return std::unexpected(s.error());
  return damaged;
}

// What cannot be read of it is not there.
void DamagedFile::read_wal(Files& files, const std::string& path) {
  auto file = files.open(path, Files::Mode::read);
  if (!file) return;
  wal_ = std::move(*file);
  std::array<std::uint8_t, kWalHeaderBytes> header{};
  if (wal_->read_at(0, header) != header.size() || u32(header, 8) != kPageBytes) return;
  const bool big = (u32(header, 0) & 1) != 0;
  Sums before = stored(header, 24);
  std::vector<std::pair<Page, std::uint64_t>> pending;
  std::array<std::uint8_t, kFrameHeaderBytes + kPageBytes> frame{};
  for (std::uint64_t at = header.size(); wal_->read_at(at, frame) == frame.size();
       at += frame.size()) {
    const Bytes bytes(frame);
    if (!std::ranges::equal(bytes.subspan(8, 8), Bytes(header).subspan(16, 8))) break;
    const Sums sums = add(add(before, bytes.first(8), big), bytes.subspan(kFrameHeaderBytes), big);
    before = stored(bytes, 16);
    if (sums != before) continue;
    pending.emplace_back(u32(bytes, 0), at + kFrameHeaderBytes);
    const Page pages_after = u32(bytes, 4);
    if (pages_after == 0) continue;
    for (const auto& [page, offset] : pending) {
      in_wal_[page] = offset;
      page_count_ = std::max(page_count_, page);
    }
    pending.clear();
  }
}

Status DamagedFile::read(Page page, Image& to) {
  const auto found = in_wal_.find(page);
  File& file = found == in_wal_.end() ? *file_ : *wal_;
  const std::uint64_t offset =
      found == in_wal_.end() ? (std::uint64_t{page} - 1) * kPageBytes : found->second;
  const auto count = file.read_at(offset, to);
  if (!count) return std::unexpected(count.error());
  if (*count < to.size()) std::fill(to.begin() + static_cast<std::ptrdiff_t>(*count), to.end(), 0);
  return {};
}

// Trunk pages list the free ones. The list counts only if it is whole and as long as page 1 says. An earlier
// start may have cut free ones off the file's end: then the list names each of those.
void DamagedFile::read_free_list() {
  Image image;
  if (page_count_ == 0 || !read(1, image) || !as_text(image).starts_with("SQLite format 3")) return;
  const Page size = u32(image, 28);
  const std::uint32_t expected = u32(image, 36);
  const Page missing = size > page_count_ ? size - page_count_ : 0;
  if (size == 0 || missing > expected || missing / kLeavesMax > page_count_) return;
  std::uint32_t count = 0;
  std::vector<bool> listed(std::max(size, page_count_) + 1, false);
  std::vector<Page> trunks;
  const auto list = [&](Page page) {
    if (page < 2 || page > size || listed[page]) return false;
    listed[page] = true;
    return true;
  };
  for (Page trunk = u32(image, 32); trunk != 0; trunk = u32(image, 0)) {
    if (++count > expected || trunk > page_count_ || !list(trunk) || !read(trunk, image)) return;
    trunks.push_back(trunk);
    const std::uint32_t leaves = u32(image, 4);
    if (leaves > kLeavesMax) return;
    for (std::uint32_t i = 0; i < leaves; ++i, ++count) {
      if (!list(u32(image, 8 + 4 * i))) return;
    }
  }
  if (count != expected) return;
  for (Page page = page_count_ + 1; page <= size; ++page) {
    if (!listed[page]) return;
  }
  listed.resize(page_count_ + 1);
  knows_free_ = true;
  free_ = released_ = listed;
  // Trunks stay: the list must be found again after a crash.
  for (const Page trunk : trunks) released_[trunk] = false;
  for (Page page = size + 1; page <= page_count_; ++page) free_[page] = released_[page] = true;
}

Status DamagedFile::rows(Page page, const std::function<void(const Row&)>& found) {
  Image image;
  if (Status s = read(page, image); !s) return s;
  const Bytes bytes(image);
  const std::size_t begin = page == 1 ? kFileHeaderBytes : 0;
  const std::uint8_t type = bytes[begin];
  if (type != kTableLeaf && type != kIndexLeaf && type != kIndexInner) return {};
  const std::size_t offsets = begin + (type == kIndexInner ? 12 : 8);
  const auto cells = static_cast<std::size_t>(big_endian(bytes.subspan(begin + 3, 2)));
  Row row;
  for (std::size_t i = 0; i < cells && offsets + 2 * i + 2 <= bytes.size(); ++i) {
    const auto at = static_cast<std::size_t>(big_endian(bytes.subspan(offsets + 2 * i, 2)));
    if (at < bytes.size() && read_cell(bytes, at, type, row)) found(row);
  }
  return {};
}

Status DamagedFile::payload(const Row& row, Buffer& to, std::vector<Page>& pages) {
  to = row.start;
  Image image;
  for (Page page = row.more; page != 0; page = u32(image, 0)) {
    if (page > page_count_ || to.size() >= row.payload_bytes) break;
    if (Status s = read(page, image); !s) return s;
    const std::size_t count = std::min<std::size_t>(kPageBytes - 4, row.payload_bytes - to.size());
    append(to, Bytes(image).subspan(4, count));
    pages.push_back(page);
  }
  if (to.size() == row.payload_bytes) return {};
  return fail(Code::corrupt, "the pages of a row do not belong together");
}

// The end that was only reserved, and what lies free.
Status DamagedFile::trim() {
  const auto info = file_->info();
  if (!info) return std::unexpected(info.error());
  auto last = static_cast<Page>(info->bytes / kPageBytes);
  while (last > 0 && last < released_.size() && released_[last]) --last;
  if (knows_free_ && std::uint64_t{last} * kPageBytes < info->bytes) {
    if (Status s = file_->truncate(std::uint64_t{last} * kPageBytes); !s) return s;
  }
  std::vector<Page> all;
  for (Page page = 1; page <= last; ++page) {
    if (released_[page]) all.push_back(page);
  }
  return release(all);
}

Status DamagedFile::release(std::span<const Page> pages) {
  std::vector<std::uint64_t> blocks;
  for (const Page page : pages) {
    released_[page] = true;
    blocks.push_back((page - 1) / kBlockPages);
  }
  std::ranges::sort(blocks);
  const auto twice = std::ranges::unique(blocks);
  blocks.erase(twice.begin(), twice.end());
  for (const std::uint64_t block : blocks) {
    bool whole = true;
    for (std::size_t i = 1; i <= kBlockPages; ++i) {
      const auto page = static_cast<std::size_t>(block * kBlockPages + i);
      whole = whole && page < released_.size() && released_[page];
    }
    if (!whole) continue;
    const Status s = file_->punch(block * kBlockPages * kPageBytes, kBlockPages * kPageBytes);
    if (!s && s.error().code == Code::unsupported) return {};
    if (!s) return s;
  }
  return {};
}

std::uint64_t DamagedFile::bytes_on_disk() {
  std::uint64_t bytes = 0;
  for (File* file : {file_.get(), wal_.get()}) {
    if (file == nullptr) continue;
    if (const auto info = file->info()) bytes += info->bytes_on_disk;
  }
  return bytes;
}

}  // namespace pinaflux
