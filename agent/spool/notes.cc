// Small keyed rows, replaced in place: a cursor that is written in every commit stays in its page.
//
// Dead letters count themselves by their ids, which rise without holes: the oldest are deleted by id, no
// row is counted. A flood of refusals (a sensor that sends garbage at full rate) is folded: the first 16
// of a commit tell an operator what is wrong, the rest are a number.

#include "agent/spool/notes.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace pinaflux {

namespace {

constexpr std::uint64_t kRowOverhead = 96;  // Name, nonce, tag and key included.

struct Fold {
  Refusal sum;
  std::uint64_t count = 0;
};

const std::string& name_of(const std::vector<std::string>& sources, SourceIndex source) {
  static const std::string kUnknown = "?";
  return source < sources.size() ? sources[source] : kUnknown;
}

// The place behind the key.
int bind_key(sqlite::Statement& statement, const Note& note) {
  int place = 1;
  if (note.kind == Note::Kind::cursor) statement.bind(place++, std::string_view(note.source));
  statement.bind(place++, std::string_view(note.key));
  return place;
}

}  // namespace

Notes::Notes(const sqlite::Database& database, std::uint64_t letters_max, Encryption& encryption)
    : letters_max_(letters_max), encryption_(&encryption), sealed_(database, encryption) {
  static constexpr struct {
    sqlite::Statement Notes::* statement;
    const char* sql;
  } kAll[] = {
      {&Notes::put_cursor_, "INSERT OR REPLACE INTO cursors VALUES(?,?,?)"},
      {&Notes::erase_cursor_, "DELETE FROM cursors WHERE source=? AND key=?"},
      {&Notes::all_cursors_, "SELECT source,key,value FROM cursors ORDER BY source,key"},
      {&Notes::put_state_, "INSERT OR REPLACE INTO states VALUES(?,?)"},
      {&Notes::erase_state_, "DELETE FROM states WHERE key=?"},
      {&Notes::all_states_, "SELECT key,value FROM states ORDER BY key"},
      {&Notes::put_letter_,
       "INSERT INTO dead_letters(time,boot,source,reason,bytes,hash,position,count)"
       " VALUES(?,?,?,?,?,?,?,?)"},
      {&Notes::trim_letters_,
       "DELETE FROM dead_letters WHERE id<=(SELECT max(id) FROM dead_letters)-?"},
      {&Notes::count_letters_, "SELECT coalesce(sum(count),0) FROM dead_letters"},
  };
  for (const auto& [statement, sql] : kAll) this->*statement = database.prepare_later(sql);
}

Status Notes::write(const Group& group, const std::vector<std::string>& sources, Stamp now) {
  if (Status s = write_cursors(group, sources); !s) return s;
  if (Status s = write_states(group); !s) return s;
  return write_letters(group, sources, now);
}

std::uint64_t Notes::estimate(const Group& group) {
  std::uint64_t bytes = 0;
  for (const auto& c : group.cursors) bytes += c.key.size() + c.value.size() + kRowOverhead;
  for (const auto& s : group.states) bytes += s.key.size() + s.value.size() + kRowOverhead;
  return bytes + group.refusals.size() * kLetterBytes;
}

// A note is in one of both tables.
Status Notes::put(const Note& note) {
  if (!encryption_->on()) {
    Status s = sealed_.erase(note);
    return s ? put_plain(note) : s;
  }
  Status s = erase_plain(note);
  return s ? sealed_.put(note) : s;
}

Status Notes::erase(const Note& note) {
  Status s = sealed_.erase(note);
  return s ? erase_plain(note) : s;
}

Status Notes::put_plain(const Note& note) {
  sqlite::Statement& statement = note.kind == Note::Kind::cursor ? put_cursor_ : put_state_;
  statement.bind(bind_key(statement, note), Bytes(note.value));
  return statement.run();
}

Status Notes::erase_plain(const Note& note) {
  sqlite::Statement& statement = note.kind == Note::Kind::cursor ? erase_cursor_ : erase_state_;
  bind_key(statement, note);
  return statement.run();
}

Status Notes::write_cursors(const Group& group, const std::vector<std::string>& sources) {
  for (const CursorEdit& edit : group.cursors) {
    const Note note{Note::Kind::cursor, name_of(sources, edit.source), edit.key, edit.value};
    if (Status s = edit.erase ? erase(note) : put(note); !s) return s;
  }
  return {};
}

Status Notes::write_states(const Group& group) {
  for (const StateEdit& edit : group.states) {
    const Note note{Note::Kind::state, {}, edit.key, edit.value};
    if (Status s = edit.value.empty() ? erase(note) : put(note); !s) return s;
  }
  return {};
}

