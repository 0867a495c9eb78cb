#include "agent/spool/letter_report.h"

#include <cinttypes>
#include <cstdio>

#include "agent/seal/row_json.h"

namespace pinaflux {

namespace {

constexpr const char* kTable = "%-8s %-20s %-14s %-24s %-16s %-14s %s\n";

std::string hash_text(std::uint64_t hash) {
  char text[20];
  std::snprintf(text, sizeof text, "%016" PRIx64, hash);
  return text;
}

// To the second: the table is for eyes.
std::string moment(Stamp time) {
  return time.boot == 0 ? iso_time(time.ns).substr(0, 19) + "Z" : "clock not right";
}

// What came, or what is kept of it.
std::uint64_t bytes_of(const Letter& letter) {
  return letter.bytes > 0 ? letter.bytes : letter.kept;
}

// A stream's name is the sender's: a terminal is not to obey it.
std::string harmless(std::string_view text) {
  std::string safe(text);
  for (char& c : safe) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return safe;
}

void append_text_or_null(JsonWriter& to, std::string_view text) {
  if (text.empty()) {
    to.null();
  } else {
    to.string(text);
  }
}

std::string record_text(const LetterView& view) {
  if (view.row != nullptr) {
    JsonWriter json;
    append_json_record(json, *view.row);
    return json.take();
  }
  if (view.letter.kept > 0 && view.letter.form == Letter::Form::bytes) {
    return "none: the bytes are kept, encrypted; read them as root with --raw, send them in mended "
           "with `edit`";
  }
  if (view.letter.kept > 0) return "does not open: its key is gone, or it is damaged";
  return "not kept: only its length and its keyed hash";
}

const char* outcome_name(Replay::Outcome outcome) {
  switch (outcome) {
    case Replay::Outcome::taken: return "taken";
    case Replay::Outcome::refused: return "refused";
    case Replay::Outcome::stays: return "stays";
    case Replay::Outcome::waits: break;
  }
  return "?";
}

}  // namespace

void begin_letters(JsonWriter& to, std::string_view member) {
  to.begin_object().key("schema").string("pinaflux.dead-letters/1").key(member).begin_array();
}

void append_letter(JsonWriter& to, const LetterView& view, bool whole) {
  const Letter& letter = view.letter;
  to.begin_object().key("id").number(letter.id);
  if (letter.time.boot == 0) {
    to.key("time").string(iso_time(letter.time.ns));
  } else {
    to.key("since_boot_ns").number(letter.time.ns).key("boot").number(letter.time.boot);
  }
  to.key("source");
  append_text_or_null(to, letter.source);
  to.key("stream");
  append_text_or_null(to, view.row == nullptr ? "" : view.row->shape->stream());
  to.key("reason").string(letter.reason).key("node");
  append_text_or_null(to, letter.node);
  to.key("bytes").number(bytes_of(letter)).key("count").number(letter.count);
  to.key("lane");
  append_text_or_null(to, letter.lane);
  to.key("peer");
  append_text_or_null(to, letter.peer);
  to.key("why");
  append_text_or_null(to, view.why);
  to.key("kept").boolean(letter.kept > 0).key("form");
  append_text_or_null(to, letter.kept == 0                     ? ""
                          : letter.form == Letter::Form::bytes ? "bytes"
                                                               : "record");
  if (whole) {
    to.key("hash")
        .string(hash_text(letter.hash))
        .key("position")
        .number(std::uint64_t{letter.position});
    to.key("record");
    if (view.row == nullptr) {
      to.null();
    } else {
      append_json_record(to, *view.row);
    }
  }
  to.end_object();
}

std::string letters_title() {
  char line[160];
  std::snprintf(line, sizeof line, kTable, "id", "time", "source", "stream", "reason", "node",
                "bytes");
  return line;
}

std::string letter_line(const LetterView& view) {
  const Letter& letter = view.letter;
  const std::string stream = view.row == nullptr ? "-" : harmless(view.row->shape->stream());
  std::string bytes = std::to_string(bytes_of(letter));
  if (letter.count > 1) bytes += " of " + std::to_string(letter.count) + " more like it";
  char line[2048];
  std::snprintf(line, sizeof line, kTable, std::to_string(letter.id).c_str(),
                moment(letter.time).c_str(), letter.source.empty() ? "-" : letter.source.c_str(),
                stream.c_str(), letter.reason.c_str(),
                letter.node.empty() ? "-" : letter.node.c_str(), bytes.c_str());
  return line;
}

std::string letter_text(const LetterView& view) {
  const Letter& letter = view.letter;
  std::string text = "letter   " + std::to_string(letter.id) + "\n";
  text += "time     " + moment(letter.time) + "\nsource   " +
          (letter.source.empty() ? "-" : letter.source);
  if (!letter.peer.empty()) text += ", sent by " + letter.peer;
  text += "\n";
  text += "reason   " + letter.reason;
  if (!letter.node.empty()) text += ", by node " + letter.node;
  if (!letter.lane.empty()) text += ", in lane " + letter.lane;
  if (!view.why.empty()) text += "\nwhy      " + harmless(view.why);
  text += "\nbytes    " + std::to_string(bytes_of(letter));
  if (letter.count > 1) text += " of " + std::to_string(letter.count) + " that came in a flood";
  if (letter.bytes > 0 && letter.count == 1) {
    text += ", keyed hash " + hash_text(letter.hash);
    if (letter.lane.empty()) text += ", fault at byte " + std::to_string(letter.position);
  }
  return text + "\nrecord   " + record_text(view) + "\n";
}

std::string replays_json(std::span<const Replay> replays) {
  JsonWriter j;
  begin_letters(j, "replayed");
  for (const Replay& replay : replays) {
    j.begin_object().key("id").number(replay.letter);
    j.key("outcome").string(outcome_name(replay.outcome));
    if (replay.outcome == Replay::Outcome::refused) {
      j.key("reason").string(reason_name(replay.reason));
    } else if (replay.outcome == Replay::Outcome::stays) {
      j.key("why").string(replay.why);
    }
    j.end_object();
  }
  j.end_array().end_object();
  return j.take();
}

std::string replays_text(std::span<const Replay> replays) {
  std::string text;
  for (const Replay& replay : replays) {
    text += "letter " + std::to_string(replay.letter) + ": ";
    if (replay.outcome == Replay::Outcome::taken) {
      text += "replayed and on disk; the letter is gone\n";
    } else if (replay.outcome == Replay::Outcome::refused) {
      text += std::string("refused again (") + reason_name(replay.reason) +
              "): it is a new letter\n  -> see `pinaflux dead-letters list`\n";
    } else {
      text += std::string("not replayed: ") + replay.why + "; the letter stays\n";
    }
  }
  return text;
}

std::string drops_json(std::span<const LetterId> ids) {
  JsonWriter j;
  begin_letters(j, "dropped");
  for (const LetterId id : ids) j.number(id);
  j.end_array().end_object();
  return j.take();
}

}  // namespace pinaflux
