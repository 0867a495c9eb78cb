// Envelope: the immutable unit of sending, and the sealer and opener of it. Bytes: FORMAT.md.
//
// Promise    open(seal(rows)) gives the same rows, bit by bit, in the same order. The opener trusts
//            nothing: whatever the bytes are, it gives rows or an error, within the limits. An envelope stands alone,
//            unless it names the dictionary that it was packed with.
// Limits     limits::kEnvelopeBytesMax whole, kOpenedBytesMax after decompression.
// Ownership  Rows that an Opener gives live in the arena handed to it, shapes in the Shapes handed
//            to it.
// Threads    A Sealer or an Opener has one owner at a time; they hold scratch memory.
// Tests      tests/agent/seal/, tests/fuzz/open_fuzz.cc
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/data/identity.h"
#include "agent/data/record.h"
#include "agent/seal/dictionary.h"
#include "agent/seal/parts.h"
#include "platform/base/arena.h"
#include "platform/base/result.h"

namespace pinaflux {

// The printable first line, decoded.
struct Header {
  int version = 1;  // 2: it has a dictionary.
  std::string gateway;
  std::string lane;
  Epoch epoch{};
  Range range;                   // seq of the first and the last record; empty for tombstones only.
  std::uint64_t every = 1;       // Thinned: the body holds the seqs of `range` that this divides.
  std::uint64_t count = 0;       // Records in the body.
  std::uint64_t floor = 0;       // Lowest seq of the lane not acknowledged when it was sealed.
  Stamp time_first, time_last;   // Smallest and largest record time in the body.
  std::uint64_t generation = 0;  // Of the configuration.
  Digest previous{};             // Hash of the lane's preceding envelope; kNoDigest for the first.
  Digest hash{};                 // Of header (without this field) and body.
  std::string dictionary;        // Id of what the body was packed with; empty: it stands alone.
  std::vector<std::pair<std::string, std::string>> extra;  // Unknown keys, carried as they came.
  // Behind the hash, which does not cover them: a signature, what a relay noted. Not to be believed for standing there.
  std::vector<std::pair<std::string, std::string>> appended;
};

// The W3C trace context (key `trace`); empty: there is none, or what stands there is none.
std::string_view trace_of(const Header& header);

// A header line, read as far as it can be.
struct HeaderLine {
  Header header;             // What could not be read is as in Header().
  Status read;               // Errors: corrupt, newer; the first one.
  std::size_t at = 0;        // Where in the line that is.
  bool range_known = false;  // header.range and header.every were read.
  std::string_view covered;  // By the hash, with the body.
  Bytes body;                // All behind the line.

  explicit HeaderLine(Bytes envelope);
  bool hash_fits() const;
};

// It stands for what was sealed before: thinned, a tombstone, or the end of one that was split.
bool is_stand_in(const Header& header);
// What the lane's chain is behind it, and so the next one's `previous`: its hash, or, where it stands for
// what was sealed before, what its pair `through` says; kNoDigest: it says nothing.
Digest chain_end(const Header& header);

struct Envelope {
  Header header;
  Buffer bytes;  // Header line, newline, body.
};

enum class Effort : std::uint8_t { fast, standard, max };

class Sealer {
 public:
  Sealer();
  ~Sealer();

  // For measuring: it seals without this part from now on.
  void do_without(Part part);
  // Small envelopes are packed with it from now on, where that saves a tenth of their bodies (nullptr: none is). It must
  // outlive the sealer's use of it. Bodies alone never are.
  void use(const Dictionary* dictionary);
  // What the last envelope's body was before it was packed: for a DictionaryMaker.
  Bytes plain_body() const;
  // Body alone (also what the spool's chunks hold). Appends to `body`. Rows keep their order.
  // Code::full: more than an Opener takes (records, fields, bytes): split the rows.
  Status seal_body(std::span<const Row> rows, Effort effort, Buffer& body);
  // As many leading rows as fit into `bytes_max`; `taken` says how many (at least 1, or Code::full
  // if even one does not fit; 0 rows are an envelope of none). Appends to `envelope`.
  // header.range.first is given; last, count, times and hash are filled in. With header.every above 1 the
  // whole range is given, and the rows are all that it keeps (Code::full: they do not fit). On an
  // error nothing is changed but `taken`.
  Status seal(std::span<const Row> rows, Effort effort, std::size_t bytes_max, Header& header,
              Buffer& envelope, std::size_t& taken);
  // The same in two steps. Between them the envelope has no hash: what will not be sent needs none, and for a
  // few records it is a third of the work.
  Status draft(std::span<const Row> rows, Effort effort, std::size_t bytes_max, Header& header,
               Buffer& envelope, std::size_t& taken);
  static void finish(Header& header, MutableBytes envelope);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Opener {
 public:
  Opener();
  ~Opener();

  // Envelopes with a dictionary are opened if it is there (nullptr: none is). It must outlive the opener's use of it.
  void look_in(const Dictionaries* dictionaries);

  // Header line only; the hash is not checked. Errors: corrupt, newer (a later format version).
  static Result<Header> header(Bytes envelope);
  // The same, and the hash is checked; the body is not opened.
  static Result<Header> verify(Bytes envelope);
  // Verifies the hash, then appends the rows; on an error `rows` is as it was. Errors: corrupt;
  // newer (also an encoding within the body; a dictionary that is not here); full (the arena or Shapes: 10 MiB of arena hold
  // any envelope).
  Result<Header> open(Bytes envelope, Shapes& shapes, Arena& arena, std::vector<Row>& rows);
  Status open_body(Bytes body, Shapes& shapes, Arena& arena, std::vector<Row>& rows);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux
