// A client against a server that changes what it sends: the input is a script of edits (offset, kind, byte) of
// the server's bytes, so that the fuzzer gets behind the first record; or, with an odd first byte, the bytes
// themselves. Whatever comes, the client ends ready or failed with a text, gives no plain text that the
// server did not send, and holds no more than it was given.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "platform/base/assert.h"
#include "platform/linux/files.h"
#include "platform/tls/connection.h"
#include "tests/platform/tls/server.h"

namespace pinaflux {
namespace {

constexpr char kHost[] = "broker.example";
constexpr char kPlain[] = "plain text of the server";
constexpr std::int64_t kMay2026 = 1'777'593'600;
constexpr int kRounds = 12;

struct Ends {
  Ends() {
    const tls_kit::Authority ca("Test CA");
    const tls_kit::Issued own = ca.issue({.common_name = "b", .names = {kHost}});
    for (const int version : {12, 13}) {
      servers[version - 12] =
          std::make_unique<tls_kit::Server>(tls_kit::ServerOptions{.own = own, .version = version});
    }
    char path[] = "/tmp/pinaflux-tls-fuzz-XXXXXX";
    const int fd = ::mkstemp(path);
    ASSERT(fd >= 0);
    std::ofstream(path) << ca.certificate();
    LinuxFiles files;
    for (auto& each : credentials) each = tls::Credentials::load(files, {.ca_file = path}).value();
    std::filesystem::remove(path);
  }
  std::unique_ptr<tls_kit::Server> servers[2];
  std::shared_ptr<tls::Credentials> credentials[2];  // With the sessions of each version.
};

// Edits of a stream of bytes, each of four bytes of the input: distance from the last (two), kind, byte.
class Script {
 public:
  explicit Script(Bytes input) : input_(input) {}
  void apply(Buffer& bytes) {
    while (input_.size() >= 4) {
      const std::size_t at = next_ + input_[0] + 256u * (input_[1] & 7u);
      if (at - seen_ >= bytes.size()) break;
      auto where = bytes.begin() + static_cast<std::ptrdiff_t>(at - seen_);
      switch (input_[2] % 3) {
        case 0: *where ^= input_[3]; break;
        case 1: bytes.insert(where, input_[3]); break;
        default: bytes.erase(where); break;
      }
      next_ = at + 1;
      input_ = input_.subspan(4);
    }
    seen_ += bytes.size();
    next_ = std::max(next_, seen_);
  }
  bool over() const { return input_.size() < 4; }

 private:
  Bytes input_;
  std::size_t seen_ = 0, next_ = 0;
};

void check(tls::Connection& client, bool unchanged) {
  std::string plain;
  std::uint8_t block[512];
  while (const std::size_t n = client.read(block)) plain += as_text(Bytes(block).first(n));
  ASSERT(plain.empty() || std::string(kPlain).starts_with(plain));
  ASSERT(!client.failure().any() || client.failure().text.size() > 10);
  ASSERT(client.outgoing().size() < 64 * 1024);
  if (unchanged) ASSERT(plain == kPlain);
}

void scripted(Ends& ends, Bytes input) {
  const std::size_t version = (input[0] >> 1) & 1;
  tls_kit::Server::Session server(*ends.servers[version]);
  tls::Connection client(ends.credentials[version], kHost, kMay2026);
  Script script(input.subspan(1));
  const bool unchanged = script.over();
  bool told = false;
  for (int i = 0; i < kRounds; ++i) {
    std::ignore = client.step();
    server.receive(client.outgoing());
    client.outgoing().clear();
    const bool alive = server.step();
    if (alive && server.ready && !told) {
      server.write(as_bytes(kPlain));
      told = true;
    }
    script.apply(server.outgoing);
    client.receive(server.outgoing);
    server.outgoing.clear();
  }
  check(client, unchanged);
}

void raw(Ends& ends, Bytes input) {
  tls::Connection client(ends.credentials[0], kHost, kMay2026);
  std::ignore = client.step();
  client.receive(input);
  std::ignore = client.step();
  client.receive_end();
  ASSERT(client.step() != tls::Connection::Step::ready);
  check(client, false);
}

}  // namespace
}  // namespace pinaflux

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static pinaflux::Ends ends;
  if (size == 0) return 0;
  const pinaflux::Bytes input(data, size);
  (data[0] & 1) != 0 ? pinaflux::raw(ends, input.subspan(1)) : pinaflux::scripted(ends, input);
  return 0;
}
