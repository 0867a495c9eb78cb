// A file is a row of extents of 64 blocks of 4 KiB, behind shared pointers all the way: a copy of an image shares
// all of it, and a write copies the row (64 pointers for 16 MiB), an extent, and the blocks that it touches. A
// crash state of a spool thus costs the blocks of its unsynced writes, whatever the spool holds. What was
// reserved is one extent of zeros, which all files share.
//
// The hash is a sum over blocks, and each block and each extent remembers its own: two states that differ in one
// sector compute one block anew.

#include "platform/sim/image.h"

#include <algorithm>
#include <cstring>

#include "platform/base/assert.h"

namespace pinaflux::sim {

namespace {

constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ull;

std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ull;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ull;
  return x ^ (x >> 32);
}

// Eight words at once, two by two where a machine has vectors of 16 bytes.
using Words = std::uint64_t __attribute__((vector_size(64)));

struct Sum {
  Words sum{1, 2, 3, 4, 5, 6, 7, 8};
  Words key{mix(1), mix(2), mix(3), mix(4), mix(5), mix(6), mix(7), mix(8)};

  // Each word, made different by its position, is taken twice: the product of its halves, and as it is for its
  // neighbour, because a half of zero hides the other (as XXH3 does).
  void take(const Words& words) {
    const Words mixed = words ^ key;
    sum += (mixed & 0xffffffff) * (mixed >> 32);
    sum += __builtin_shufflevector(words, words, 1, 0, 3, 2, 5, 4, 7, 6);
    key += kOdd;
  }
};

}  // namespace

std::uint64_t hash_of(Bytes bytes) {
  Sum sum;
  Words words{};
  std::size_t at = 0;
  for (; at + sizeof words <= bytes.size(); at += sizeof words) {
    std::memcpy(&words, bytes.data() + at, sizeof words);
    sum.take(words);
  }
  if (at < bytes.size()) {
    words = Words{};
    std::memcpy(&words, bytes.data() + at, bytes.size() - at);
    sum.take(words);
  }
  std::uint64_t hash = bytes.size() * kOdd;
  for (std::size_t i = 0; i < 8; ++i) hash = mix(hash ^ sum.sum[i]);
  return hash | 1;
}

namespace {

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = text.size() * kOdd;
  for (const char c : text) hash = mix(hash ^ static_cast<std::uint8_t>(c));
  return hash;
}

}  // namespace

Image::Image() { make(kRoot, true); }

const Image::Inode* Image::inode_of(InodeId id) const {
  const auto at = std::ranges::find(inodes_, id, &Inode::id);
  return at == inodes_.end() ? nullptr : &*at;
}

Image::Inode& Image::make(InodeId id, bool directory) {
  if (const Inode* there = inode_of(id); there != nullptr) return const_cast<Inode&>(*there);
  inodes_.push_back({id, directory, {}, directory ? nullptr : std::make_shared<Content>()});
  return inodes_.back();
}

Image::Content& Image::own(InodeId id) {
  Inode& inode = make(id, false);
  ASSERT(!inode.directory);
  if (inode.content.use_count() != 1) inode.content = std::make_shared<Content>(*inode.content);
  return *inode.content;
}

const Image::Block* Image::block_of(const Content& content, std::uint64_t index) {
  const std::uint64_t at = index / kExtentBlocks;
  if (at >= content.extents.size() || !content.extents[at]) return nullptr;
  return content.extents[at]->blocks[index % kExtentBlocks].get();
}

// Blocks of that extent.
std::uint64_t Image::allocated(const Content& content, std::uint64_t extent) {
  if (extent >= content.extents.size() || !content.extents[extent]) return 0;
  return content.extents[extent]->allocated;
}

// The one that holds that block, to be changed.
Image::Extent& Image::own_extent(Content& content, std::uint64_t index) {
  const std::uint64_t at = index / kExtentBlocks;
  if (content.extents.size() <= at) content.extents.resize(at + 1);
  auto& extent = content.extents[at];
  if (!extent) {
    extent = std::make_shared<Extent>();
  } else if (extent.use_count() != 1) {
    extent = std::make_shared<Extent>(*extent);
  }
  extent->summed = false;
  return *extent;
}

