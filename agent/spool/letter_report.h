// Letter report: dead letters in words, for an operator and for a machine.
//
// Format     "pinaflux.dead-letters/1" has one of these members, on one line:
//              letters   of `list` and `show`: objects; `show` adds hash, position and record to its one. `form`:
//                        what is kept: record, bytes (as they came, encrypted), or null
//              dropped   ids
//              replayed  {id, outcome: taken|refused|stays, reason or why}
// Promise    Of a record nothing is shown but what the letter holds: masked. Of bytes, nothing.
// Threads    Pure functions; any.
// Tests      tests/agent/spool/letter_operations_test.cc (golden)
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/data/replay.h"
#include "agent/spool/letters.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

// A letter, and its record; null: it has none, or it does not open.
struct LetterView {
  const Letter& letter;
  const Row* row = nullptr;
  std::string_view why = {};  // The rule that refused it; empty: its node does not say.
};

void begin_letters(JsonWriter& to, std::string_view member);  // Up to the members of the array.
void append_letter(JsonWriter& to, const LetterView& view, bool whole);
std::string letters_title();  // Of the table.
std::string letter_line(const LetterView& view);
std::string letter_text(const LetterView& view);  // All of one.
std::string replays_json(std::span<const Replay> replays);
std::string replays_text(std::span<const Replay> replays);
std::string drops_json(std::span<const LetterId> ids);

}  // namespace pinaflux
