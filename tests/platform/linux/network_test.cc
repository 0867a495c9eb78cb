// What only the sockets of Linux can be asked: socket files, names, standard input, ports of
// others.
#include <algorithm>
#include <fcntl.h>
#include <optional>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "platform/linux/address.h"
#include "platform/linux/linux.h"
#include "tests/kit/directory.h"
#include "tests/kit/run.h"
#include "tests/platform/network_contract.h"

using namespace pinaflux;

namespace {

struct NetworkFixture {
  std::unique_ptr<LinuxPlatform> platform = std::move(LinuxPlatform::make().value());
  kit::TemporaryDirectory directory;

  Result<std::unique_ptr<Listener>> listen(const std::string& address) {
    return platform->network.listen(address, {}, [](Network::Accepted&) {});
  }
  bool until(const std::function<bool()>& reached) {
    return kit::run_until(*platform->loop, reached);
  }
};

// Standard input is something else for as long as it lives.
struct Redirected {
  explicit Redirected(int fd) : kept(::dup(STDIN_FILENO)) { ::dup2(fd, STDIN_FILENO); }
  ~Redirected() { ::dup2(kept.get(), STDIN_FILENO); }
  Fd kept;
};

}  // namespace

TEST_CASE("addresses are read and written") {
  const auto v6 = parse_address("tcp://[::1]:502");
  REQUIRE(v6.has_value());
  CHECK(v6->host == "::1");
  CHECK(v6->port == 502);
  CHECK(printed(*numeric_address("::1", 502)) == "[::1]:502");
  CHECK(printed(*numeric_address("localhost", 80)) == "127.0.0.1:80");
  CHECK(numeric_address("broker.example", 1).error().code == Code::not_found);
  CHECK(numeric_address("1.2.3", 1).error().code == Code::not_found);
  CHECK(unix_address("/" + std::string(107, 'a')).error().code == Code::invalid);
  CHECK(unix_address("/" + std::string(106, 'a')).has_value());
}

TEST_CASE_FIXTURE(NetworkFixture, "a port in use is said to be so, with what to do") {
  const auto first = listen("tcp://127.0.0.1:0");
  REQUIRE(first.has_value());
  const auto second = listen((*first)->address());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Code::busy);
  CHECK(std::string_view(second.error().what) ==
        "the port is in use: stop the other program or choose another port");
}

TEST_CASE_FIXTURE(NetworkFixture, "an address of another machine or a name cannot be listened on") {
  CHECK(listen("tcp://192.0.2.1:0").error().code == Code::invalid);
  CHECK(listen("tcp://broker.example:0").error().code == Code::invalid);
  CHECK(listen("stdin:").error().code == Code::invalid);
  CHECK(listen("unix://" + (directory / "no/such/s")).error().code == Code::not_found);
}

TEST_CASE_FIXTURE(NetworkFixture, "the interface that leads to a broker is known by name") {
  CHECK(platform->network.interface_to("tcp://127.0.0.1:1883") == "lo");
  CHECK(platform->network.interface_to("wss://localhost:443/mqtt") == "lo");
  CHECK(platform->network.interface_to("http://127.0.0.1:3128") == "lo");
  CHECK(platform->network.interface_to("nothing").empty());
  // By a name it is the default route's, if there is one: never the one of this machine alone.
  CHECK(platform->network.interface_to("tls://broker.invalid:8883") != "lo");
}

TEST_CASE_FIXTURE(NetworkFixture, "a socket file has mode 0660 and is gone with its listener") {
  const std::string path = directory / "s";
  auto listener = listen("unix://" + path);
  REQUIRE(listener.has_value());
  struct stat s{};
  REQUIRE(::stat(path.c_str(), &s) == 0);
  CHECK((s.st_mode & 0777) == 0660);
  listener->reset();
  CHECK(::stat(path.c_str(), &s) != 0);
}

TEST_CASE_FIXTURE(NetworkFixture, "the socket file of a program that was killed is replaced") {
  const std::string path = directory / "s";
  {
    const Fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    const auto address = unix_address(path);
    REQUIRE(::bind(dead.get(), address->get(), address->size) == 0);
  }
  CHECK(listen("unix://" + path).has_value());
}

TEST_CASE_FIXTURE(NetworkFixture, "a file that is no socket is not touched") {
  REQUIRE(platform->files.replace(directory / "s", "precious").has_value());
  CHECK(listen("unix://" + (directory / "s")).error().code == Code::exists);
  CHECK(platform->files.read_text(directory / "s", 100) == "precious");
}

TEST_CASE_FIXTURE(NetworkFixture, "a socket file that another program has replaced is left to it") {
  const std::string path = directory / "s";
  auto first = listen("unix://" + path);
  REQUIRE(first.has_value());
  REQUIRE(::unlink(path.c_str()) == 0);
  const auto second = listen("unix://" + path);
  REQUIRE(second.has_value());
  first->reset();
  struct stat s{};
  CHECK(::stat(path.c_str(), &s) == 0);
}

TEST_CASE_FIXTURE(NetworkFixture,
                  "names are looked up without nsswitch, and nothing is loaded for it") {
  REQUIRE(configure_names());
  Names names(platform->loop->base());
  std::optional<Result<std::vector<SocketAddress>>> found, unknown;
  names.look_up("localhost", 7, [&](auto result) { found = std::move(result); });
  // RFC 6761: no name server may know a name in .invalid; without any server, there is no answer.
  names.look_up("no-such-host.invalid", 7, [&](auto result) { unknown = std::move(result); });
  CHECK_FALSE(found.has_value());
  CHECK(kit::run_until(*platform->loop, [&] { return found && unknown; }, Duration::seconds(60)));
  REQUIRE((*found).has_value());
  const std::string first = printed((*found)->front());
  CHECK((first == "127.0.0.1:7" || first == "[::1]:7"));
  CHECK_FALSE((*unknown).has_value());
  const auto maps = platform->files.read_text("/proc/self/maps", 10'000'000);
  REQUIRE(maps.has_value());
  CHECK(maps->find("libnss_") == std::string::npos);
}

