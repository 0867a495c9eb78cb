// DamagedFile: a spool.db that SQLite does not open, read page by page as bytes.
//
// Promise    Trusts nothing: whatever the bytes are, it gives rows that look like ours, or none. A row is
//            what the last whole transaction left: of each page the newest committed image in the WAL
//            counts, else the file's.
// Limits     One bit of memory a page, 12 bytes a page that the WAL holds.
// Threads    Storage worker.
// Tests      tests/agent/spool/salvage_test.cc
// Source     https://www.sqlite.org/fileformat2.html
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux {

class DamagedFile {
 public:
  using Page = std::uint32_t;  // Counts from 1.

  // One column of a row. Bytes of text and blobs are in the payload.
  struct Column {
    enum class Type { null, integer, real, text, blob };
    Type type = Type::null;
    std::int64_t integer = 0;
    std::size_t offset = 0, length = 0;  // In the payload.
  };
  struct Row {
    std::int64_t id = 0;  // The rowid; 0 in a table without.
    std::vector<Column> columns;
    Buffer start;                   // Of the payload: what its own page holds.
    std::size_t payload_bytes = 0;  // All of it.
    Page more = 0;                  // First page of the rest; 0: there is none.

    // False: not wholly in `start`.
    bool holds(const Column& column) const { return column.offset + column.length <= start.size(); }
    Bytes bytes(const Column& column) const {
      return Bytes(start).subspan(column.offset, column.length);
    }
  };

  // `path` names the database; its WAL is beside it, or is not.
  static Result<std::unique_ptr<DamagedFile>> open(Files& files, const std::string& path);

  Page page_count() const { return page_count_; }
  // The list of free pages is whole: is_free() is exact, and what lies in the others is current.
  bool knows_free() const { return knows_free_; }
  bool is_free(Page page) const { return free_[page]; }

  // Every row that is in the page, if it is the leaf of a table (or, of tables without rowid, any node).
  Status rows(Page page, const std::function<void(const Row&)>& found);
  // The whole payload of a row; corrupt: the chain of its pages is broken. `pages`: those that it took.
  Status payload(const Row& row, Buffer& to, std::vector<Page>& pages);

  // Nobody needs these pages of the file any more: what can be given back to the disk, is.
  Status release(std::span<const Page> pages);
  std::uint64_t bytes_on_disk();

 private:
  static constexpr std::size_t kPageBytes = 1024;
  using Image = std::array<std::uint8_t, kPageBytes>;

  DamagedFile() = default;
  void read_wal(Files& files, const std::string& path);
  void read_free_list();
  Status trim();
  Status read(Page page, Image& to);

  std::unique_ptr<File> file_, wal_;
  std::unordered_map<Page, std::uint64_t> in_wal_;  // Offset of the newest committed image.
  Page page_count_ = 0;
  std::vector<bool> free_;      // By page.
  std::vector<bool> released_;  // By page: free leaves, and what release() was told.
  bool knows_free_ = false;
};

}  // namespace pinaflux
