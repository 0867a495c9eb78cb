#include "agent/vault/vault.h"

#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

#include "tests/agent/vault/memory_files.h"
#include "tests/kit/es256_keys.h"

namespace pinaflux {
namespace {

constexpr std::string_view kText = "0123456789abcdef0123456789abcdef";

class CountingEntropy : public Entropy {
 public:
  void fill(MutableBytes bytes) override {
    for (std::uint8_t& b : bytes) b = next_++;
  }

 private:
  std::uint8_t next_ = 1;
};

struct VaultFixture {
  Code load(std::vector<Vault::Reference> references) {
    const Status status = vault.load(files, references, which);
    REQUIRE_FALSE(status.has_value());
    what = status.error().what;
    return status.error().code;
  }

  MemoryFiles files;
  Vault vault;
  std::string which;
  std::string what;
};

TEST_CASE_FIXTURE(VaultFixture, "a key is the bytes of its file") {
  const std::string binary = "\n\x01\x02 sixteen bytes at least\x7f\n";
  files.put("text", kText, 0600);
  files.put("binary", binary, 0400);

  REQUIRE(vault.load(files, {{"a", "text", ""}, {"b", "binary", ""}}, which).has_value());

  CHECK(as_text(vault.key("a")) == kText);
  CHECK(as_text(vault.key("b")) == binary);
  CHECK(vault.key("c").empty());
}

TEST_CASE_FIXTURE(VaultFixture, "the newline that ends a text is not part of the key") {
  files.put("unix", std::string(kText) + "\n", 0600);
  files.put("dos", std::string(kText) + "\r\n", 0600);
  files.put("two", std::string(kText) + "\n\n", 0600);
  REQUIRE(vault.load(files, {{"u", "unix", ""}, {"d", "dos", ""}, {"t", "two", ""}}, which));
  CHECK(as_text(vault.key("u")) == kText);
  CHECK(as_text(vault.key("d")) == kText);
  CHECK(as_text(vault.key("t")) == std::string(kText) + "\n\n");
}

TEST_CASE_FIXTURE(VaultFixture,
                  "a file that its group or others may touch is refused, with the remedy") {
  for (std::uint32_t mode : {0644u, 0640u, 0604u, 0620u, 0601u}) {
    files.put("open", kText, mode);
    CHECK(load({{"a", "open", ""}}) == Code::denied);
    CHECK(what.find("chmod 600") != std::string::npos);
    CHECK(which == "a");
  }
}

TEST_CASE_FIXTURE(VaultFixture, "others may read a public key, but not write it") {
  files.put("public", kit::kSamplePublic, 0644);
  REQUIRE(vault.load(files, {{"a", "public", ""}}, which));
  CHECK(as_text(vault.key("a")) == kit::kSamplePublic);
  for (std::uint32_t mode : {0664u, 0646u, 0645u}) {
    files.put("public", kit::kSamplePublic, mode);
    CHECK(load({{"a", "public", ""}}) == Code::denied);
  }
  for (const std::string& text :
       {std::string(kit::kSamplePkcs8), "\n" + std::string(kit::kSamplePublic),
        std::string(kit::kSamplePublic) + std::string(kit::kSampleSec1)}) {
    files.put("private", text, 0644);
    CHECK(load({{"a", "private", ""}}) == Code::denied);
  }
}

TEST_CASE_FIXTURE(VaultFixture, "a key has 16 to 4,096 bytes") {
  files.put("min", std::string(16, 'x'), 0600);
  files.put("max", std::string(4'096, 'x') + "\r\n", 0600);
  CHECK(vault.load(files, {{"a", "min", ""}, {"b", "max", ""}}, which).has_value());
  CHECK(vault.key("b").size() == 4'096);

  files.put("short", std::string(15, 'x') + "\n", 0600);
  files.put("long", std::string(4'097, 'x'), 0600);
  files.put("longer", std::string(100'000, 'x'), 0600);
  files.put("empty", "", 0600);
  for (const char* path : {"short", "long", "longer", "empty"}) {
    CHECK(load({{"a", path, ""}}) == Code::invalid);
  }
}

TEST_CASE_FIXTURE(VaultFixture, "an error changes nothing and names the reference at fault") {
  files.put("good", kText, 0600);
  REQUIRE(vault.load(files, {{"a", "good", ""}}, which).has_value());

  CHECK(load({{"b", "good", ""}, {"c", "missing", ""}}) == Code::not_found);

  CHECK(which == "c");
  CHECK(as_text(vault.key("a")) == kText);
  CHECK(vault.key("b").empty());
}

TEST_CASE_FIXTURE(VaultFixture, "a reload replaces everything") {
  files.put("good", kText, 0600);
  REQUIRE(vault.load(files, {{"a", "good", ""}}, which).has_value());
  REQUIRE(vault.load(files, {{"b", "good", ""}}, which).has_value());
  CHECK(vault.key("a").empty());
  CHECK(which.empty());
}

TEST_CASE_FIXTURE(VaultFixture, "a reference needs a name of its own and one place") {
  files.put("good", kText, 0600);
  CHECK(load({{"", "good", ""}}) == Code::invalid);
  CHECK(load({{"a", "", ""}}) == Code::invalid);
  CHECK(load({{"a", "good", "credential"}}) == Code::invalid);
  CHECK(load({{"a", "good", ""}, {"a", "good", ""}}) == Code::exists);
}

TEST_CASE_FIXTURE(VaultFixture,
                  "a credential is found where systemd put it, whatever its group bits") {
  files.put("/run/credentials/pinaflux/hash", kText, 0440);
  ::setenv("CREDENTIALS_DIRECTORY", "/run/credentials/pinaflux", 1);
  CHECK(vault.load(files, {{"a", "", "hash"}}, which).has_value());
  CHECK(as_text(vault.key("a")) == kText);
  CHECK(load({{"a", "", "../pinaflux/hash"}}) == Code::invalid);
  CHECK(load({{"a", "", ".."}}) == Code::invalid);
  CHECK(load({{"a", "", "missing"}}) == Code::not_found);

  ::unsetenv("CREDENTIALS_DIRECTORY");
  CHECK(load({{"a", "", "hash"}}) == Code::not_found);
  CHECK(what.find("LoadCredential") != std::string::npos);
}

TEST_CASE_FIXTURE(VaultFixture, "the installation's key is made once and stays") {
  CountingEntropy entropy;
  const auto made = Vault::install_key(files, entropy, "install.key");
  REQUIRE(made.has_value());
  CHECK(made->size() == 32);
  CHECK((*made)[0] == 1);

  const auto again = Vault::install_key(files, entropy, "install.key");
  REQUIRE(again.has_value());
  CHECK(*again == *made);
}

TEST_CASE_FIXTURE(VaultFixture, "an installation's key that is damaged or open is not replaced") {
  CountingEntropy entropy;
  files.put("install.key", "short", 0600);
  const auto damaged = Vault::install_key(files, entropy, "install.key");
  REQUIRE_FALSE(damaged.has_value());
  CHECK(damaged.error().code == Code::corrupt);
  CHECK(as_text(files.bytes("install.key")) == "short");

  files.put("install.key", std::string(32, '\0'), 0644);
  const auto open = Vault::install_key(files, entropy, "install.key");
  REQUIRE_FALSE(open.has_value());
  CHECK(open.error().code == Code::denied);
}

}  // namespace
}  // namespace pinaflux