Image::Block& Image::own_block(Content& content, std::uint64_t index) {
  Extent& extent = own_extent(content, index);
  auto& block = extent.blocks[index % kExtentBlocks];
  if (!block) {
    block = std::make_shared<Block>();
    ++extent.allocated;
  } else if (block.use_count() != 1) {
    block = std::make_shared<Block>(*block);
  }
  block->hash = 0;
  return *block;
}

void Image::set_block(Content& content, std::uint64_t index, const std::shared_ptr<Block>& block) {
  Extent& extent = own_extent(content, index);
  auto& old = extent.blocks[index % kExtentBlocks];
  extent.allocated += (block ? 1u : 0u) - (old ? 1u : 0u);
  old = block;
}

// Forgets the blocks from there on.
void Image::resize(Content& content, std::uint64_t blocks) {
  const std::uint64_t extents = (blocks + kExtentBlocks - 1) / kExtentBlocks;
  if (extents < content.extents.size()) content.extents.resize(extents);
  for (std::uint64_t i = blocks; i < content.extents.size() * kExtentBlocks; ++i) {
    if (block_of(content, i) != nullptr) set_block(content, i, nullptr);
  }
}

InodeId Image::find(InodeId directory, std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.directory == directory && entry.name == name) return entry.inode;
  }
  return 0;
}

bool Image::is_directory(InodeId inode) const {
  const Inode* there = inode_of(inode);
  return there != nullptr && there->directory;
}

bool Image::is_empty(InodeId directory) const {
  return std::ranges::find(entries_, directory, &Entry::directory) == entries_.end();
}

WallTime Image::modified(InodeId inode) const {
  const Inode* there = inode_of(inode);
  return there == nullptr ? WallTime{} : there->modified;
}

std::uint64_t Image::bytes(InodeId inode) const {
  const Inode* there = inode_of(inode);
  return there == nullptr || there->directory ? 0 : there->content->bytes;
}

std::uint64_t Image::bytes_allocated(const Content& content) {
  std::uint64_t blocks = 0;
  for (const auto& extent : content.extents) blocks += extent ? extent->allocated : 0;
  return blocks * kBlockBytes;
}

std::uint64_t Image::bytes_allocated(InodeId inode) const {
  const Inode* there = inode_of(inode);
  return there == nullptr || there->directory ? 0 : bytes_allocated(*there->content);
}

std::uint64_t Image::bytes_allocated() const {
  std::uint64_t bytes = 0;
  for (const Inode& inode : inodes_) {
    if (!inode.directory) bytes += bytes_allocated(*inode.content);
  }
  return bytes;
}

std::uint64_t Image::bytes_needed(InodeId inode, std::uint64_t offset, std::uint64_t bytes) const {
  const Inode* there = inode_of(inode);
  std::uint64_t needed = 0;
  if (bytes == 0) return 0;
  const std::uint64_t end = (offset + bytes - 1) / kBlockBytes + 1;
  for (std::uint64_t b = offset / kBlockBytes; b < end;) {
    if (b % kExtentBlocks == 0 && b + kExtentBlocks <= end) {
      const std::uint64_t has =
          there == nullptr ? 0 : allocated(*there->content, b / kExtentBlocks);
      needed += (kExtentBlocks - has) * kBlockBytes;
      b += kExtentBlocks;
      continue;
    }
    if (there == nullptr || block_of(*there->content, b) == nullptr) needed += kBlockBytes;
    ++b;
  }
  return needed;
}

std::size_t Image::read(InodeId inode, std::uint64_t offset, MutableBytes to) const {
  const Inode* there = inode_of(inode);
  if (there == nullptr || there->directory || offset >= there->content->bytes) return 0;
  const Content& content = *there->content;
  const std::size_t count = std::min<std::uint64_t>(to.size(), content.bytes - offset);
  for (std::size_t done = 0; done < count;) {
    const std::uint64_t block = (offset + done) / kBlockBytes, from = (offset + done) % kBlockBytes;
    const std::size_t n = std::min<std::uint64_t>(count - done, kBlockBytes - from);
    if (const Block* there_is = block_of(content, block); there_is != nullptr) {
      std::memcpy(to.data() + done, there_is->bytes.data() + from, n);
    } else {
      std::memset(to.data() + done, 0, n);
    }
    done += n;
  }
  return count;
}

