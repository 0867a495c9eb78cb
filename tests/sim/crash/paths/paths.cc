// Disks that a power cut leaves differ mostly in what nobody reads: frames behind the first one that did not
// come whole. (Of 15,000 distinct states of a workload, 5,000 are read differently.) So the reads of each opening
// are kept as a path in a tree: which bytes, and the hash of what they were.
//
//   root -- header of the WAL -- its first block -+- its second block -- page 1 -- ... -- end
//                                                 +- (other bytes)    -- page 1 -- ... -- end
//
// A block that nobody has changed since is the very same piece of memory in both images, so a step costs a
// comparison of pointers; only a block that differs is hashed.
//
// A view is what was read of a block without a gap. Where two paths part, their views may have different
// lengths: both are tried.
//
// Recovery of a WAL reads its header, then frame after frame, each at once, and ends at the first that is none (other
// salts, or a checksum that does not follow). A power cut leaves there whatever it likes; of 1,000 distinct states,
// 400 were read differently by their bytes, 210 are by their frames.

#include "tests/sim/crash/paths/paths.h"

#include <algorithm>
#include <iterator>

#include "tests/sim/crash/paths/wal.h"

namespace pinaflux::crash {

namespace {

constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ull;

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
  return x ^ (x >> 32);
}

}  // namespace

Paths::Place Paths::next(Place from, const View& view, std::uint64_t answer) {
  const std::uint64_t where =
      mix(view.inode * kOdd ^ view.offset) + view.count + (view.frame ? kOdd : 0);
  return mix(from ^ mix(where * kOdd ^ answer));
}

std::uint64_t Paths::answer_of(const sim::Image& image, const View& view) {
  if (view.frame) return wal::has_frame(image, view.inode, view.offset, view.count) ? 1 : 0;
  return image.hash(view.inode, view.offset, view.count);
}

std::optional<Paths::End> Paths::walk(const sim::Image& image, Place from) const {
  if (const auto end = ends_.find(from); end != ends_.end()) return End{from, end->second};
  const auto [first, last] = steps_.equal_range(from);
  for (auto at = first; at != last; ++at) {
    const Step& step = at->second;
    const View& view = step.view;
    const bool same =
        !view.frame && image.block(view.inode, view.offset / sim::Image::kBlockBytes) == step.block;
    const Place to = next(from, view, same ? step.answer : answer_of(image, view));
    if (!has(to)) continue;
    if (const auto end = walk(image, to)) return end;
  }
  return std::nullopt;
}

void Paths::follow(const sim::Image& image) {
  image_ = image;
  views_.clear();
  seen_.clear();
  written_.clear();
  logs_.clear();
  for (const sim::Image::Entry& entry : image.entries()) {
    if (!entry.name.ends_with("-wal")) continue;
    if (const std::uint64_t bytes = wal::frame_bytes(image, entry.inode); bytes > 0) {
      logs_.push_back({.inode = entry.inode, .frame_bytes = bytes, .next = 0});
    }
  }
  disk_.after_read = [this](sim::InodeId inode, std::uint64_t offset, std::uint64_t count) {
    read({inode, offset, count});
  };
  disk_.after_write = [this](sim::InodeId inode, std::uint64_t offset, std::uint64_t count) {
    written(inode, offset, offset + count);
  };
}

void Paths::stop() {
  disk_.after_read = nullptr;
  disk_.after_write = nullptr;
  image_ = {};
}

void Paths::written(sim::InodeId inode, std::uint64_t offset, std::uint64_t end) {
  auto at = written_.upper_bound({inode, offset});
  if (at != written_.begin()) {
    const auto before = std::prev(at);
    if (before->first.first == inode && before->second >= offset) {
      offset = before->first.second;
      end = std::max(end, before->second);
      at = written_.erase(before);
    }
  }
  while (at != written_.end() && at->first.first == inode && at->first.second <= end) {
    end = std::max(end, at->second);
    at = written_.erase(at);
  }
  written_.insert(at, {{inode, offset}, end});
}

void Paths::read(View view) {
  if (!ends_recovery(view)) return read_bytes(view);
  view.frame = true;
  views_.push_back(view);
}

// Only where the header and all frames before it were read one after the other, as they are on the image: then
// whether this is a frame follows from the image alone.
bool Paths::ends_recovery(const View& view) {
  const auto log = std::ranges::find(logs_, view.inode, &Log::inode);
  if (log == logs_.end()) return false;
  const auto changed = written_.lower_bound({view.inode, 0});
  const bool intact = changed == written_.end() || changed->first.first != view.inode ||
                      changed->first.second >= view.offset + view.count;
  const bool header = view.offset == 0 && view.count == wal::kHeaderBytes;
  if (header && intact) log->next = wal::kHeaderBytes;
  if (header) return false;
  if (!intact || view.offset != log->next || view.count != log->frame_bytes) {
    log->next = 0;
    return false;
  }
  log->next += log->frame_bytes;
  return !wal::has_frame(image_, view.inode, view.offset, view.count);
}

// Of each block what is still as it was on the image.
void Paths::read_bytes(View view) {
  constexpr std::uint64_t kBytes = sim::Image::kBlockBytes;
  const std::uint64_t end = view.offset + view.count;
  auto at = written_.upper_bound({view.inode, view.offset});
  if (at != written_.begin()) {
    const auto before = std::prev(at);
    if (before->first.first == view.inode) view.offset = std::max(view.offset, before->second);
  }
  while (view.offset < end) {
    std::uint64_t to = std::min(end, (view.offset / kBytes + 1) * kBytes);
    const bool meets = at != written_.end() && at->first.first == view.inode;
    if (meets) to = std::min(to, at->first.second);
    view.count = to - view.offset;
    if (view.count > 0) note(view);
    view.offset = meets && to == at->first.second ? (at++)->second : to;
  }
}

void Paths::note(const View& view) {
  const auto [at, is_new] =
      seen_.try_emplace({view.inode, view.offset / sim::Image::kBlockBytes}, view);
  View& last = at->second;
  if (!is_new) {
    const std::uint64_t end = last.offset + last.count;
    if (view.offset >= last.offset && view.offset + view.count <= end) return;
    if (view.offset == end && !views_.empty() && views_.back() == last) {
      last.count += view.count;
      views_.back() = last;
      return;
    }
    last = view;
  }
  views_.push_back(view);
}

Paths::Place Paths::learn(Place from, Outcome outcome) {
  for (const View& view : views_) {
    const std::uint64_t answer = answer_of(image_, view);
    const auto [first, last] = steps_.equal_range(from);
    if (std::none_of(first, last, [&](const auto& step) { return step.second.view == view; })) {
      const std::uint64_t block = view.offset / sim::Image::kBlockBytes;
      steps_.emplace(from, Step{view, image_.block(view.inode, block), answer});
    }
    from = next(from, view, answer);
  }
  views_.clear();
  ends_.emplace(from, outcome);
  return from;
}

}  // namespace pinaflux::crash
