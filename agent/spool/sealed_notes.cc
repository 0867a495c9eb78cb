// name    HMAC of kind, source and key: finds the row again, and is what its value is bound to
// value   nonce | kind, source, key, value | tag
//
// A note under the previous root has another name, so whatever replaces or erases it looks for both.

#include "agent/spool/sealed_notes.h"

#include <utility>

namespace pinaflux {

namespace {

Buffer key_of(const Note& note) {
  Buffer key;
  Writer writer(key);
  writer.u8(static_cast<std::uint8_t>(note.kind));
  writer.text(note.source);
  writer.text(note.key);
  return key;
}

Buffer bound_to(Bytes name) {
  Buffer bound{2, static_cast<std::uint8_t>(Encryption::Purpose::note)};
  append(bound, name);
  return bound;
}

bool read(Bytes text, Note& to) {
  Reader reader(text);
  const std::uint8_t kind = reader.u8();
  to.source = reader.text();
  to.key = reader.text();
  const Bytes value = reader.raw(reader.left());
  to.value.assign(value.begin(), value.end());
  to.kind = static_cast<Note::Kind>(kind);
  return !reader.failed() && kind <= 1;
}

}  // namespace

std::optional<Note> open_note(Encryption& encryption, Encryption::KeyId key, Bytes name,
                              Bytes sealed) {
  Buffer text;
  Note note;
  if (!encryption.open(key, bound_to(name), sealed, text) || !read(text, note)) return std::nullopt;
  return note;
}

SealedNotes::SealedNotes(const sqlite::Database& database, Encryption& encryption)
    : encryption_(&encryption) {
  if (!encryption.has_tables()) return;
  for (auto [statement, sql] :
       {std::pair{&SealedNotes::put_, "INSERT OR REPLACE INTO sealed_notes VALUES(?,?,?)"},
        std::pair{&SealedNotes::erase_, "DELETE FROM sealed_notes WHERE name=?"},
        std::pair{&SealedNotes::all_, "SELECT name,key,value FROM sealed_notes"}}) {
    this->*statement = database.prepare_later(sql);
  }
}

Status SealedNotes::put(const Note& note) {
  text_ = key_of(note);
  for (const auto& other : encryption_->other_names(text_)) {
    if (Status s = erase(Bytes(other)); !s) return s;
  }
  const auto key = encryption_->key_to_write();
  if (!key) return std::unexpected(key.error());
  const Encryption::Name name = encryption_->name(text_);
  append(text_, Bytes(note.value));
  encryption_->seal(bound_to(name), text_, sealed_);
  put_.bind(1, Bytes(name));
  put_.bind(2, *key);
  put_.bind(3, Bytes(sealed_));
  return put_.run();
}

Status SealedNotes::erase(const Note& note) {
  if (!encryption_->has_tables()) return {};
  const Buffer key = key_of(note);
  for (const auto& other : encryption_->other_names(key)) {
    if (Status s = erase(Bytes(other)); !s) return s;
  }
  return encryption_->on() ? erase(Bytes(encryption_->name(key))) : Status();
}

Status SealedNotes::erase(Bytes name) {
  erase_.bind(1, name);
  return erase_.run();
}

std::optional<Note> SealedNotes::open() {
  return open_note(*encryption_, all_.integer(1), all_.blob(0), all_.blob(2));
}

Result<std::vector<Note>> SealedNotes::all(Note::Kind kind) {
  std::vector<Note> notes;
  if (!encryption_->has_tables()) return notes;
  const sqlite::Reading reading(all_);
  for (;;) {
    const Result<bool> row = all_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return notes;
    auto note = open();
    if (note && note->kind == kind) notes.push_back(std::move(*note));
  }
}

Result<std::vector<Note>> SealedNotes::old(std::size_t most) {
  std::vector<Note> notes;
  if (!encryption_->has_tables()) return notes;
  std::vector<Buffer> damaged;
  {
    const sqlite::Reading reading(all_);
    while (notes.size() < most) {
      const Result<bool> row = all_.step();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      if (encryption_->is_current(all_.integer(1))) continue;
      if (auto note = open())
        notes.push_back(std::move(*note));
      else
        damaged.emplace_back(all_.blob(0).begin(), all_.blob(0).end());
    }
  }
  for (const Buffer& name : damaged) {
    if (Status s = erase(Bytes(name)); !s) return std::unexpected(s.error());
  }
  return notes;
}

}  // namespace pinaflux
