// Small keyed rows, replaced in place: a cursor that is written in every commit stays in its page.
//
// Dead letters count themselves by their ids, which rise without holes: the oldest are deleted by id, no
// row is counted. A flood of refusals (a sensor that sends garbage at full rate) is folded: the first 16
// of a commit tell an operator what is wrong, the rest are a number.

#include "agent/spool/notes.h"

#include <algorithm>

namespace pinaflux {

namespace {

constexpr std::uint64_t kRowOverhead = 32;

struct Fold {
  Refusal sum;
  std::uint64_t count = 0;
};

const std::string& name_of(const std::vector<std::string>& sources, SourceIndex source) {
  static const std::string kUnknown = "?";
  return source < sources.size() ? sources[source] : kUnknown;
}

}  // namespace

Result<Notes> Notes::prepare(sqlite::Database& database, std::uint64_t letters_max) {
  Notes notes;
  notes.letters_max_ = letters_max;
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
  for (const auto& [statement, sql] : kAll) {
    Result<sqlite::Statement> made = database.prepare(sql);
    if (!made) return std::unexpected(made.error());
    notes.*statement = std::move(*made);
  }
  return notes;
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

Status Notes::write_cursors(const Group& group, const std::vector<std::string>& sources) {
  for (const CursorEdit& edit : group.cursors) {
    sqlite::Statement& statement = edit.erase ? erase_cursor_ : put_cursor_;
    statement.bind(1, std::string_view(name_of(sources, edit.source)));
    statement.bind(2, std::string_view(edit.key));
    if (!edit.erase) statement.bind(3, Bytes(edit.value));
    if (Status s = statement.run(); !s) return s;
  }
  return {};
}

Status Notes::write_states(const Group& group) {
  for (const StateEdit& edit : group.states) {
    sqlite::Statement& statement = edit.value.empty() ? erase_state_ : put_state_;
    statement.bind(1, std::string_view(edit.key));
    if (!edit.value.empty()) statement.bind(2, Bytes(edit.value));
    if (Status s = statement.run(); !s) return s;
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
  put_letter_.bind(6, static_cast<std::int64_t>(refusal.keyed_hash));
  put_letter_.bind(7, static_cast<std::int64_t>(refusal.position));
  put_letter_.bind(8, static_cast<std::int64_t>(count));
  return put_letter_.run();
}

Result<Notes::Cursors> Notes::cursors() {
  const sqlite::Reading reading(all_cursors_);
  Cursors cursors;
  for (;;) {
    const Result<bool> row = all_cursors_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return cursors;
    const std::string_view source = all_cursors_.text(0);
    if (cursors.empty() || cursors.back().first != source) {
      cursors.emplace_back(std::string(source), std::vector<std::pair<std::string, Buffer>>());
    }
    const Bytes value = all_cursors_.blob(2);
    cursors.back().second.emplace_back(std::string(all_cursors_.text(1)),
                                       Buffer(value.begin(), value.end()));
  }
}

Result<std::vector<StateEdit>> Notes::states() {
  const sqlite::Reading reading(all_states_);
  std::vector<StateEdit> states;
  for (;;) {
    const Result<bool> row = all_states_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return states;
    const Bytes value = all_states_.blob(1);
    states.push_back({std::string(all_states_.text(0)), Buffer(value.begin(), value.end())});
  }
}

Result<std::uint64_t> Notes::letters() {
  const sqlite::Reading reading(count_letters_);
  const Result<bool> row = count_letters_.step();
  if (!row) return std::unexpected(row.error());
  return *row ? static_cast<std::uint64_t>(count_letters_.integer(0)) : 0;
}

}  // namespace pinaflux
