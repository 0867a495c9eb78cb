// https://sqlite.org/fileformat2.html#b_tree_pages: a page of a tree begins with its kind, an inner one (5) names
// its right-most child at byte 8; a page of the rest of a long row begins with the number of the next one, in
// a small file a zero.

#include "tests/sim/crash/damage.h"

#include <array>

#include "platform/base/bytes.h"
#include "tests/sim/crash/truth.h"
#include "tests/sim/crash/world.h"

namespace pinaflux::crash {

namespace {

constexpr std::uint64_t kPageBytes = 1024;
constexpr std::uint8_t kInnerPage = 5;
constexpr std::size_t kChildOffset = 8, kTrunkOffset = 32;

struct Spot {
  std::uint64_t offset = 0, bytes = 0;
};

std::uint64_t offset_of(std::uint64_t page) { return (page - 1) * kPageBytes; }

std::uint64_t number_at(File& file, std::uint64_t offset) {
  std::array<std::uint8_t, 4> bytes{};
  if (!file.read_at(offset, bytes)) return 0;
  return std::uint64_t{bytes[0]} << 24 | std::uint64_t{bytes[1]} << 16 |
         std::uint64_t{bytes[2]} << 8 | bytes[3];
}

bool begins_with(File& file, std::uint64_t page, std::uint8_t kind) {
  std::array<std::uint8_t, 1> first{};
  return file.read_at(offset_of(page), first) && first[0] == kind;
}

Spot header() { return {0, 256}; }

Spot rest_of_a_row(File& file, const Layout& layout, Random& random) {
  const std::uint64_t trunk = number_at(file, kTrunkOffset);
  std::uint64_t page = 2 + random.below(layout.page_count);
  for (std::uint64_t i = 0; i < layout.page_count; ++i, ++page) {
    if (page > layout.page_count) page = 2;
    if (page != trunk && begins_with(file, page, 0)) return {offset_of(page) + 100, 300};
  }
  return header();
}

Spot choose(File& file, const Layout& layout, Random& random) {
  switch (random.below(4)) {
    case 0: return header();
    case 1: return {offset_of(layout.queue_root), kPageBytes};
    case 2: {
      const std::uint64_t root = offset_of(layout.queue_root);
      if (!begins_with(file, layout.queue_root, kInnerPage)) return {root, kPageBytes};
      return {offset_of(number_at(file, root + kChildOffset)), kPageBytes};
    }
    default: return rest_of_a_row(file, layout, random);
  }
}

}  // namespace

Layout layout_of_newest() {
  const std::int64_t root = number("SELECT rootpage FROM sqlite_schema WHERE name='queue'");
  const std::int64_t pages = number("PRAGMA page_count");
  return {static_cast<std::uint64_t>(root), static_cast<std::uint64_t>(pages)};
}

Status spoil(Files& files, const std::string& path, const Layout& layout, Random& random) {
  auto wal = files.open(path + "-wal", Files::Mode::write);
  if (!wal) return std::unexpected(wal.error());
  if (Status s = (*wal)->truncate(0); !s) return s;
  if (Status s = (*wal)->sync(); !s) return s;
  auto database = files.open(path, Files::Mode::write);
  if (!database) return std::unexpected(database.error());
  const Spot spot = choose(**database, layout, random);
  Buffer garbage(spot.bytes);
  fill_noise("damage", random.u64(), garbage);
  if (Status s = (*database)->write_at(spot.offset, garbage); !s) return s;
  return (*database)->sync();
}

}  // namespace pinaflux::crash
