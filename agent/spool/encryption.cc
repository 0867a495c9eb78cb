// From the operator's key to a text, each arrow one HKDF-SHA256 (RFC 5869):
//
//   key --"root"--> root --salt,"data"----> key of one opening ----> nonce | text | tag
//                        --salt,"nonces"--> with what is said and where, and random bytes: the nonce
//                        --salt,"check"---> stored beside the salt: tells a wrong key from damage
//                        --"names"--------> stand for the keys of notes
//
// The salt is 32 random bytes that this process has made; a key from the file only reads. So neither a
// restored image nor an edited file can make a nonce meet its key again. Where the random bytes come again
// (a machine resumed twice from one snapshot, a generator without entropy at boot), the keys do, too:
// then the nonces must not. So a nonce is a keyed hash of random bytes, a counter, the associated data and
// the text (RFC 5297 calls it synthetic): it comes again for the same text in the same place only, and
// then nothing is told but that. It costs a SHA-256 of the text.
//
// The row of the salt is written with every text anew, and ignored when it is there: no rollback can leave
// a text without it, and no flag has to be right for that (0.4 us a row).

#include "agent/spool/encryption.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "agent/spool/schema.h"
#include "agent/spool/spool.h"
#include "platform/base/assert.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

constexpr std::uint8_t kFormat = 2;
constexpr std::size_t kChainKeyBytes = 8;
constexpr Encryption::KeyId kKeyIdEnd = Encryption::KeyId{1} << 40;

constexpr const char* kTables = R"(
  CREATE TABLE IF NOT EXISTS keys(id INTEGER PRIMARY KEY, salt BLOB NOT NULL,
    "check" BLOB NOT NULL, digest BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS sealed_notes(name BLOB PRIMARY KEY NOT NULL, key INTEGER NOT NULL,
    value BLOB NOT NULL) WITHOUT ROWID;
)";
constexpr const char* kLost =
    "; if it is lost, so are they: move spool.db and spool.db-wal away, and a new queue begins";
constexpr const char* kNoTables = "DROP TABLE keys; DROP TABLE sealed_notes";

void derive(Bytes root, Bytes salt, std::string_view purpose, MutableBytes to) {
  crypto::hkdf_sha256(root, salt, as_bytes(purpose), to);
}

Encryption::Check check_of(const Roots::Root& root, Bytes salt) {
  Encryption::Check check{};
  derive(root, salt, "pinaflux spool check", check);
  return check;
}

Encryption::RowDigest digest_of(std::int64_t id, Bytes salt, Bytes check) {
  Buffer row;
  Writer writer(row);
  writer.u64(static_cast<std::uint64_t>(id));
  writer.raw(salt);
  writer.raw(check);
  Encryption::RowDigest digest{};
  std::copy_n(crypto::sha256(row).begin(), digest.size(), digest.begin());
  return digest;
}

Status take(const std::string& id, const Vault* vault, std::optional<Roots::Root>& to) {
  if (id.empty()) return {};
  const Bytes key = vault == nullptr ? Bytes{} : vault->key(id);
  if (key.empty()) return fail(Code::invalid, "the spool's key is not among the keys");
  derive(key, {}, "pinaflux spool root", to.emplace());
  return {};
}

}  // namespace

Roots::~Roots() {
  if (current) wipe(*current);
  if (previous) wipe(*previous);
}

Status Roots::derive(const SpoolOptions& options, const Vault* vault) {
  if (Status s = take(options.key, vault, current); !s) return s;
  return take(options.key_previous, vault, previous);
}

Encryption::Encryption(sqlite::Database& database, const Roots& roots, Entropy* entropy,
                       std::uint64_t messages_max)
    : database_(database), roots_(roots), entropy_(entropy), messages_max_(messages_max) {
  if (roots_.current) derive(*roots_.current, {}, "pinaflux spool names", names_);
  if (roots_.previous) derive(*roots_.previous, {}, "pinaflux spool names", old_names_);
  if (roots_.current) derive(*roots_.current, {}, "pinaflux spool letters", letters_);
}

Encryption::~Encryption() {
  wipe(names_);
  wipe(old_names_);
  wipe(letters_);
  wipe(nonces_);
}

Result<std::unique_ptr<Encryption>> Encryption::recognise(sqlite::Database& database,
                                                          const Roots& roots, Entropy* entropy,
                                                          std::uint64_t messages_max,
                                                          std::vector<std::string>& findings) {
  std::unique_ptr<Encryption> made(new Encryption(database, roots, entropy, messages_max));
  const auto keys = database.has_column("keys", "salt");
  if (!keys) return std::unexpected(keys.error());
  const auto notes = database.has_column("sealed_notes", "key");
  if (!notes) return std::unexpected(notes.error());
  made->tables_ = *keys && *notes;
  if (!made->tables_) return made;
  if (Status s = made->load(); !s) return std::unexpected(s.error());
  if (Status s = made->refuse_foreign(findings); !s) return std::unexpected(s.error());
  return made;
}

