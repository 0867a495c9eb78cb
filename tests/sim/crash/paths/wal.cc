// Header of the file:   0 magic   8 page size   16 salt (8)   24 checksum (8)
// Of a frame:           0 page    4 commit      8 salt (8)    16 checksum (8), then the page
//
// A frame has the salt of the file, a page number, and the checksum that goes on from the one before it (from the
// file's, at first) over its own first 8 bytes and its page: two sums over words, in the order that the magic says.

#include "tests/sim/crash/paths/wal.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace pinaflux::crash::wal {

namespace {

constexpr std::uint64_t kFrameHeaderBytes = 24;
constexpr std::uint32_t kMagic = 0x377f0682;  // Its last bit: words are big-endian.
constexpr std::uint32_t kPageBytesMin = 512, kPageBytesMax = 65'536;

using Header = std::array<std::uint8_t, kHeaderBytes>;

std::uint32_t word(Bytes bytes, std::size_t at, bool big_endian) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return big_endian == (std::endian::native == std::endian::big) ? value : std::byteswap(value);
}

struct Sums {
  std::uint32_t a, b;

  static Sums at(Bytes bytes, std::size_t offset) {
    return {word(bytes, offset, true), word(bytes, offset + 4, true)};
  }
  void add(Bytes bytes, bool big_endian) {
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
      a += word(bytes, at, big_endian) + b;
      b += word(bytes, at + 4, big_endian) + a;
    }
  }
  bool operator==(const Sums&) const = default;
};

}  // namespace

std::uint64_t frame_bytes(const sim::Image& image, sim::InodeId wal) {
  Header header{};
  if (image.read(wal, 0, header) != header.size()) return 0;
  const std::uint32_t page = word(header, 8, true);
  const bool valid = (word(header, 0, true) | 1) == (kMagic | 1) && std::has_single_bit(page) &&
                     page >= kPageBytesMin && page <= kPageBytesMax;
  return valid ? page + kFrameHeaderBytes : 0;
}

bool has_frame(const sim::Image& image, sim::InodeId wal, std::uint64_t offset,
               std::uint64_t count) {
  Header header{};
  std::array<std::uint8_t, kFrameHeaderBytes> frame{}, previous{};
  if (image.read(wal, 0, header) != header.size()) return false;
  if (image.read(wal, offset, frame) != frame.size()) return false;
  if (!std::ranges::equal(Bytes(frame).subspan(8, 8), Bytes(header).subspan(16, 8))) return false;
  if (word(frame, 0, true) == 0) return false;
  Sums sums = Sums::at(header, 24);
  if (offset > kHeaderBytes) {
    if (image.read(wal, offset - count, previous) != previous.size()) return false;
    sums = Sums::at(previous, 16);
  }
  Buffer page(count - kFrameHeaderBytes);
  if (image.read(wal, offset + kFrameHeaderBytes, page) != page.size()) return false;
  const bool big_endian = (word(header, 0, true) & 1) != 0;
  sums.add(Bytes(frame).first(8), big_endian);
  sums.add(page, big_endian);
  return sums == Sums::at(frame, 16);
}

}  // namespace pinaflux::crash::wal