void Image::write(InodeId inode, std::uint64_t offset, Bytes bytes) {
  Content& content = own(inode);
  if (bytes.empty()) return;
  content.bytes = std::max(content.bytes, offset + bytes.size());
  for (std::size_t done = 0; done < bytes.size();) {
    const std::uint64_t block = (offset + done) / kBlockBytes, from = (offset + done) % kBlockBytes;
    const std::size_t n = std::min<std::uint64_t>(bytes.size() - done, kBlockBytes - from);
    std::memcpy(own_block(content, block).bytes.data() + from, bytes.data() + done, n);
    done += n;
  }
}

void Image::truncate(InodeId inode, std::uint64_t bytes) {
  Content& content = own(inode);
  if (bytes < content.bytes) {
    resize(content, (bytes + kBlockBytes - 1) / kBlockBytes);
    const std::uint64_t rest = bytes % kBlockBytes, last = bytes / kBlockBytes;
    if (rest != 0 && block_of(content, last) != nullptr) {
      std::memset(own_block(content, last).bytes.data() + rest, 0, kBlockBytes - rest);
    }
  }
  content.bytes = bytes;
}

void Image::reserve(InodeId inode, std::uint64_t bytes) {
  Content& content = own(inode);
  content.bytes = std::max(content.bytes, bytes);
  const std::uint64_t block_count = (bytes + kBlockBytes - 1) / kBlockBytes;
  for (std::uint64_t i = 0; i < block_count;) {
    const std::uint64_t at = i / kExtentBlocks,
                        to = std::min((at + 1) * kExtentBlocks, block_count);
    if (content.extents.size() <= at) content.extents.resize(at + 1);
    auto& extent = content.extents[at];
    if (!extent && to - i == kExtentBlocks) extent = reserved();
    if (extent && extent->allocated == kExtentBlocks) {
      i = to;
      continue;
    }
    for (; i < to; ++i) {
      if (block_of(content, i) == nullptr) set_block(content, i, zeros());
    }
  }
}

void Image::punch(InodeId inode, std::uint64_t offset, std::uint64_t bytes) {
  Content& content = own(inode);
  const std::uint64_t there = content.extents.size() * kExtentBlocks * kBlockBytes;
  const std::uint64_t end = std::min(offset + bytes, there);
  for (std::uint64_t at = offset; at < end;) {
    const std::uint64_t from = at % kBlockBytes, n = std::min(kBlockBytes - from, end - at);
    const std::uint64_t block = at / kBlockBytes;
    at += n;
    if (block_of(content, block) == nullptr) continue;
    if (n == kBlockBytes) {
      set_block(content, block, nullptr);
    } else {
      std::memset(own_block(content, block).bytes.data() + from, 0, n);
    }
  }
}

void Image::apply(const Operation& o) {
  switch (o.kind) {
    case Operation::Kind::write: write(o.inode, o.offset, *o.bytes); break;
    case Operation::Kind::truncate: truncate(o.inode, o.offset); break;
    case Operation::Kind::reserve: reserve(o.inode, o.offset); break;
    case Operation::Kind::punch: punch(o.inode, o.offset, o.count); break;
    case Operation::Kind::link:
      make(o.inode, o.is_directory);
      link(o.directory, o.name, o.inode);
      return;
    case Operation::Kind::unlink: unlink(o.directory, o.name); return;
    case Operation::Kind::rename:
      make(o.inode, o.is_directory);
      // Another may bear the old name by now: only its own is taken from it.
      if (find(o.directory, o.name) == o.inode) unlink(o.directory, o.name);
      link(o.directory_to, o.name_to, o.inode);
      return;
    case Operation::Kind::sync:
    case Operation::Kind::sync_failed:
    case Operation::Kind::sync_refused:
    case Operation::Kind::sync_directory: return;
  }
  make(o.inode, false).modified = o.time;
}

void Image::forget(InodeId inode) {
  std::erase_if(inodes_, [&](const Inode& i) { return i.id == inode; });
}

bool Image::has_name(InodeId inode) const {
  return inode == kRoot || std::ranges::find(entries_, inode, &Entry::inode) != entries_.end();
}

void Image::collect() {
  // A directory that is gone takes with it what was in it.
  do {
    std::erase_if(entries_, [&](const Entry& e) { return !exists(e.directory); });
  } while (std::erase_if(inodes_, [&](const Inode& i) { return !has_name(i.id); }) > 0);
}

