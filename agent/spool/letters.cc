// A row is a refusal, or, at the end of a commit, the rest of a flood: a sensor that sends garbage at full rate
// tells an operator what is wrong in its first 16, the rest are a number.
//
//   content   the body (agent/seal/FORMAT.md) of one row: the record as the pipeline got it; where form is 1,
//             the bytes that were refused (agent/data/refused.cc); where it is 2, why it was refused (length, text), and the body
//   key       0: `content` is as it is, never with form 1; else the row in `keys` that opens it: nonce | body |
//             tag, bound to the row's id, time, source and reason, and to the form
//
// The oldest are deleted before a row is written, so that their pages are there for it. Ids rise for ever: what
// an operator saw as 7 is never another letter, although 7 was the last one and was dropped. For that, `meta` has
// the last id whenever rows are deleted by their ids.

#include "agent/spool/letters.h"

#include <algorithm>
#include <utility>

#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

constexpr const char* kNumbersWithout =
    "SELECT coalesce(sum(count),0),count(*),0 FROM dead_letters";
constexpr const char* kNumbers =
    "SELECT coalesce(sum(count),0),count(*),coalesce(sum(length(content)),0) FROM dead_letters";
constexpr const char* kAtFirst =
    "SELECT id,time,boot,source,reason,bytes,hash,position,count,NULL,0,0,NULL,0,NULL FROM "
    "dead_letters"
    " WHERE id>=? ORDER BY id LIMIT 1";
constexpr const char* kAtContents =
    "SELECT "
    "id,time,boot,source,reason,bytes,hash,position,count,node,key,length(content),NULL,0,NULL"
    " FROM dead_letters WHERE id>=? ORDER BY id LIMIT 1";
constexpr const char* kAtForms =
    "SELECT "
    "id,time,boot,source,reason,bytes,hash,position,count,node,key,length(content),lane,form,"
    "NULL FROM dead_letters WHERE id>=? ORDER BY id LIMIT 1";
constexpr const char* kAt =
    "SELECT "
    "id,time,boot,source,reason,bytes,hash,position,count,node,key,length(content),lane,form,"
    "peer FROM dead_letters WHERE id>=? ORDER BY id LIMIT 1";
constexpr const char* kLast =
    "SELECT max(coalesce((SELECT max(id) FROM dead_letters),0),"
    "coalesce((SELECT value FROM meta WHERE key='letter'),0))";

struct Fold {
  Refusal sum;
  std::uint64_t apart = 0;
};

Fold& fold_of(std::vector<Fold>& folds, const Refusal& refusal) {
  for (Fold& fold : folds) {
    if (fold.sum.source == refusal.source && fold.sum.reason == refusal.reason) return fold;
  }
  return folds.emplace_back(
      Fold{.sum = {.source = refusal.source, .reason = refusal.reason, .count = 0}});
}

Buffer bound_to(const Letter& letter) {
  const bool raw = letter.form == Letter::Form::bytes;
  const auto purpose = raw ? Encryption::Purpose::refused : Encryption::Purpose::letter;
  Buffer bound{2, static_cast<std::uint8_t>(purpose)};
  Writer writer(bound);
  writer.u64(static_cast<std::uint64_t>(letter.id));
  writer.u64(static_cast<std::uint64_t>(letter.time.ns));
  writer.u64(letter.time.boot);
  writer.text(letter.source);
  writer.text(letter.reason);
  return bound;
}

Letter::Form form_of(std::int64_t stored) {
  if (stored == 1) return Letter::Form::bytes;
  return stored == 2 ? Letter::Form::explained : Letter::Form::record;
}

std::uint64_t number(const sqlite::Statement& row, int column) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(row.integer(column), 0));
}