Status Encryption::load() {
  auto select = database_.prepare("SELECT id,salt,\"check\",digest FROM keys");
  if (!select) return std::unexpected(select.error());
  for (;;) {
    const Result<bool> row = select->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    Stored& stored = keys_[select->integer(0)];
    const Bytes salt = select->blob(1);
    stored.origin = origin_of(select->integer(0), salt, select->blob(2), select->blob(3));
    if (stored.origin != Origin::damaged) std::ranges::copy(salt, stored.salt.begin());
  }
}

Encryption::Origin Encryption::origin_of(KeyId id, Bytes salt, Bytes check, Bytes digest) const {
  if (salt.size() != Stored().salt.size() || check.size() != Check().size()) return Origin::damaged;
  if (!std::ranges::equal(digest_of(id, salt, check), digest)) return Origin::damaged;
  if (roots_.current && std::ranges::equal(check_of(*roots_.current, salt), check)) {
    return Origin::current;
  }
  if (roots_.previous && std::ranges::equal(check_of(*roots_.previous, salt), check)) {
    return Origin::previous;
  }
  return Origin::foreign;
}

Status Encryption::refuse_foreign(std::vector<std::string>& findings) {
  const auto is_foreign = [](const auto& key) { return key.second.origin == Origin::foreign; };
  if (std::ranges::none_of(keys_, is_foreign)) return {};
  const auto rows = rows_by_key();
  if (!rows) return std::unexpected(rows.error());
  std::uint64_t closed = 0;
  for (const auto& [id, count] : *rows) {
    const auto key = keys_.find(id);
    if (key != keys_.end() && is_foreign(*key)) closed += count;
  }
  if (closed == 0) return {};
  const std::string what = "spool.db holds " + std::to_string(closed) + " rows that are encrypted ";
  if (!roots_.current && !roots_.previous) {
    findings.push_back(what +
                       "and no key is given: set spool.key, or, to write plain text from now "
                       "on, spool.key_previous until they are sent" +
                       kLost);
    return fail(Code::denied, "the spool is encrypted and no key is given");
  }
  findings.push_back(what +
                     "with another key: give that one as spool.key, or, when the key was "
                     "changed, as spool.key_previous until they are sent" +
                     kLost);
  return fail(Code::denied, "the spool is encrypted with another key");
}

Result<std::map<Encryption::KeyId, std::uint64_t>> Encryption::rows_by_key() {
  std::map<KeyId, std::uint64_t> rows;
  const Result<bool> contents = database_.has_column("dead_letters", "content");
  if (!contents) return std::unexpected(contents.error());
  for (const char* sql : {"SELECT kind>>8,count(*) FROM queue WHERE kind>255 GROUP BY 1",
                          "SELECT key,count(*) FROM sealed_notes GROUP BY 1",
                          "SELECT key,count(*) FROM dead_letters WHERE key>0 GROUP BY 1"}) {
    if (!*contents && std::string_view(sql).contains("dead_letters")) continue;
    auto select = database_.prepare(sql);
    if (!select) return std::unexpected(select.error());
    for (;;) {
      const Result<bool> row = select->step();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      rows[select->integer(0)] += static_cast<std::uint64_t>(select->integer(1));
    }
  }
  auto chains = database_.prepare("SELECT chain FROM lanes");
  if (!chains) return std::unexpected(chains.error());
  for (;;) {
    const Result<bool> row = chains->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return rows;
    if (const KeyId key = key_of_chain(chains->blob(0)); key != 0) ++rows[key];
  }
}

std::unique_ptr<Encryption> Encryption::for_damaged() const {
  std::unique_ptr<Encryption> made(new Encryption(database_, roots_, entropy_, messages_max_));
  made->damaged_file_ = true;
  return made;
}

// One that is whole wins over a damaged or an older image of the same row.
void Encryption::take_key(KeyId id, Bytes salt, Bytes check, Bytes digest) {
  const Origin origin = origin_of(id, salt, check, digest);
  if (origin == Origin::damaged) return;
  Stored& stored = keys_[id];
  stored.origin = origin;
  std::ranges::copy(salt, stored.salt.begin());
}

void Encryption::take_lane(std::int64_t id, std::string_view gateway, std::string_view name,
                           const Epoch& epoch) {
  Buffer& identity = identities_[id];
  identity.clear();
  Writer writer(identity);
  writer.u8(kFormat);
  writer.u8(0);
  writer.raw(epoch);
  writer.text(gateway);
  writer.text(name);
}

