// Vault: keys by name; values never leave it as text.
//
// Promise    Keys are read from files or systemd credentials at start and at reload, wiped when dropped.
// Format     A key is the file's bytes. If all of them are printable text, one newline at the end is
//            not part of it, so that `echo` and an editor make the same key.
// Limits     A key has 16 to 4,096 bytes; a file readable by others is refused, a public key's (PEM) excepted.
// Threads    Immutable after load(); any.
// Tests      tests/agent/vault/vault_test.cc
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/entropy.h"
#include "platform/files.h"

namespace pinaflux {

class Vault {
 public:
  struct Reference {
    std::string id;
    std::string file;        // A path, or
    std::string credential;  // a name under $CREDENTIALS_DIRECTORY.
  };

  Vault() = default;
  ~Vault() = default;
  Vault(Vault&&) noexcept = default;
  Vault& operator=(Vault&&) noexcept = default;

  // Replaces everything, or nothing on an error; `which` then names the reference at fault.
  Status load(Files& files, const std::vector<Reference>& references, std::string& which);
  // The key, or an empty view.
  Bytes key(std::string_view id) const;

  // A random key of this installation, kept in `path` (mode 0600), made on first use. For keyed hashes
  // of what may not be stored.
  static Result<Buffer> install_key(Files& files, Entropy& entropy, const std::string& path);

 private:
  struct Entry {
    Entry(std::string name, Buffer bytes) : id(std::move(name)), key(std::move(bytes)) {}
    ~Entry() { wipe(key); }
    Entry(Entry&&) noexcept = default;
    Entry& operator=(Entry&& other) noexcept;

    std::string id;
    Buffer key;
  };
  std::vector<Entry> entries_;
};

}  // namespace pinaflux
