// Talk: a tls::Connection and a Server that pass each other their bytes.
//
// Threads    One.
#pragma once

#include <fstream>
#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "platform/linux/files.h"
#include "platform/tls/connection.h"
#include "tests/kit/directory.h"
#include "tests/platform/tls/authority.h"
#include "tests/platform/tls/server.h"

namespace pinaflux::tls_kit {

constexpr char kHost[] = "broker.example";
constexpr std::int64_t kMay2026 = 1'777'593'600;  // 2026-05-01 00:00:00 UTC.

// A CA, what it issued, and the files that name them.
struct World {
  kit::TemporaryDirectory directory;
  LinuxFiles files;
  Authority ca{"Test CA"};

  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(directory / name, std::ios::binary) << text;
    return directory / name;
  }
  tls::Options trusting() { return {.ca_file = file("ca.pem", ca.certificate())}; }
  std::shared_ptr<tls::Credentials> credentials(const tls::Options& options) {
    auto loaded = tls::Credentials::load(files, options);
    REQUIRE_MESSAGE(loaded, loaded.error().text);
    return *loaded;
  }
  Issued server(Wanted wanted = {.common_name = "broker", .names = {kHost}}) const {
    return ca.issue(wanted);
  }
};

// Passes bytes until neither has more to say.
inline void talk(tls::Connection& client, Server::Session& server, std::size_t piece = 1 << 20) {
  for (bool moved = true; moved;) {
    moved = false;
    std::ignore = client.step();
    while (!client.outgoing().empty()) {
      const std::size_t n = std::min(piece, client.outgoing().size());
      server.receive(Bytes(client.outgoing()).first(n));
      client.outgoing().erase(client.outgoing().begin(),
                              client.outgoing().begin() + static_cast<std::ptrdiff_t>(n));
      std::ignore = server.step();
      moved = true;
    }
    while (!server.outgoing.empty()) {
      const std::size_t n = std::min(piece, server.outgoing.size());
      client.receive(Bytes(server.outgoing).first(n));
      server.outgoing.erase(server.outgoing.begin(),
                            server.outgoing.begin() + static_cast<std::ptrdiff_t>(n));
      std::ignore = client.step();
      moved = true;
    }
  }
}

inline std::string read_all(tls::Connection& client) {
  std::string text;
  std::uint8_t block[1000];
  while (const std::size_t n = client.read(block)) text += as_text(Bytes(block).first(n));
  return text;
}

}  // namespace pinaflux::tls_kit
