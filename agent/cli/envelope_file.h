// Envelope file: envelopes, and the dictionaries between them, out of a stream of bytes: a file of one, of many one after the
// other, or an export (../spool/EXPORT.md), whole, cut off or damaged.
//
// Promise    After damage it goes on at the next header line. Every byte is in a piece, or framing of an export.
// Limits     Memory for one envelope, limits::kOpenedBytesMax and a little, however long the stream is.
// Ownership  A piece's bytes live until the next call.
// Threads    One owner.
// Tests      tests/agent/cli/envelope_file_test.cc
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

// Fills as much as there is; 0: the end.
using ReadBytes = std::function<Result<std::size_t>(MutableBytes)>;

struct EnvelopePiece {
  enum class Kind : std::uint8_t {
    envelope,    // From its line to the end of its frame, or to where the next one begins.
    dictionary,  // A dictionary message, likewise.
    foreign      // Neither: `size` bytes, not all of them in `bytes`.
  };
  Kind kind = Kind::envelope;
  Bytes bytes;
  std::uint64_t at = 0, size = 0;  // In the stream.
  std::uint64_t number = 0;        // Of the envelope, from 1; of a dictionary, of the next one.
};

class EnvelopeFile {
 public:
  explicit EnvelopeFile(ReadBytes read) : read_(std::move(read)) {}

  // Nothing: the end. Errors: those of reading; newer (of an export).
  Result<std::optional<EnvelopePiece>> next();
  // The last piece did not open. If another header line stands within it (it was cut off, and its frame's lengths led
  // beyond), it ends there, and so does what is given back.
  EnvelopePiece damaged();

  // At the end: what is wrong with the file as a whole. Its envelopes vouch for themselves.
  Status ending() const;

 private:
  Bytes ahead() const { return Bytes(window_).subspan(begin_); }
  Status fill(std::size_t count);
  void consume(std::size_t count);
  // Of an export: true if something was passed.
  Result<bool> pass_framing();
  Status begin_export(std::string_view line);
  void end_export(std::string_view line);
  Result<std::size_t> length_of_envelope();
  std::size_t find_line(std::size_t from) const;
  Result<EnvelopePiece> foreign();

  ReadBytes read_;
  Buffer window_;
  std::size_t begin_ = 0;           // Of what is not consumed, in window_.
  std::uint64_t at_ = 0;            // The same, in the stream.
  bool ended_ = false;              // The stream: window_ has its end.
  EnvelopePiece last_;              // Not consumed yet.
  std::uint64_t count_ = 0;         // Envelopes,
  std::uint64_t dictionaries_ = 0;  // and the others.

  struct Export {
    std::uint64_t at = 0, entries_before = 0;
    bool ended = false;   // Its last line was there,
    bool counted = true;  // and counted what was found.
  };
  std::optional<Export> export_;
};

}  // namespace pinaflux
