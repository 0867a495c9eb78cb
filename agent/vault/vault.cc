// Keys are read into one buffer that is wiped on every way out, so that no copy of a key is left in
// freed memory: neither by a refused file nor by a reload.
//
// A file's mode must keep group and others out (chmod 600). Credentials are exempt: systemd guards
// their directory, and where it grants access by an ACL the group bits show the ACL's mask (0440).
// A public key is no secret: others may read it, but not write it.

#include "agent/vault/vault.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace pinaflux {

namespace {

constexpr std::size_t kKeyBytesMin = 16;
constexpr std::size_t kKeyBytesMax = 4'096;
constexpr std::size_t kInstallKeyBytes = 32;

enum class Guard { mode, directory };

struct Wiped {
  Buffer bytes;
  ~Wiped() { wipe(bytes); }
};

Result<std::size_t> read_all(File& file, MutableBytes to) {
  std::size_t size = 0;
  while (size < to.size()) {
    auto n = file.read_at(size, to.subspan(size));
    if (!n) return n;
    if (*n == 0) break;
    size += *n;
  }
  return size;
}

bool is_public(Bytes bytes) {
  const std::string_view text = as_text(bytes);
  return text.starts_with("-----BEGIN PUBLIC KEY-----") && !text.contains("PRIVATE KEY-----");
}

bool is_text(std::uint8_t c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; }

// The size without the newline that ends a text.
std::size_t without_newline(Bytes bytes) {
  std::size_t n = bytes.size();
  if (n == 0 || bytes[n - 1] != '\n') return n;
  --n;
  if (n > 0 && bytes[n - 1] == '\r') --n;
  return std::ranges::all_of(bytes.first(n), is_text) ? n : bytes.size();
}

// A key's bytes as they are in the file, at most one more than a key may have.
Result<Buffer> read_guarded(Files& files, const std::string& path, Guard guard) {
  auto file = files.open(path, Files::Mode::read);
  if (!file) {
    if (file.error().code != Code::not_found) return std::unexpected(file.error());
    return fail(Code::not_found, "the key file does not exist", file.error().sys_errno);
  }
  auto info = (*file)->info();
  if (!info) return std::unexpected(info.error());
  if (info->directory) return fail(Code::invalid, "the key file is a directory");
  Wiped block{Buffer(kKeyBytesMax + 3)};  // One byte too many, after a CR and a LF.
  auto size = read_all(**file, block.bytes);
  if (!size) return std::unexpected(size.error());
  const Bytes read = Bytes(block.bytes).first(*size);
  if (guard == Guard::mode && (info->mode & (is_public(read) ? 033 : 077)) != 0)
    return fail(Code::denied, "the key file is open to its group or to others: chmod 600 it");
  return Buffer(read.begin(), read.end());
}

Result<Buffer> read_key(Files& files, const std::string& path, Guard guard) {
  auto read = read_guarded(files, path, guard);
  if (!read) return read;
  Wiped whole{std::move(*read)};
  const std::size_t size = without_newline(whole.bytes);
  if (size < kKeyBytesMin || size > kKeyBytesMax) {
    return fail(Code::invalid,
                "a key has 16 to 4,096 bytes: make one with `openssl rand -hex 32`, and for "
                "signatures with "
                "`openssl ecparam`");
  }
  return Buffer(whole.bytes.begin(), whole.bytes.begin() + static_cast<std::ptrdiff_t>(size));
}

Result<Buffer> read_reference(Files& files, const Vault::Reference& reference) {
  if (reference.id.empty()) return fail(Code::invalid, "a key needs a name");
  if (reference.file.empty() == reference.credential.empty()) {
    return fail(Code::invalid, "a key comes from a file or from a credential, one of the two");
  }
  if (!reference.file.empty()) return read_key(files, reference.file, Guard::mode);
  const std::string& name = reference.credential;
  if (name.find('/') != std::string::npos || name == "." || name == "..") {
    return fail(Code::invalid, "a credential is a name, not a path");
  }
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || *directory == '\0') {
    return fail(Code::not_found,
                "CREDENTIALS_DIRECTORY is not set: add LoadCredential= to the systemd unit");
  }
  return read_key(files, std::string(directory) + "/" + name, Guard::directory);
}

}  // namespace

Vault::Entry& Vault::Entry::operator=(Entry&& other) noexcept {
  std::swap(id, other.id);
  std::swap(key, other.key);
  return *this;
}

Status Vault::load(Files& files, const std::vector<Reference>& references, std::string& which) {
  std::vector<Entry> entries;
  for (const Reference& reference : references) {
    which = reference.id;
    if (std::ranges::find(entries, reference.id, &Entry::id) != entries.end()) {
      return fail(Code::exists, "two keys have the same name");
    }
    auto key = read_reference(files, reference);
    if (!key) return std::unexpected(key.error());
    entries.emplace_back(reference.id, std::move(*key));
  }
  which.clear();
  entries_ = std::move(entries);
  return {};
}

Bytes Vault::key(std::string_view id) const {
  const auto entry = std::ranges::find(entries_, id, &Entry::id);
  return entry == entries_.end() ? Bytes{} : Bytes(entry->key);
}

Result<Buffer> Vault::install_key(Files& files, Entropy& entropy, const std::string& path) {
  auto found = read_guarded(files, path, Guard::mode);
  if (found && found->size() != kInstallKeyBytes) {
    wipe(*found);
    return fail(Code::corrupt,
                "the installation's key is damaged: remove its file to make a new one");
  }
  if (found || found.error().code != Code::not_found) return found;
  Wiped key{Buffer(kInstallKeyBytes)};
  entropy.fill(key.bytes);
  if (auto s = files.replace(path, as_text(key.bytes)); !s) return std::unexpected(s.error());
  return Buffer(key.bytes);
}

}  // namespace pinaflux
