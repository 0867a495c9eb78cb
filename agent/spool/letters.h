// Letters: the dead letters of a spool: what was refused, with the masked record where there is one.
//
// Promise    A record is kept only as a Record: masked. In an encrypted spool it is in cipher text, its stream's
//            name included. Bytes that could not be read are raw: they are kept in cipher text, or not at all.
//            What the commit replays is gone with it.
// Limits     bytes_max of rows and contents: the oldest go first. In one commit the refusals of one source for
//            one reason are written one by one up to kEach, then as one row. A content takes at most a quarter of
//            the budget, those of one commit half of it: beyond, the row stays without.
// Errors     sqlite.h's.
// Ownership  Database and Encryption must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/spool/letters_test.cc. Table: FORMAT.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/data/group.h"
#include "agent/seal/envelope.h"
#include "agent/spool/encryption.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

struct Letter {
  LetterId id = 0;
  Stamp time;  // Of the commit that refused it.
  std::string source, reason, node;
  std::string peer;            // That sent it, if the source knows.
  std::string lane;            // That it had reached; mostly it had not.
  std::uint64_t bytes = 0;     // As they came, of all that the row stands for; 0: not known.
  std::uint64_t hash = 0;      // Keyed.
  std::uint32_t position = 0;  // Of the fault in the bytes.
  std::uint64_t count = 1;     // Above 1: the rest of a flood.
  std::uint64_t kept = 0;      // Bytes of the content as it is stored; 0: there is none.
  // Of the content: the record, as a body of one row; raw bytes as RefusedBytes packs them; the record behind the text why it was
  // refused, which take_why() takes off.
  enum class Form : std::uint8_t { record, bytes, explained };
  Form form = Form::record;
  Encryption::KeyId key = 0;  // Of it.
};

// Of a content that is `explained`: its text, and leaves the record's body; else nothing.
std::string take_why(const Letter& letter, Buffer& content);

// What is stored as the content of a letter, in plain text; empty: it does not open.
void open_content(Encryption& encryption, const Letter& letter, Bytes stored, Buffer& body);

class Letters {
 public:
  static constexpr std::size_t kEach = Group::kKeptEach;
  static constexpr std::uint64_t kRowBytes = 64;  // Of a row, its share of the page included.

  struct Totals {
    std::uint64_t letters = 0;  // Refusals that the rows stand for.
    std::uint64_t rows = 0;
    std::uint64_t contents = 0;  // Bytes.
    std::uint64_t bytes() const { return rows * kRowBytes + contents; }
  };

  // Columns that the file has, see schema.cc. Without all of them nothing is written.
  enum class Columns { first, contents, forms, all };
  static Result<Columns> columns(sqlite::Database& database);
  Letters(const sqlite::Database& database, Encryption& encryption, std::uint64_t bytes_max,
          Columns columns = Columns::all);

  // Of a spool of so many bytes, if its options do not say.
  static std::uint64_t bytes_for(std::uint64_t spool_bytes);
  // Bytes that write() may add, roughly.
  std::uint64_t estimate(const Group& group) const;

  // What the group refused and replayed. `sources` are names by SourceIndex.
  Status write(const Group& group, const std::vector<std::string>& sources, Stamp now);
  // Of a record that its lane gives up, as the lane got it: one that fits into no envelope, or that `node` refuses. One
  // that is too large for a letter as well is kept as its length and keyed hash. `left`: bytes that contents may
  // take in this commit, at first given_up_bytes_max().
  Status write_given_up(const Row& row, const std::string& lane, const char* reason,
                        const std::string& node, Stamp now, std::uint64_t& left);
  std::uint64_t given_up_bytes_max() const { return bytes_max_ / 2; }
  Status erase(std::span<const LetterId> ids);  // Those that there are.
  // A letter of another file, under an id of its own. Its hash is as that file had it.
  Status restore(Letter letter, Bytes body);
  Result<Totals> totals();
  // The first with this id or a greater one.
  Result<std::optional<Letter>> at_or_after(LetterId id);
  // In plain text, by the letter's form; empty: there is none, or it does not open. Whoever asks for bytes wipes.
  Status content(const Letter& letter, Buffer& body);

  // Writes contents anew that are not stored as new ones would be (in plain text, or under another key; raw bytes
  // are dropped where they would be in plain text), from
  // `from` on and at most about kConvertedBytes, in the running transaction. How many; `from` is moved.
  static constexpr std::uint64_t kConvertedBytes = 128 * 1024;
  Result<std::size_t> convert(LetterId& from);

 private:
  struct Commit;
  Status write_one(Commit& commit, const Refusal& refusal, const KeptRecord* kept);
  Status write_bytes(Commit& commit, const Refusal& refusal, const KeptBytes& kept);
  Status write_letter(std::uint64_t& budget, const Letter& letter, Bytes content);
  Result<std::uint64_t> hash_of(Bytes body);
  Result<std::uint64_t> encode(Sealer& sealer, const Row& row, const std::string& why,
                               std::uint64_t& left);
  std::uint64_t stored_bytes(Bytes content) const;
  Status make_room(std::uint64_t& left, std::uint64_t bytes);
  Status put(const Letter& letter, std::uint64_t stored_hash);
  Status put_content(const Letter& letter, Bytes body);
  Status drop_content(LetterId id);
  Result<LetterId> last_id();

  Encryption* encryption_ = nullptr;
  std::uint64_t bytes_max_ = 0;
  sqlite::Statement put_, erase_, totals_, at_, content_, set_content_, drop_content_, last_,
      epoch_, mark_;
  Buffer body_, sealed_;  // Scratch.
};

// What one transaction keeps of the records that lanes give up.
struct GivenUp {
  GivenUp(Letters& to, Stamp at) : letters(to), now(at), bytes_left(to.given_up_bytes_max()) {}
  Status keep(const Row& row, const std::string& lane, const char* reason,
              const std::string& node = {});

  Letters& letters;
  Stamp now;
  std::uint64_t bytes_left;  // For contents.
  bool any = false;
};

}  // namespace pinaflux