Letter letter_of(const sqlite::Statement& row) {
  return {.id = row.integer(0),
          .time = {row.integer(1), static_cast<std::uint64_t>(row.integer(2))},
          .source = std::string(row.text(3)),
          .reason = std::string(row.text(4)),
          .node = std::string(row.text(9)),
          .peer = std::string(row.text(14)),
          .lane = std::string(row.text(12)),
          .bytes = number(row, 5),
          .hash = static_cast<std::uint64_t>(row.integer(6)),
          .position = static_cast<std::uint32_t>(row.integer(7)),
          .count = number(row, 8),
          .kept = number(row, 11),
          .form = form_of(row.integer(13)),
          .key = row.integer(10)};
}

}  // namespace

std::string take_why(const Letter& letter, Buffer& content) {
  if (letter.form != Letter::Form::explained) return {};
  Reader from(content);
  std::string why(from.text());
  if (from.failed()) why.clear(), content.clear();
  content.erase(content.begin(),
                content.end() - static_cast<std::ptrdiff_t>(from.failed() ? 0 : from.left()));
  return why;
}

void open_content(Encryption& encryption, const Letter& letter, Bytes stored, Buffer& body) {
  if (letter.key == 0 && letter.form == Letter::Form::bytes) {
    body.clear();  // We never write that.
  } else if (letter.key == 0) {
    body.assign(stored.begin(), stored.end());
  } else if (!encryption.open(letter.key, bound_to(letter), stored, body)) {
    body.clear();
  }
}

struct Letters::Commit {
  const std::vector<std::string>& sources;
  Stamp now;
  LetterId next = 1;
  std::uint64_t left = 0;           // Of the budget.
  std::uint64_t contents_left = 0;  // Of this commit's.
  std::optional<Sealer> sealer;

  Letter letter(const Refusal& refusal) {
    Letter letter;
    letter.id = next++;
    letter.time = now;
    letter.source = refusal.source < sources.size() ? sources[refusal.source] : "?";
    letter.reason = reason_name(refusal.reason);
    letter.bytes = refusal.byte_count;
    letter.hash = refusal.keyed_hash;
    letter.position = refusal.position;
    letter.count = refusal.count;
    letter.peer = refusal.peer;
    return letter;
  }
};

Letters::Letters(const sqlite::Database& database, Encryption& encryption, std::uint64_t bytes_max,
                 Columns columns)
    : encryption_(&encryption), bytes_max_(bytes_max) {
  const struct {
    sqlite::Statement Letters::* statement;
    const char* sql;
  } all[] = {
      {&Letters::put_,
       "INSERT INTO dead_letters(id,time,boot,source,reason,bytes,hash,position,count,node,key,"
       "lane,form,peer) VALUES(?,?,?,?,?,?,?,?,?,?,0,?,?,?)"},
      {&Letters::erase_, "DELETE FROM dead_letters WHERE id=?"},
      {&Letters::totals_, columns == Columns::first ? kNumbersWithout : kNumbers},
      {&Letters::at_, columns == Columns::all     ? kAt
                      : columns == Columns::forms ? kAtForms
                      : columns == Columns::first ? kAtFirst
                                                  : kAtContents},
      {&Letters::content_, "SELECT content FROM dead_letters WHERE id=?"},
      {&Letters::set_content_, "UPDATE dead_letters SET key=?2,content=?3 WHERE id=?1"},
      {&Letters::drop_content_, "UPDATE dead_letters SET key=0,content=NULL,form=0 WHERE id=?"},
      {&Letters::last_, kLast},
      {&Letters::epoch_, "SELECT value FROM meta WHERE key='epoch'"},
      {&Letters::mark_, "INSERT OR REPLACE INTO meta VALUES('letter',?)"},
  };
  for (const auto& [statement, sql] : all) this->*statement = database.prepare_later(sql);
}

Result<Letters::Columns> Letters::columns(sqlite::Database& database) {
  for (const auto& [name, columns] :
       {std::pair{"peer", Columns::all}, std::pair{"form", Columns::forms},
        std::pair{"content", Columns::contents}}) {
    const Result<bool> has = database.has_column("dead_letters", name);
    if (!has) return std::unexpected(has.error());
    if (*has) return columns;
  }
  return Columns::first;
}