TEST_CASE_FIXTURE(NetworkFixture, "a lookup that is cancelled is not told") {
  Names names(platform->loop->base());
  bool told = false, later = false;
  names.cancel(names.look_up("localhost", 7, [&](auto) { told = true; }));
  names.look_up("localhost", 7, [&](auto) { later = true; });
  CHECK(until([&] { return later; }));
  CHECK_FALSE(told);
}

TEST_CASE_FIXTURE(NetworkFixture, "a resolver may be destroyed while it looks up") {
  for (int i = 0; i < 20; ++i) {
    Names names(platform->loop->base());
    names.look_up("localhost", 7, [](auto) {});
  }
}

TEST_CASE_FIXTURE(NetworkFixture, "a host by name is reached on whichever address answers") {
  End server;
  auto listener = platform->network.listen(
      "tcp://127.0.0.1:0", {}, [&](Network::Accepted& a) { server.stream = a.with(server); });
  REQUIRE(listener.has_value());
  // "LOCALHOST" is a name for us, and takes the way through the resolver.
  std::string address = (*listener)->address();
  address.replace(6, 9, "LOCALHOST");
  End client;
  auto stream = platform->network.connect(address, {}, client);
  REQUIRE(stream.has_value());
  CHECK(until([&] { return client.told == "connected " && server.stream != nullptr; }));
}

TEST_CASE_FIXTURE(NetworkFixture, "a peer that does not answer is given up after the timeout") {
  // A full backlog: Linux drops further SYNs.
  const Fd deaf(::socket(AF_INET, SOCK_STREAM, 0));
  SocketAddress address = *numeric_address("127.0.0.1", 0);
  REQUIRE(::bind(deaf.get(), address.get(), address.size) == 0);
  REQUIRE(::listen(deaf.get(), 0) == 0);
  REQUIRE(::getsockname(deaf.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.size) ==
          0);
  Network::Options options;
  options.connect_timeout = Duration::milliseconds(300);
  std::vector<std::unique_ptr<End>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<End>());
    clients.back()->stream = std::move(
        platform->network.connect("tcp://" + printed(address), options, *clients.back()).value());
  }
  CHECK(until([&] { return clients.back()->reason.has_value(); }));
  CHECK(clients.back()->reason->code == Code::timeout);
}

TEST_CASE_FIXTURE(NetworkFixture, "a reset is not taken for an orderly end") {
  End server;
  auto listener = platform->network.listen(
      "tcp://127.0.0.1:0", {}, [&](Network::Accepted& a) { server.stream = a.with(server); });
  Fd client(::socket(AF_INET, SOCK_STREAM, 0));
  const auto parsed = parse_address((*listener)->address());
  const SocketAddress address = *numeric_address(parsed->host, parsed->port);
  REQUIRE(::connect(client.get(), address.get(), address.size) == 0);
  REQUIRE(until([&] { return server.stream != nullptr; }));
  const linger at_once{1, 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  client.close();
  CHECK(until([&] { return server.reason.has_value(); }));
  CHECK(server.reason->code == Code::io);
}

TEST_CASE_FIXTURE(NetworkFixture, "standard input is read to its end, be it a file or a pipe") {
  const std::string text(500'000, 'x');
  Fd input;
  Fd writer;
  SUBCASE("a regular file") {
    REQUIRE(platform->files.replace(directory / "in", text).has_value());
    input = Fd(::open((directory / "in").c_str(), O_RDONLY));
  }
  SUBCASE("a pipe") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    input = Fd(ends[0]);
    writer = Fd(ends[1]);
    ::fcntl(writer.get(), F_SETFL, O_NONBLOCK);
  }
  REQUIRE(input);
  End reader;
  std::size_t written = writer ? 0 : text.size();
  {
    const Redirected redirected(input.get());
    auto stream = platform->network.connect("stdin:", {}, reader);
    REQUIRE(stream.has_value());
    reader.stream = std::move(*stream);
  }
  CHECK(reader.told.empty());
  CHECK(until([&] {
    if (written < text.size()) {
      const ssize_t n =
          ::write(writer.get(), text.data(), std::min<std::size_t>(text.size() - written, 4096));
      if (n > 0) written += static_cast<std::size_t>(n);
      platform->loop->post([] {});
    } else {
      writer.close();
    }
    return reader.reason.has_value();
  }));
  CHECK(reader.got == text);
  CHECK(reader.reason->code == Code::closed);
  CHECK((::fcntl(input.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE_FIXTURE(NetworkFixture, "standard input is held back, and can be finished or destroyed") {
  REQUIRE(platform->files.replace(directory / "in", std::string(500'000, 'x')).has_value());
  const Fd input(::open((directory / "in").c_str(), O_RDONLY));
  End reader;
  {
    const Redirected redirected(input.get());
    reader.stream = std::move(platform->network.connect("stdin:", {}, reader).value());
  }
  reader.stream->pause(true);
  kit::settle(*platform->loop);
  CHECK(reader.got.empty());
  CHECK_FALSE(reader.write("x"));
  SUBCASE("finished") {
    reader.stream->finish();
    CHECK(until([&] { return reader.reason.has_value(); }));
  }
  SUBCASE("destroyed inside its event") {
    reader.destroy_at = 1;
    reader.stream->pause(false);
    CHECK(until([&] { return reader.stream == nullptr; }));
  }
}
