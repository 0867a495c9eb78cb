#include "agent/spool/export_file.h"

#include <algorithm>
#include <utility>

#include "agent/data/identity.h"
#include "agent/data/limits.h"
#include "agent/seal/line.h"

namespace pinaflux {

namespace {

using namespace seal;

constexpr std::string_view kMagic = "pinaflux-export/1";
constexpr std::string_view kAnyMagic = "pinaflux-export/";
constexpr std::string_view kEndMagic = "pinaflux-export-end/1";
constexpr std::string_view kArchiveMagic = "pinaflux-archive/1";
constexpr std::string_view kAnyArchiveMagic = "pinaflux-archive/";
constexpr std::size_t kLineBytesMax = 1024;
constexpr std::size_t kBlockBytes = 64 * 1024;

constexpr const char* kForeign = "this is no export of a Pinaflux spool, and no archive";
constexpr const char* kCut =
    "the export ends before its last line: this copy was cut off, copy it again";
constexpr const char* kArchiveCut =
    "the archive ends within an envelope: it is being written, or this copy was cut off";
constexpr const char* kChanged = "the export is damaged: this copy was changed, copy it again";

// Whether `text` begins with this version of a format.
bool is_version(std::string_view text, std::string_view magic) {
  return text.starts_with(magic) && (text.size() == magic.size() || text[magic.size()] == ' ');
}

}  // namespace

std::string archive_title(const std::string& day) {
  LineWriter line(kArchiveMagic);
  line.pair("d", day);
  return line.text() + "\n";
}

void append_entry(Bytes envelope, std::string& to) {
  to.append(std::to_string(envelope.size())).append("\n").append(as_text(envelope)).append("\n");
}

Result<ExportTitle> parse_title(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  ExportTitle title{.archive = text.starts_with(kAnyArchiveMagic)};
  if (!title.archive && !text.starts_with(kAnyMagic)) return fail(Code::corrupt, kForeign);
  if (!is_version(text, title.archive ? kArchiveMagic : kMagic)) {
    return fail(Code::newer, "the export has a newer format: use a newer version of this program");
  }
  if (title.archive) return title;
  LineReader reader(text, kMagic);
  std::string_view key, value;
  while (reader.next(key, value)) {
    if (key == "g") title.gateway = value;
    if (key == "l") title.lane = value;
    if (key == "v") title.version = value;
    if (key == "t") title.made_s = parse_number(value).value_or(0);
  }
  if (reader.failed() || !valid_name(title.gateway)) return fail(Code::corrupt, kForeign);
  return title;
}

void ExportWriter::put(Bytes bytes, Buffer& to) {
  sha_.update(bytes);
  bytes_ += bytes.size();
  append(to, bytes);
}

void ExportWriter::begin(const ExportTitle& title, Buffer& to) {
  LineWriter line(kMagic);
  line.pair("g", title.gateway).pair("v", title.version).number("t", title.made_s);
  if (!title.lane.empty()) line.pair("l", title.lane);
  put(as_bytes(line.text() + "\n"), to);
}

void ExportWriter::add(Bytes envelope, Buffer& to) {
  ++count_;
  std::string entry;
  append_entry(envelope, entry);
  put(as_bytes(entry), to);
}

void ExportWriter::end(Buffer& to) {
  LineWriter line(kEndMagic);
  line.number("n", count_).number("b", bytes_).pair("h", hex(sha_.finish()));
  append(to, line.text() + "\n");
}

Result<std::unique_ptr<ExportReader>> ExportReader::open(Files& files, const std::string& path) {
  auto file = files.open(path, Files::Mode::read);
  if (!file) return std::unexpected(file.error());
  const auto info = (*file)->info();
  if (!info) return std::unexpected(info.error());
  if (info->directory) return fail(Code::corrupt, kForeign);
  std::unique_ptr<ExportReader> reader(new ExportReader(std::move(*file)));
  reader->bytes_total_ = info->bytes;
  const Result<std::string_view> first = reader->line();
  if (!first) {
    return fail(first.error().code == Code::corrupt ? Code::corrupt : Code::io, kForeign);
  }
  Result<ExportTitle> title = parse_title(*first);
  if (!title) return std::unexpected(title.error());
  reader->title_ = std::move(*title);
  reader->sha_.update(as_bytes(*first));
  return reader;
}

Status ExportReader::fill() {
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(at_));
  at_ = 0;
  const std::size_t before = pending_.size();
  pending_.resize(before + kBlockBytes);
  const auto count = file_->read_at(offset_, MutableBytes(pending_).subspan(before));
  pending_.resize(before + count.value_or(0));
  if (!count) return fail(Code::io, "the export cannot be read", count.error().sys_errno);
  if (*count == 0) return fail(Code::corrupt, title_.archive ? kArchiveCut : kCut);
  offset_ += *count;
  return {};
}

// With its newline; dies with the next call.
Result<std::string_view> ExportReader::line() {
  for (;;) {
    const std::string_view rest = as_text(Bytes(pending_).subspan(at_));
    const auto end = rest.find('\n');
    if (end != std::string_view::npos && end < kLineBytesMax) {
      at_ += end + 1;
      return rest.substr(0, end + 1);
    }
    if (rest.size() >= kLineBytesMax) return fail(Code::corrupt, kChanged);
    if (Status s = fill(); !s) return std::unexpected(s.error());
  }
}

Result<Bytes> ExportReader::take(std::size_t count) {
  while (pending_.size() - at_ < count) {
    if (Status s = fill(); !s) return std::unexpected(s.error());
  }
  at_ += count;
  return Bytes(pending_).subspan(at_ - count, count);
}

Result<bool> ExportReader::next(Buffer& envelope) {
  const std::uint64_t before = bytes_read();
  if (title_.archive && before >= bytes_total_) return false;
  const Result<std::string_view> head = line();
  if (!head) return std::unexpected(head.error());
  if (head->starts_with(kEndMagic)) {
    if (Status s = check_end(head->substr(0, head->size() - 1), before); !s) {
      return std::unexpected(s.error());
    }
    return false;
  }
  const auto size = parse_number(head->substr(0, head->size() - 1));
  if (!size || *size == 0 || *size > limits::kEnvelopeBytesMax) {
    return fail(Code::corrupt, kChanged);
  }
  sha_.update(as_bytes(*head));
  const Result<Bytes> body = take(static_cast<std::size_t>(*size) + 1);
  if (!body) return std::unexpected(body.error());
  sha_.update(*body);
  if (body->back() != '\n') return fail(Code::corrupt, kChanged);
  envelope.assign(body->begin(), body->end() - 1);
  ++count_;
  return true;
}

Status ExportReader::check_end(std::string_view line, std::uint64_t bytes_before) {
  LineReader reader(line, kEndMagic);
  std::string_view key, value;
  std::uint64_t count = 0, bytes = 0;
  std::string hash;
  while (reader.next(key, value)) {
    if (key == "n") count = parse_number(value).value_or(0);
    if (key == "b") bytes = parse_number(value).value_or(0);
    if (key == "h") hash = value;
  }
  const bool whole = !reader.failed() && count == count_ && bytes == bytes_before &&
                     hash == hex(sha_.finish()) && bytes_read() == bytes_total_;
  return whole ? Status() : fail(Code::corrupt, kChanged);
}

}  // namespace pinaflux
