// Image: what a disk holds at one moment: directories, names and the bytes of files. A value.
//
// Promise    Copying costs a few pointers: files and their blocks are shared until one side writes.
// Limits     Names are looked up linearly within the image: made for tens of files.
// Threads    One owner at a time; images that share blocks belong to the same thread.
// Tests      tests/platform/sim/disk_test.cc
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/base/time.h"

namespace pinaflux::sim {

// Of any bytes, to tell them apart; never 0.
std::uint64_t hash_of(Bytes bytes);

using InodeId = std::uint64_t;  // 0: none. Never used again on the same disk.

// Something that was done to a disk, with everything that doing it again needs.
struct Operation {
  enum class Kind : std::uint8_t {
    write,           // `bytes` at `offset` of `inode`.
    truncate,        // `inode` has `offset` bytes now.
    reserve,         // The first `offset` bytes of `inode` have their blocks.
    punch,           // `count` bytes at `offset` of `inode` are zeros; whole blocks are holes.
    link,            // `name` in `directory` is `inode`; new, or in place of another.
    unlink,          // `name` in `directory` is gone.
    rename,          // Both at once: `name` is gone, `name_to` in `directory_to` is `inode`.
    sync,            // Of `inode`.
    sync_failed,     // The same, but the disk said no: any of its writes may be lost for good.
    sync_refused,    // The same, but nothing was tried, and nothing is lost.
    sync_directory,  // Of `directory`.
  };
  Kind kind = Kind::write;
  bool is_directory = false;  // link: of the inode.
  InodeId inode = 0;
  InodeId directory = 0, directory_to = 0;
  std::uint64_t offset = 0, count = 0;
  std::shared_ptr<const Buffer> bytes;
  std::string name, name_to;
  WallTime time;

  bool is_sync() const { return kind >= Kind::sync; }
  bool is_naming() const { return kind >= Kind::link && kind <= Kind::rename; }
};

class Image {
 public:
  static constexpr InodeId kRoot = 1;
  static constexpr std::uint64_t kBlockBytes = 4096;

  struct Entry {
    InodeId directory = 0;
    InodeId inode = 0;
    std::string name;
  };

  Image();

  // 0: there is no such name.
  InodeId find(InodeId directory, std::string_view name) const;
  bool exists(InodeId inode) const { return inode_of(inode) != nullptr; }
  bool is_directory(InodeId inode) const;
  bool has_name(InodeId inode) const;
  bool is_empty(InodeId directory) const;
  WallTime modified(InodeId inode) const;
  const std::vector<Entry>& entries() const { return entries_; }

  std::uint64_t bytes(InodeId inode) const;
  // In whole blocks; holes take none. Of one file, of all.
  std::uint64_t bytes_allocated(InodeId inode) const;
  std::uint64_t bytes_allocated() const;
  // What writing there would add to it.
  std::uint64_t bytes_needed(InodeId inode, std::uint64_t offset, std::uint64_t bytes) const;
  std::size_t read(InodeId inode, std::uint64_t offset, MutableBytes to) const;

  // An inode that is not there yet is made: its name may come later, or never.
  void write(InodeId inode, std::uint64_t offset, Bytes bytes);
  void truncate(InodeId inode, std::uint64_t bytes);
  void reserve(InodeId inode, std::uint64_t bytes);
  void punch(InodeId inode, std::uint64_t offset, std::uint64_t bytes);
  // Everything but syncs.
  void apply(const Operation& operation);
  // Forgets an inode, whether it has a name or not.
  void forget(InodeId inode);
  std::vector<InodeId> unnamed() const;
  InodeId inode_end() const;  // Above all of them.
  // Forgets every inode without a name.
  void collect();

  // Stands for the bytes of one block: while somebody has it, an equal one is of equal bytes. Null: a hole.
  std::shared_ptr<const void> block(InodeId inode, std::uint64_t index) const;
  // Of `count` bytes within one block.
  std::uint64_t hash(InodeId inode, std::uint64_t offset, std::uint64_t count) const;
  // Of inodes, names, lengths and what is allocated: of all that is no byte of a file, times excepted.
  std::uint64_t outline() const;
  // Of names and bytes of all files in `directory`, except those whose name begins with `without`.
  std::uint64_t hash(InodeId directory, std::string_view without) const;

 private:
  struct Block {
    std::array<std::uint8_t, kBlockBytes> bytes{};
    std::uint64_t hash = 0;  // 0: not computed since the last change.
  };
  static constexpr std::size_t kExtentBlocks = 64;
  struct Extent {
    std::array<std::shared_ptr<Block>, kExtentBlocks> blocks;  // Null: a hole.
    std::uint32_t allocated = 0;                               // Of them.
    bool summed = false;                                       // `sum` is of what they are now.
    std::uint64_t sum = 0;
  };
  struct Content {
    std::uint64_t bytes = 0;
    std::vector<std::shared_ptr<Extent>> extents;  // Null: a hole.
  };
  struct Inode {
    InodeId id = 0;
    bool directory = false;
    WallTime modified;
    std::shared_ptr<Content> content;
  };

  const Inode* inode_of(InodeId id) const;
  Inode& make(InodeId id, bool directory);
  Content& own(InodeId id);
  static std::uint64_t allocated(const Content& content, std::uint64_t extent);
  static const Block* block_of(const Content& content, std::uint64_t index);
  static Extent& own_extent(Content& content, std::uint64_t index);
  static Block& own_block(Content& content, std::uint64_t index);
  static void set_block(Content& content, std::uint64_t index, const std::shared_ptr<Block>& block);
  static void resize(Content& content, std::uint64_t blocks);
  static const std::shared_ptr<Block>& zeros();
  static const std::shared_ptr<Extent>& reserved();
  static std::uint64_t sum_of(Extent& extent, std::uint64_t first);
  static std::uint64_t bytes_allocated(const Content& content);
  static std::uint64_t hash(const Content& content);
  void link(InodeId directory, std::string_view name, InodeId inode);
  void unlink(InodeId directory, std::string_view name);

  std::vector<Inode> inodes_;
  std::vector<Entry> entries_;
};

}  // namespace pinaflux::sim