std::uint64_t Letters::bytes_for(std::uint64_t spool_bytes) {
  return std::clamp<std::uint64_t>(spool_bytes / 100, 64 * 1024, 1024 * 1024);
}

std::uint64_t Letters::estimate(const Group& group) const {
  std::uint64_t contents = 0;
  for (const KeptRecord& kept : group.kept) {
    const auto cells = kept.record.cells();
    contents += cells.size_bytes();
    for (const Value& value : cells) contents += value.is_view() ? value.as_text().size() : 0;
    contents += kept.why.size();
  }
  for (const KeptBytes& kept : group.kept_bytes) contents += kept.packed.size();
  const std::size_t rows = group.kept.size() + group.kept_bytes.size();
  return std::min(contents, bytes_max_ / 2) + rows * kRowBytes;
}

Status Letters::write(const Group& group, const std::vector<std::string>& sources, Stamp now) {
  if (Status s = erase(group.replayed); !s || group.refusals.empty()) return s;
  const auto held = totals();
  const auto last = last_id();
  if (!held || !last) return std::unexpected(held ? last.error() : held.error());
  Commit commit{.sources = sources, .now = now, .next = *last + 1, .sealer = std::nullopt};
  commit.left = bytes_max_ - std::min(bytes_max_, held->bytes());
  commit.contents_left = bytes_max_ / 2;
  std::vector<Fold> folds;
  for (std::size_t i = 0; i < group.refusals.size(); ++i) {
    const Refusal& refusal = group.refusals[i];
    const KeptRecord* kept = group.kept_of(i);
    const KeptBytes* bytes = encryption_->on() ? group.bytes_of(i) : nullptr;
    Fold& fold = fold_of(folds, refusal);
    if (kept == nullptr && bytes == nullptr && (refusal.count > 1 || fold.apart == kEach)) {
      fold.sum.count += refusal.count;
      fold.sum.byte_count += refusal.byte_count;
      continue;
    }
    fold.apart += fold.apart < kEach;
    const Status written =
        bytes != nullptr ? write_bytes(commit, refusal, *bytes) : write_one(commit, refusal, kept);
    if (!written) return written;
  }
  for (const Fold& fold : folds) {
    if (fold.sum.count == 0) continue;
    if (Status s = write_one(commit, fold.sum, nullptr); !s) return s;
  }
  return {};
}

Status Letters::write_one(Commit& commit, const Refusal& refusal, const KeptRecord* kept) {
  Letter letter = commit.letter(refusal);
  if (kept != nullptr) {
    if (!commit.sealer) commit.sealer.emplace();
    const auto bytes = encode(*commit.sealer, kept->record.row(), kept->why, commit.contents_left);
    if (!bytes) return std::unexpected(bytes.error());
    letter.kept = *bytes;
    letter.node = kept->node;
    if (!kept->why.empty()) letter.form = Letter::Form::explained;
  }
  return write_letter(commit.left, letter, body_);
}

// Of a small budget the letter takes what it may: the beginning says more than nothing.
Status Letters::write_bytes(Commit& commit, const Refusal& refusal, const KeptBytes& kept) {
  Letter letter = commit.letter(refusal);
  letter.form = Letter::Form::bytes;
  const auto most = static_cast<std::size_t>(bytes_max_ / 4 - Encryption::kOverhead);
  const Bytes packed = Bytes(kept.packed).first(std::min(kept.packed.size(), most));
  const std::uint64_t bytes = stored_bytes(packed);
  if (bytes <= commit.contents_left && RefusedBytes::open(packed)) {
    commit.contents_left -= bytes;
    letter.kept = bytes;
  }
  return write_letter(commit.left, letter, packed);
}

Status Letters::write_letter(std::uint64_t& budget, const Letter& letter, Bytes content) {
  if (Status s = make_room(budget, kRowBytes + letter.kept); !s) return s;
  if (Status s = put(letter, encryption_->veil(letter.hash)); !s) return s;
  return letter.kept > 0 ? put_content(letter, content) : Status();
}

