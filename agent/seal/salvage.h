// Salvage: what a damaged envelope still says, and where it is damaged.
//
// Promise    Opener::open() refuses such an envelope; what comes out of here is to be marked as what it is. `proof` says
//            what vouches for the values; for what they were before the damage nothing else does.
// Limits     Those of an Opener: limits::kOpenedBytesMax, and the arena's.
// Ownership  Rows live in the arena and the Shapes that were handed over; fields_lost until the next examine().
// Threads    One owner at a time: it holds scratch memory.
// Tests      tests/agent/seal/salvage_test.cc, tests/fuzz/open_fuzz.cc
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agent/seal/body.h"
#include "agent/seal/compress.h"
#include "agent/seal/envelope.h"

namespace pinaflux {

struct Salvaged {
  enum class Part : std::uint8_t { line, frame, body };
  enum class Proof : std::uint8_t {
    none,  // Nothing: a value may be another than the one that was sealed.
    // The body's own (with a dictionary it has none): values are as they were sealed; whose they are is not proven.
    checksum,
    hash  // The envelope's: all is as it was sealed.
  };

  Error why;                 // The first thing that is wrong.
  Part part = Part::line;    // Where it is,
  std::size_t at = 0;        // and at which byte of the envelope.
  Header header;             // As far as it could be read.
  bool range_known = false;  // header.range fits the records of the body.
  Proof proof = Proof::none;
  std::size_t frame_at = 0;                    // Where the frame begins, in the envelope.
  std::size_t plain = 0, plain_whole = 0;      // Bytes of the body that unpack, of so many.
  seal::Reached reached;                       // In the body.
  std::span<const std::uint32_t> fields_lost;  // Of each row that was salvaged.
};

class Salvager {
 public:
  // As Opener::look_in().
  void look_in(const Dictionaries* dictionaries) { dictionaries_ = dictionaries; }
  // Of an envelope that an Opener refuses. Appends the rows that have at least their times.
  Salvaged examine(Bytes envelope, Shapes& shapes, Arena& arena, std::vector<Row>& rows);

 private:
  void look(HeaderLine& line, Salvaged& found);
  void judge(const HeaderLine& line, const Decompressor::Unpacked& frame, bool more,
             Salvaged& found);

  const Dictionaries* dictionaries_ = nullptr;
  Decompressor decompressor_;
  seal::BodyReader reader_;
  Buffer plain_;
};

}  // namespace pinaflux
