// Encryption: the spool's keys, and what is sealed and opened with them. Scheme: FORMAT.md.
//
// Promise    Nothing is encrypted under a key that was found in the file: each opening makes one of its own.
//            Two different texts have different nonces, even if all random bytes were the same.
//            A row's key is in the file as soon as the row is. What was changed, moved to another place
//            or written with another key does not open. No key is in a file, a finding or an error.
// Errors     denied: rows that no given key opens (how many is in `findings`); nothing was written.
//            invalid: a text that does not open. sqlite.h's.
// Limits     messages_max texts under one key, then there is another.
// Ownership  Database, Roots and Entropy must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/spool/encryption_test.cc
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/identity.h"
#include "agent/spool/sqlite.h"
#include "agent/vault/vault.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/crypto/aead.h"
#include "platform/crypto/crypto.h"
#include "platform/entropy.h"

namespace pinaflux {

struct SpoolOptions;

// What is derived from the operator's keys, so that these are not held. Wiped.
class Roots {
 public:
  using Root = std::array<std::uint8_t, 32>;

  Roots() = default;
  ~Roots();
  Roots(const Roots&) = delete;
  Roots& operator=(const Roots&) = delete;

  // invalid: the options name a key that the vault does not have.
  Status derive(const SpoolOptions& options, const Vault* vault);

  std::optional<Root> current;   // Rows are written with it; none: in plain text.
  std::optional<Root> previous;  // Rows may still be read with it.
};

class Encryption {
 public:
  using KeyId = std::int64_t;  // Of a row in `keys`; 0: plain text.
  static constexpr std::size_t kOverhead = crypto::Aead::kNonceBytes + crypto::Aead::kTagBytes;
  using Name = std::array<std::uint8_t, 16>;
  static constexpr std::size_t kSaltBytes = 32;
  using Check = std::array<std::uint8_t, 16>;     // Of a key: is it the right one?
  using RowDigest = std::array<std::uint8_t, 8>;  // Of its row, against damage only.

  static constexpr std::size_t kSealedChainBytes = 8 + kOverhead + sizeof(Digest);

  // What a text is: no text opens as another kind.
  enum class Purpose : std::uint8_t {
    body = 1,
    digests = 2,
    chain = 3,
    note = 4,
    letter = 5,
    refused = 6
  };

  ~Encryption();
  Encryption(const Encryption&) = delete;
  Encryption& operator=(const Encryption&) = delete;

  // Looks at a spool's tables (or at none) without writing.
  static Result<std::unique_ptr<Encryption>> recognise(sqlite::Database& database,
                                                       const Roots& roots, Entropy* entropy,
                                                       std::uint64_t messages_max,
                                                       std::vector<std::string>& findings);
  // For the rows of a damaged file: the same roots, and the keys and lanes that are found in it. Reads only.
  std::unique_ptr<Encryption> for_damaged() const;
  void take_key(KeyId id, Bytes salt, Bytes check, Bytes digest);
  void take_lane(std::int64_t id, std::string_view gateway, std::string_view name,
                 const Epoch& epoch);
  // The key's row is whole, and no root is its origin.
  bool is_foreign(KeyId key) const;

  // Makes the tables when there is a current key: from then on the file is of version 2.
  Status prepare();
  // At the end of opening, a transaction of its own: deletes keys that nothing needs, and without a current key
  // also the tables, so that the file is of version 1 again.
  Status forget_unused();

  bool on() const { return roots_.current.has_value(); }
  bool has_tables() const { return tables_; }

  // The key of what is sealed next, its row written in the running transaction; 0 when off.
  Result<KeyId> key_to_write();
  // Under that key: nonce, text, tag.
  void seal(Bytes associated, Bytes plain, Buffer& to);
  Status open(KeyId key, Bytes associated, Bytes sealed, Buffer& to);
  // Made with the current root. Others are to be written anew: see Notes::convert(), Store.
  bool is_current(KeyId key) const;

  // What a text of a lane is bound to: format, purpose, epoch, gateway, lane; then the row's own.
  Result<Buffer> associated(Purpose purpose, std::int64_t lane);
  // The lane's chain as `lanes` holds it: as it is, or key and sealed.
  Status seal_chain(std::int64_t lane, const Digest& chain, Buffer& to);
  Result<Digest> open_chain(std::int64_t lane, Bytes stored);
  static KeyId key_of_chain(Bytes stored);

  // What stands for a note's key in its row: the same for the same key, and telling nothing of it. Under
  // the previous root it may still stand as another.
  Name name(Bytes key) const;
  std::vector<Name> other_names(Bytes key) const;
  // A keyed hash that is stored beside its key is hashed once more, with ours.
  std::uint64_t veil(std::uint64_t hash) const;

 private:
  enum class Origin : std::uint8_t { current, previous, foreign, damaged };
  struct Stored {
    std::array<std::uint8_t, kSaltBytes> salt{};
    Origin origin = Origin::damaged;
  };
  struct Keyed {
    KeyId id = 0;
    std::unique_ptr<crypto::Aead> aead;
  };
  using Nonce = std::array<std::uint8_t, crypto::Aead::kNonceBytes>;

  Encryption(sqlite::Database& database, const Roots& roots, Entropy* entropy,
             std::uint64_t messages_max);
  Status load();
  Origin origin_of(KeyId id, Bytes salt, Bytes check, Bytes digest) const;
  Status refuse_foreign(std::vector<std::string>& findings);
  Result<std::map<KeyId, std::uint64_t>> rows_by_key();
  void mint();
  Keyed keyed(KeyId key) const;
  crypto::Aead* reading(KeyId key);
  Nonce nonce_for(Bytes associated, Bytes plain);
  static Name name_under(const Roots::Root& root, Bytes key);

  sqlite::Database& database_;
  const Roots& roots_;
  Entropy* entropy_;  // None: it only reads.
  const std::uint64_t messages_max_;
  bool tables_ = false;
  bool damaged_file_ = false;  // Lanes are not in database_.
  std::map<KeyId, Stored> keys_;
  std::map<std::int64_t, Buffer> identities_;  // Of lanes: they never change.
  sqlite::Statement insert_;
  Keyed writing_, reading_;
  std::uint64_t written_ = 0;  // Texts under writing_.
  Check check_{};              // Of writing_.
  RowDigest digest_{};
  Roots::Root nonces_{};  // Of writing_.
  crypto::Sha256 hash_;
  Roots::Root names_{}, old_names_{}, letters_{};
};

}  // namespace pinaflux