std::uint64_t Letters::stored_bytes(Bytes content) const {
  return content.size() + (encryption_->on() ? Encryption::kOverhead : 0);
}

// Nobody knows its source any more, and it is no input of the pipeline: it cannot be replayed.
Status Letters::write_given_up(const Row& row, const std::string& lane, const char* reason,
                               const std::string& node, Stamp now, std::uint64_t& left) {
  const auto held = totals();
  const auto last = last_id();
  if (!held || !last) return std::unexpected(held ? last.error() : held.error());
  Letter letter;
  letter.id = *last + 1;
  letter.time = now;
  letter.reason = reason;
  letter.node = node;
  letter.lane = lane;
  Sealer sealer;
  const auto bytes = encode(sealer, row, {}, left);
  if (!bytes) return std::unexpected(bytes.error());
  letter.kept = *bytes;
  letter.bytes = body_.size();
  const auto hash = hash_of(body_);
  if (!hash) return std::unexpected(hash.error());
  letter.hash = *hash;
  std::uint64_t budget = bytes_max_ - std::min(bytes_max_, held->bytes());
  return write_letter(budget, letter, body_);
}

Status GivenUp::keep(const Row& row, const std::string& lane, const char* reason,
                     const std::string& node) {
  any = true;
  return letters.write_given_up(row, lane, reason, node, now, bytes_left);
}

// Keyed with the file's epoch: it tells whoever has not the file nothing, and equal records from others.
Result<std::uint64_t> Letters::hash_of(Bytes body) {
  const sqlite::Reading reading(epoch_);
  const Result<bool> row = epoch_.step();
  if (!row) return std::unexpected(row.error());
  if (!*row || epoch_.blob(0).size() != Epoch().size()) {
    return fail(Code::corrupt, "the spool's epoch is damaged");
  }
  return crypto::siphash(epoch_.blob(0), body);
}

// Into body_. The bytes that it will take; 0: it cannot be kept.
Result<std::uint64_t> Letters::encode(Sealer& sealer, const Row& row, const std::string& why,
                                      std::uint64_t& left) {
  body_.clear();
  if (!why.empty()) Writer(body_).text(why);
  const Status sealed = sealer.seal_body({&row, 1}, Effort::fast, body_);
  if (!sealed && sealed.error().code != Code::full) return std::unexpected(sealed.error());
  const std::uint64_t bytes = stored_bytes(body_);
  if (!sealed || bytes > bytes_max_ / 4 || bytes > left) return 0;
  left -= bytes;
  return bytes;
}

Status Letters::make_room(std::uint64_t& left, std::uint64_t bytes) {
  while (left < bytes) {
    const auto oldest = at_or_after(0);
    if (!oldest) return std::unexpected(oldest.error());
    if (!*oldest) break;
    erase_.bind(1, (*oldest)->id);
    if (Status s = erase_.run(); !s) return s;
    left += kRowBytes + (*oldest)->kept;
  }
  left -= std::min(left, bytes);
  return {};
}

Status Letters::restore(Letter letter, Bytes body) {
  const auto held = totals();
  const auto last = last_id();
  if (!held || !last) return std::unexpected(held ? last.error() : held.error());
  std::uint64_t left = bytes_max_ - std::min(bytes_max_, held->bytes());
  letter.id = *last + 1;
  letter.kept = stored_bytes(body);
  const bool plain = letter.form == Letter::Form::bytes && !encryption_->on();
  if (body.empty() || plain || letter.kept > bytes_max_ / 4) letter.kept = 0;
  if (Status s = make_room(left, kRowBytes + letter.kept); !s) return s;
  if (Status s = put(letter, letter.hash); !s) return s;
  return letter.kept > 0 ? put_content(letter, body) : Status();
}