std::vector<InodeId> Image::unnamed() const {
  std::vector<InodeId> ids;
  for (const Inode& inode : inodes_) {
    if (!has_name(inode.id)) ids.push_back(inode.id);
  }
  return ids;
}

InodeId Image::inode_end() const { return std::ranges::max(inodes_, {}, &Inode::id).id + 1; }

void Image::link(InodeId directory, std::string_view name, InodeId inode) {
  const auto at = std::ranges::find_if(
      entries_, [&](const Entry& e) { return e.directory == directory && e.name == name; });
  if (at != entries_.end()) {
    at->inode = inode;
  } else {
    entries_.push_back({directory, inode, std::string(name)});
  }
}

void Image::unlink(InodeId directory, std::string_view name) {
  std::erase_if(entries_,
                [&](const Entry& e) { return e.directory == directory && e.name == name; });
}

// What was reserved and never written. Shared for ever, so that it is copied before it is changed.
const std::shared_ptr<Image::Block>& Image::zeros() {
  static const std::shared_ptr<Block> block = [] {
    auto made = std::make_shared<Block>();
    made->hash = hash_of(Bytes(made->bytes));
    return made;
  }();
  return block;
}

const std::shared_ptr<Image::Extent>& Image::reserved() {
  static const std::shared_ptr<Extent> extent = [] {
    auto made = std::make_shared<Extent>();
    made->blocks.fill(zeros());
    made->allocated = kExtentBlocks;
    made->summed = true;
    return made;
  }();
  return extent;
}

// Zeros are not told apart from a hole.
std::uint64_t Image::sum_of(Extent& extent, std::uint64_t first) {
  if (extent.summed) return extent.sum;
  extent.sum = 0;
  for (std::size_t i = 0; i < kExtentBlocks; ++i) {
    Block* block = extent.blocks[i].get();
    if (block == nullptr) continue;
    if (block->hash == 0) block->hash = hash_of(Bytes(block->bytes));
    if (block->hash != zeros()->hash) extent.sum += mix(block->hash + (first + i) * kOdd);
  }
  extent.summed = true;
  return extent.sum;
}

std::uint64_t Image::hash(const Content& content) {
  std::uint64_t sum = mix(content.bytes + kOdd);
  for (std::size_t i = 0; i < content.extents.size(); ++i) {
    if (content.extents[i]) sum += sum_of(*content.extents[i], i * kExtentBlocks);
  }
  return sum;
}

std::shared_ptr<const void> Image::block(InodeId inode, std::uint64_t index) const {
  const Inode* there = inode_of(inode);
  if (there == nullptr || there->directory) return nullptr;
  const std::uint64_t at = index / kExtentBlocks;
  const auto& extents = there->content->extents;
  if (at >= extents.size() || !extents[at]) return nullptr;
  return extents[at]->blocks[index % kExtentBlocks];
}

std::uint64_t Image::hash(InodeId inode, std::uint64_t offset, std::uint64_t count) const {
  const Inode* there = inode_of(inode);
  const Block* block = there == nullptr || there->directory
                           ? nullptr
                           : block_of(*there->content, offset / kBlockBytes);
  if (block == nullptr) block = zeros().get();
  return hash_of(Bytes(block->bytes).subspan(offset % kBlockBytes, count));
}

std::uint64_t Image::outline() const {
  std::uint64_t sum = 0;
  for (const Entry& entry : entries_) {
    sum += mix(mix(entry.directory * kOdd ^ entry.inode) ^ hash_of(std::string_view(entry.name)));
  }
  for (const Inode& inode : inodes_) {
    const std::uint64_t which = mix(inode.id * 2 + (inode.directory ? 1 : 0));
    sum += inode.directory
               ? which
               : mix(which ^ mix(inode.content->bytes * kOdd + bytes_allocated(*inode.content)));
  }
  return sum;
}

std::uint64_t Image::hash(InodeId directory, std::string_view without) const {
  std::uint64_t sum = 0;
  for (const Entry& entry : entries_) {
    if (entry.directory != directory) continue;
    if (!without.empty() && entry.name.starts_with(without)) continue;
    const Inode* inode = inode_of(entry.inode);
    if (inode == nullptr || inode->directory) continue;
    sum += mix(hash(*inode->content) ^ hash_of(std::string_view(entry.name)));
  }
  return sum;
}

}  // namespace pinaflux::sim
