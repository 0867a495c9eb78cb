#include "agent/spool/letter_operations.h"

#include <algorithm>
#include <utility>

#include "agent/spool/store.h"

namespace pinaflux {

namespace {

constexpr std::size_t kArenaBytesMax = 4 * 1024 * 1024;  // Of one record, opened.
constexpr std::int64_t kDropBytes = 64 * 1024;           // Of the pages that it touches.

Result<Letter> letter_named(Letters& letters, LetterId id) {
  auto letter = letters.at_or_after(id);
  if (!letter) return std::unexpected(letter.error());
  if (!*letter || (*letter)->id != id) {
    return fail(Code::not_found,
                "there is no such dead letter (any more), nothing was done: see `pinaflux "
                "dead-letters list`");
  }
  return std::move(**letter);
}

}  // namespace

LetterOpener::LetterOpener() : arena_(kArenaBytesMax) {}

Result<const Row*> LetterOpener::open(Letters& letters, const Letter& letter) {
  why_.clear();
  if (letter.form == Letter::Form::bytes) return nullptr;
  if (Status s = letters.content(letter, body_); !s) return std::unexpected(s.error());
  why_ = take_why(letter, body_);
  if (body_.empty()) return nullptr;
  rows_.clear();
  arena_.reset();
  shapes_ = std::make_unique<Shapes>();
  const bool opened = opener_.open_body(body_, *shapes_, arena_, rows_).has_value();
  return opened && rows_.size() == 1 ? rows_.data() : nullptr;
}

Result<bool> ListLetters::step(const Access& access, Buffer& out) {
  if (!std::exchange(begun_, true)) begin(out);
  Letters& letters = *access.store.letters;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < kStepEntries && bytes < kStepBytes; ++i) {
    const auto letter = letters.at_or_after(next_);
    if (!letter) return std::unexpected(letter.error());
    if (!*letter) {
      if (form_ == LetterForm::json) append(out, "]}\n");
      return false;
    }
    const auto row = opener_.open(letters, **letter);
    if (!row) return std::unexpected(row.error());
    print({**letter, *row, opener_.why()}, out);
    next_ = (*letter)->id + 1;
    bytes += (*letter)->kept + Letters::kRowBytes;
  }
  return true;
}

void ListLetters::begin(Buffer& out) {
  if (form_ == LetterForm::text) return append(out, letters_title());
  JsonWriter json;
  begin_letters(json, "letters");
  append(out, json.text());
}

void ListLetters::print(const LetterView& view, Buffer& out) {
  if (form_ == LetterForm::text) return append(out, letter_line(view));
  JsonWriter json;
  append_letter(json, view, false);
  if (shown_++ > 0) append(out, ",");
  append(out, json.text());
}

Result<bool> ShowLetter::step(const Access& access, Buffer& out) {
  Letters& letters = *access.store.letters;
  const auto letter = letter_named(letters, id_);
  if (!letter) return std::unexpected(letter.error());
  const auto row = opener_.open(letters, *letter);
  if (!row) return std::unexpected(row.error());
  if (form_ == LetterForm::text) {
    append(out, letter_text({*letter, *row, opener_.why()}));
    return false;
  }
  JsonWriter json;
  begin_letters(json, "letters");
  append_letter(json, {*letter, *row, opener_.why()}, true);
  json.end_array().end_object();
  append(out, json.text() + "\n");
  return false;
}

Result<bool> ShowBytes::step(const Access& access, Buffer& out) {
  Letters& letters = *access.store.letters;
  const auto letter = letter_named(letters, id_);
  if (!letter) return std::unexpected(letter.error());
  if (letter->kept == 0 || letter->form != Letter::Form::bytes) {
    return fail(Code::not_found, "no bytes are kept of this letter: look with `show`");
  }
  Buffer packed;
  const Status read = letters.content(*letter, packed);
  const auto refused = read ? RefusedBytes::open(packed) : std::nullopt;
  if (refused) append(out, refused->bytes);
  wipe(packed);
  bytes_whole_ = letter->bytes;
  if (!read) return std::unexpected(read.error());
  if (!refused) return fail(Code::invalid, "the letter's bytes do not open: drop it");
  return false;
}