Status Notes::write_letters(const Group& group, const std::vector<std::string>& sources,
                            Stamp now) {
  if (group.refusals.empty()) return {};
  std::vector<Fold> folds;
  for (const Refusal& refusal : group.refusals) {
    auto fold = std::ranges::find_if(folds, [&](const Fold& f) {
      return f.sum.source == refusal.source && f.sum.reason == refusal.reason;
    });
    if (fold == folds.end())
      fold = folds.insert(fold, {{.source = refusal.source, .reason = refusal.reason}, 0});
    if (++fold->count > kLettersEach) {
      fold->sum.byte_count += refusal.byte_count;
    } else if (Status s = write_letter(refusal, 1, name_of(sources, refusal.source), now); !s) {
      return s;
    }
  }
  for (const Fold& fold : folds) {
    if (fold.count <= kLettersEach) continue;
    const std::string& source = name_of(sources, fold.sum.source);
    if (Status s = write_letter(fold.sum, fold.count - kLettersEach, source, now); !s) return s;
  }
  trim_letters_.bind(1, static_cast<std::int64_t>(letters_max_));
  return trim_letters_.run();
}

Status Notes::write_letter(const Refusal& refusal, std::uint64_t count, const std::string& source,
                           Stamp now) {
  put_letter_.bind(1, now.ns);
  put_letter_.bind(2, static_cast<std::int64_t>(now.boot));
  put_letter_.bind(3, std::string_view(source));
  put_letter_.bind(4, std::string_view(reason_name(refusal.reason)));
  put_letter_.bind(5, static_cast<std::int64_t>(refusal.byte_count));
  put_letter_.bind(6, static_cast<std::int64_t>(encryption_->veil(refusal.keyed_hash)));
  put_letter_.bind(7, static_cast<std::int64_t>(refusal.position));
  put_letter_.bind(8, static_cast<std::int64_t>(count));
  return put_letter_.run();
}

Result<std::vector<Note>> Notes::plain(Note::Kind kind) {
  const bool cursor = kind == Note::Kind::cursor;
  sqlite::Statement& statement = cursor ? all_cursors_ : all_states_;
  const sqlite::Reading reading(statement);
  std::vector<Note> notes;
  for (;;) {
    const Result<bool> row = statement.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return notes;
    Note& note = notes.emplace_back();
    note.kind = kind;
    int column = 0;
    if (cursor) note.source = statement.text(column++);
    note.key = statement.text(column++);
    const Bytes value = statement.blob(column);
    note.value.assign(value.begin(), value.end());
  }
}

Result<std::vector<Note>> Notes::all(Note::Kind kind) {
  auto notes = plain(kind);
  if (!notes) return notes;
  auto sealed = sealed_.all(kind);
  if (!sealed) return sealed;
  if (sealed->empty()) return notes;
  std::ranges::move(*sealed, std::back_inserter(*notes));
  std::ranges::sort(*notes, {}, [](const Note& n) { return std::tie(n.source, n.key); });
  return notes;
}

Result<std::size_t> Notes::convert() {
  std::vector<Note> old;
  if (encryption_->on()) {
    for (const auto kind : {Note::Kind::cursor, Note::Kind::state}) {
      auto notes = plain(kind);
      if (!notes) return std::unexpected(notes.error());
      std::ranges::move(*notes, std::back_inserter(old));
    }
  }
  auto sealed = sealed_.old(kConvertedEach);
  if (!sealed) return std::unexpected(sealed.error());
  std::ranges::move(*sealed, std::back_inserter(old));
  if (old.size() > kConvertedEach) old.resize(kConvertedEach);
  for (const Note& note : old) {
    if (Status s = put(note); !s) return std::unexpected(s.error());
  }
  return old.size();
}

Result<Notes::Cursors> Notes::cursors() {
  auto notes = all(Note::Kind::cursor);
  if (!notes) return std::unexpected(notes.error());
  Cursors cursors;
  for (Note& note : *notes) {
    if (cursors.empty() || cursors.back().first != note.source) {
      cursors.emplace_back(note.source, std::vector<std::pair<std::string, Buffer>>());
    }
    cursors.back().second.emplace_back(std::move(note.key), std::move(note.value));
  }
  return cursors;
}

Result<std::vector<StateEdit>> Notes::states() {
  auto notes = all(Note::Kind::state);
  if (!notes) return std::unexpected(notes.error());
  std::vector<StateEdit> states;
  states.reserve(notes->size());
  for (Note& note : *notes) states.push_back({std::move(note.key), std::move(note.value)});
  return states;
}

Result<std::uint64_t> Notes::letters() {
  const sqlite::Reading reading(count_letters_);
  const Result<bool> row = count_letters_.step();
  if (!row) return std::unexpected(row.error());
  return *row ? static_cast<std::uint64_t>(count_letters_.integer(0)) : 0;
}

}  // namespace pinaflux