bool Encryption::is_foreign(KeyId key) const {
  const auto found = keys_.find(key);
  return found != keys_.end() && found->second.origin == Origin::foreign;
}

Status Encryption::prepare() {
  if (on() && !tables_) {
    if (Status s = database_.begin(); !s) return s;
    Status made = database_.execute(kTables);
    if (made) made = schema::raise_version(database_, schema::kVersionEncrypted);
    if (made) made = database_.commit();
    if (!made) {
      database_.rollback();
      return made;
    }
    tables_ = true;
  }
  if (!on()) return {};
  auto insert = database_.prepare("INSERT OR IGNORE INTO keys VALUES(?,?,?,?)");
  if (!insert) return std::unexpected(insert.error());
  insert_ = std::move(*insert);
  return {};
}

Status Encryption::forget_unused() {
  if (!tables_) return {};
  const auto rows = rows_by_key();
  if (!rows) return std::unexpected(rows.error());
  // The last one stays: no number is ever given to two keys, or salvage could take one for the other.
  const auto unused = [&](const auto& key) {
    return !rows->contains(key.first) && key.first != keys_.rbegin()->first;
  };
  const bool drop = !on() && rows->empty();
  if (!drop && std::ranges::none_of(keys_, unused)) return {};
  if (Status s = database_.begin(); !s) return s;
  Status done = drop ? database_.execute(kNoTables) : Status();
  if (drop && done) {
    done = schema::lower_version(database_, schema::kVersionEncrypted, schema::kVersion);
  }
  for (const auto& key : keys_) {
    if (!done || drop) break;
    if (!unused(key)) continue;
    done = database_.execute(("DELETE FROM keys WHERE id=" + std::to_string(key.first)).c_str());
  }
  if (done) done = database_.commit();
  if (!done) {
    database_.rollback();
    return done;
  }
  tables_ = !drop;
  return {};
}

bool Encryption::is_current(KeyId key) const {
  if (!on() || key == 0) return on() == (key != 0);
  const auto found = keys_.find(key);
  return found != keys_.end() && found->second.origin == Origin::current;
}

void Encryption::mint() {
  KeyId id = 1;
  for (const auto& key : keys_) {
    if (key.first >= id && key.first < kKeyIdEnd) id = key.first + 1;
  }
  Stored& stored = keys_[id];
  entropy_->fill(stored.salt);
  stored.origin = Origin::current;
  writing_ = keyed(id);
  written_ = 0;
  derive(*roots_.current, stored.salt, "pinaflux spool nonces", nonces_);
  check_ = check_of(*roots_.current, stored.salt);
  digest_ = digest_of(id, stored.salt, check_);
}

// `key` is one that a root opens.
Encryption::Keyed Encryption::keyed(KeyId key) const {
  const Stored& stored = keys_.at(key);
  Roots::Root bytes{};
  derive(stored.origin == Origin::current ? *roots_.current : *roots_.previous, stored.salt,
         "pinaflux spool data", bytes);
  Keyed keyed{key, std::make_unique<crypto::Aead>(bytes)};
  wipe(bytes);
  return keyed;
}

Result<Encryption::KeyId> Encryption::key_to_write() {
  if (!on()) return 0;
  ASSERT(entropy_ != nullptr);
  if (writing_.id == 0 || written_ >= messages_max_) mint();
  insert_.bind(1, writing_.id);
  insert_.bind(2, Bytes(keys_.at(writing_.id).salt));
  insert_.bind(3, Bytes(check_));
  insert_.bind(4, Bytes(digest_));
  if (Status s = insert_.run(); !s) return std::unexpected(s.error());
  return writing_.id;
}

Encryption::Nonce Encryption::nonce_for(Bytes associated, Bytes plain) {
  Buffer head;
  Writer writer(head);
  std::array<std::uint8_t, 16> random{};
  entropy_->fill(random);
  writer.raw(random);
  writer.u64(written_);
  writer.u64(associated.size());
  writer.raw(associated);
  hash_.update(head);
  hash_.update(plain);
  const crypto::Digest whole = crypto::hmac_sha256(nonces_, hash_.finish());
  Nonce nonce{};
  std::copy_n(whole.begin(), nonce.size(), nonce.begin());
  return nonce;
}