std::int64_t DropLetters::bytes_written(const Access& access) const {
  (void)access;
  return kDropBytes;
}

Result<bool> DropLetters::step(const Access& access, Buffer& out) {
  Letters& letters = *access.store.letters;
  for (const LetterId id : ids_) {
    if (const auto letter = letter_named(letters, id); !letter) {
      return std::unexpected(letter.error());
    }
  }
  if (Status s = letters.erase(ids_); !s) return std::unexpected(s.error());
  if (Status s = access.store.count_letters(); !s) return std::unexpected(s.error());
  const std::string text = std::to_string(ids_.size()) +
                           (ids_.size() == 1 ? " dead letter is" : " dead letters are") + " gone";
  append(out, (form_ == LetterForm::json ? drops_json(ids_) : text) + "\n");
  return false;
}

ReplayLetters::~ReplayLetters() {
  for (Replay& replay : replays_) {
    wipe(replay.body);
    wipe({reinterpret_cast<std::uint8_t*>(replay.edited.data()), replay.edited.size()});
  }
}

Result<bool> ReplayLetters::step(const Access& access, Buffer& out) {
  if (replays_.empty()) return read(access);
  reported_ = true;
  if (std::ranges::any_of(replays_,
                          [](const Replay& r) { return r.outcome == Replay::Outcome::waits; })) {
    return fail(Code::unsupported, "a replay goes through the running agent: start it first");
  }
  append(out, form_ == LetterForm::json ? replays_json(replays_) + "\n" : replays_text(replays_));
  return false;
}

Result<bool> ReplayLetters::read(const Access& access) {
  Letters& letters = *access.store.letters;
  std::vector<Replay> replays;
  for (const LetterId id : ids_) {
    const auto letter = letter_named(letters, id);
    if (!letter) return std::unexpected(letter.error());
    if (letter->kept == 0) {
      return fail(
          Code::not_found,
          "there is nothing to replay: of what was refused before it was masked only length "
          "and hash are kept; look with `pinaflux dead-letters show`, then drop it");
    }
    if (!letter->lane.empty()) {
      return fail(Code::unsupported,
                  "this record had been through the pipeline already and was too large for its "
                  "lane: mask or drop fields of its stream, then drop the letter");
    }
    if (letter->node.contains(KeptRecord::kGivenBy)) {
      return fail(Code::unsupported,
                  "a node made this record of others, which cannot be given to it again: mend the "
                  "node behind it, take the values from `show`, then drop the letter");
    }
    Replay& replay = replays.emplace_back();
    replay.letter = id;
    replay.source = letter->source;
    replay.raw = letter->form == Letter::Form::bytes;
    if (Status s = letters.content(*letter, replay.body); !s) return std::unexpected(s.error());
    (void)take_why(*letter, replay.body);
    const auto refused = replay.raw ? RefusedBytes::open(replay.body) : std::nullopt;
    if (refused && refused->bytes.size() < letter->bytes && edited_.empty()) {
      return fail(Code::not_found,
                  "the beginning of these bytes is kept, not all of them: `edit` sends in what you "
                  "write in their place");
    }
    if (replay.body.empty() || (replay.raw && !refused)) {
      return fail(Code::invalid, "the letter's record does not open: drop it");
    }
  }
  if (!edited_.empty()) replays.front().edited = std::move(edited_);
  replays_ = std::move(replays);
  return true;
}

bool ReplayLetters::damaged() const {
  return std::ranges::any_of(replays_,
                             [](const Replay& r) { return r.outcome != Replay::Outcome::taken; });
}

}  // namespace pinaflux
