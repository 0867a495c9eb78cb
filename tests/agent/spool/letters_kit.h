// What the tests of dead letters share: refusing records, and reading what was kept.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/spool/letters.h"
#include "agent/spool/operation.h"
#include "agent/spool/store.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

struct HeldLetter {
  Letter letter;
  Buffer body;
  std::string why;
};

// All of them, in one step.
class ReadLetters : public Operation {
 public:
  Result<bool> step(const Access& access, Buffer& out) override {
    out.clear();
    Letters& letters = *access.store.letters;
    const auto totals_now = letters.totals();
    REQUIRE(totals_now.has_value());
    totals = *totals_now;
    for (LetterId from = 0;;) {
      const auto letter = letters.at_or_after(from);
      REQUIRE(letter.has_value());
      if (!*letter) return false;
      HeldLetter& one = held.emplace_back(**letter, Buffer(), "");
      REQUIRE(letters.content(one.letter, one.body).has_value());
      one.why = take_why(one.letter, one.body);
      from = one.letter.id + 1;
    }
  }

  std::vector<HeldLetter> held;
  Letters::Totals totals;
};

struct LettersFixture : SpoolFixture {
  // A record {n, text} of boiler/flow that `node` refused.
  void refuse(std::int64_t n, std::string_view text, std::string node = "dry",
              Reason reason = Reason::node_failed, std::string why = {},
              std::string_view peer = {}) {
    static constexpr std::string_view kFields[] = {"n", "text"};
    auto cells = group.arena.array<Value>(2);
    REQUIRE(!cells.empty());
    cells[0] = Value::int64(n);
    cells[1] = Value::text(group.arena.copy(text));
    const Row row{shapes.intern("boiler/flow", kFields), cells.data(), Stamp::wall({n * 1'000})};
    group.kept.push_back({group.refusals.size(), record_of(row), std::move(node), std::move(why)});
    group.refusals.push_back({.source = 0, .reason = reason, .peer = peer});
  }
  std::string noise_text(std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) {
      noise ^= noise << 13;
      noise ^= noise >> 7;
      noise ^= noise << 17;
      text += static_cast<char>('!' + (noise >> 32) % 90);
    }
    return text;
  }

  ReadLetters read() {
    ReadLetters letters;
    Buffer none;
    REQUIRE(spool->operate(letters, none).has_value());
    return letters;
  }
  std::vector<LetterId> ids() {
    std::vector<LetterId> all;
    for (const auto& one : read().held) all.push_back(one.letter.id);
    return all;
  }
  // "stream n text" of a kept record; empty: it does not open.
  static std::string text_of(const Buffer& body) {
    Shapes shapes;
    Arena arena(limits::kOpenedBytesMax);
    std::vector<Row> rows;
    if (body.empty() || !Opener().open_body(body, shapes, arena, rows)) return "";
    REQUIRE(rows.size() == 1);
    return std::string(rows[0].shape->stream()) + " " +
           std::to_string(rows[0].values[0].as_int64()) + " " +
           std::string(rows[0].values[1].as_text());
  }
  std::string files_text() const {
    std::string all;
    for (const char* name : {"/spool.db", "/spool.db-wal"})
      all += kit::file_text(options.directory + name);
    return all;
  }
};

}  // namespace pinaflux::spool_kit