void Encryption::seal(Bytes associated, Bytes plain, Buffer& to) {
  ASSERT(writing_.aead != nullptr);
  to.resize(kOverhead + plain.size());
  const Nonce nonce = nonce_for(associated, plain);
  const MutableBytes text = MutableBytes(to).subspan(nonce.size(), plain.size());
  std::ranges::copy(nonce, to.begin());
  std::ranges::copy(plain, text.begin());
  writing_.aead->seal(nonce, associated, text, MutableBytes(to).last(crypto::Aead::kTagBytes));
  ++written_;
}

Status Encryption::open(KeyId key, Bytes associated, Bytes sealed, Buffer& to) {
  to.clear();
  crypto::Aead* aead = reading(key);
  if (aead == nullptr || sealed.size() < kOverhead) {
    return fail(Code::invalid, "an encrypted text of the spool is damaged");
  }
  const Bytes text = sealed.subspan(crypto::Aead::kNonceBytes, sealed.size() - kOverhead);
  to.assign(text.begin(), text.end());
  if (aead->open(sealed.first(crypto::Aead::kNonceBytes), associated, to,
                 sealed.last(crypto::Aead::kTagBytes))) {
    return {};
  }
  to.clear();
  return fail(Code::invalid, "an encrypted text of the spool is damaged");
}

// Null: its row is damaged or gone. One is kept: a queue is read in the order of its keys.
crypto::Aead* Encryption::reading(KeyId key) {
  if (key == writing_.id && key != 0) return writing_.aead.get();
  if (key == reading_.id && key != 0) return reading_.aead.get();
  const auto found = keys_.find(key);
  if (found == keys_.end() || found->second.origin > Origin::previous) return nullptr;
  reading_ = keyed(key);
  return reading_.aead.get();
}

Result<Buffer> Encryption::associated(Purpose purpose, std::int64_t lane) {
  if (!identities_.contains(lane)) {
    if (damaged_file_) return fail(Code::corrupt, "the lane of a row is not known");
    auto identity = database_.prepare("SELECT gateway,name,epoch FROM lanes WHERE id=?");
    if (!identity) return std::unexpected(identity.error());
    identity->bind(1, lane);
    const Result<bool> row = identity->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return fail(Code::corrupt, "the spool has rows of no lane");
    Epoch epoch{};
    std::copy_n(identity->blob(2).begin(), std::min(identity->blob(2).size(), epoch.size()),
                epoch.begin());
    take_lane(lane, identity->text(0), identity->text(1), epoch);
  }
  Buffer bound = identities_.at(lane);
  bound[1] = static_cast<std::uint8_t>(purpose);
  return bound;
}

Status Encryption::seal_chain(std::int64_t lane, const Digest& chain, Buffer& to) {
  const auto key = key_to_write();
  if (!key) return std::unexpected(key.error());
  to.assign(chain.begin(), chain.end());
  if (*key == 0) return {};
  const auto bound = associated(Purpose::chain, lane);
  if (!bound) return std::unexpected(bound.error());
  Buffer sealed;
  seal(*bound, chain, sealed);
  to.clear();
  Writer(to).u64(static_cast<std::uint64_t>(*key));
  append(to, sealed);
  return {};
}

Result<Digest> Encryption::open_chain(std::int64_t lane, Bytes stored) {
  Digest chain{};
  Buffer text(stored.begin(), stored.end());
  if (const KeyId key = key_of_chain(stored); key != 0) {
    const auto bound = associated(Purpose::chain, lane);
    if (!bound) return std::unexpected(bound.error());
    std::ignore = open(key, *bound, stored.subspan(kChainKeyBytes), text);
  }
  if (text.size() != chain.size()) return fail(Code::corrupt, "a lane of the spool is damaged");
  std::ranges::copy(text, chain.begin());
  return chain;
}

// A chain in plain text has 32 bytes, a sealed one 68.
Encryption::KeyId Encryption::key_of_chain(Bytes stored) {
  if (stored.size() != kSealedChainBytes) return 0;
  return static_cast<KeyId>(Reader(stored).u64());
}

Encryption::Name Encryption::name_under(const Roots::Root& root, Bytes key) {
  const auto whole = crypto::hmac_sha256(root, key);
  Name name{};
  std::copy_n(whole.begin(), name.size(), name.begin());
  return name;
}

Encryption::Name Encryption::name(Bytes key) const {
  ASSERT(on());
  return name_under(names_, key);
}

std::vector<Encryption::Name> Encryption::other_names(Bytes key) const {
  std::vector<Name> names;
  if (roots_.previous) names.push_back(name_under(old_names_, key));
  return names;
}

std::uint64_t Encryption::veil(std::uint64_t hash) const {
  if (!on()) return hash;
  Buffer bytes;
  Writer(bytes).u64(hash);
  return crypto::siphash(Bytes(letters_).first(16), bytes);
}

}  // namespace pinaflux