Status Letters::put(const Letter& letter, std::uint64_t stored_hash) {
  put_.bind(1, letter.id);
  put_.bind(2, letter.time.ns);
  put_.bind(3, static_cast<std::int64_t>(letter.time.boot));
  put_.bind(4, std::string_view(letter.source));
  put_.bind(5, std::string_view(letter.reason));
  put_.bind(6, static_cast<std::int64_t>(letter.bytes));
  put_.bind(7, static_cast<std::int64_t>(stored_hash));
  put_.bind(8, static_cast<std::int64_t>(letter.position));
  put_.bind(9, static_cast<std::int64_t>(letter.count));
  if (letter.node.empty()) {
    put_.bind_null(10);
  } else {
    put_.bind(10, std::string_view(letter.node));
  }
  if (letter.lane.empty()) {
    put_.bind_null(11);
  } else {
    put_.bind(11, std::string_view(letter.lane));
  }
  put_.bind(12, static_cast<std::int64_t>(letter.kept > 0 ? letter.form : Letter::Form::record));
  if (letter.peer.empty()) {
    put_.bind_null(13);
  } else {
    put_.bind(13, std::string_view(letter.peer));
  }
  return put_.run();
}

Status Letters::put_content(const Letter& letter, Bytes body) {
  const auto key = encryption_->key_to_write();
  if (!key) return std::unexpected(key.error());
  ASSERT(*key != 0 || letter.form != Letter::Form::bytes);
  if (*key != 0) encryption_->seal(bound_to(letter), body, sealed_);
  set_content_.bind(1, letter.id);
  set_content_.bind(2, *key);
  set_content_.bind(3, *key == 0 ? body : Bytes(sealed_));
  return set_content_.run();
}

Status Letters::drop_content(LetterId id) {
  drop_content_.bind(1, id);
  return drop_content_.run();
}

Status Letters::erase(std::span<const LetterId> ids) {
  if (ids.empty()) return {};
  const auto last = last_id();
  if (!last) return std::unexpected(last.error());
  mark_.bind(1, *last);
  if (Status s = mark_.run(); !s) return s;
  for (const LetterId id : ids) {
    erase_.bind(1, id);
    if (Status s = erase_.run(); !s) return s;
  }
  return {};
}

Result<LetterId> Letters::last_id() {
  const sqlite::Reading reading(last_);
  const Result<bool> row = last_.step();
  if (!row) return std::unexpected(row.error());
  return *row ? last_.integer(0) : 0;
}

Result<Letters::Totals> Letters::totals() {
  const sqlite::Reading reading(totals_);
  const Result<bool> row = totals_.step();
  if (!row) return std::unexpected(row.error());
  return Totals{number(totals_, 0), number(totals_, 1), number(totals_, 2)};
}

Result<std::optional<Letter>> Letters::at_or_after(LetterId id) {
  const sqlite::Reading reading(at_);
  at_.bind(1, id);
  const Result<bool> row = at_.step();
  if (!row) return std::unexpected(row.error());
  return *row ? std::optional(letter_of(at_)) : std::nullopt;
}

Status Letters::content(const Letter& letter, Buffer& body) {
  body.clear();
  if (letter.kept == 0) return {};
  const sqlite::Reading reading(content_);
  content_.bind(1, letter.id);
  const Result<bool> row = content_.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return {};
  open_content(*encryption_, letter, content_.blob(0), body);
  return {};
}

Result<std::size_t> Letters::convert(LetterId& from) {
  std::size_t converted = 0;
  Buffer body;
  for (std::uint64_t bytes = 0; bytes < kConvertedBytes;) {
    const auto letter = at_or_after(from);
    if (!letter) return std::unexpected(letter.error());
    if (!*letter) break;
    from = (*letter)->id + 1;
    if ((*letter)->kept == 0 || encryption_->is_current((*letter)->key)) continue;
    if ((*letter)->form == Letter::Form::bytes && !encryption_->on()) {
      if (Status s = drop_content((*letter)->id); !s) return std::unexpected(s.error());
    } else {
      if (Status s = content(**letter, body); !s) return std::unexpected(s.error());
      const Status put = put_content(**letter, body);
      wipe(body);
      if (!put) return std::unexpected(put.error());
    }
    bytes += body.size() + kRowBytes;
    ++converted;
  }
  return converted;
}

}  // namespace pinaflux
