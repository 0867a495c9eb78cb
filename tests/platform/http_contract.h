// What every HttpServers keeps to; spoken to byte by byte, as a client might that means no good.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "platform/http_server.h"
#include "tests/platform/network_contract.h"

namespace pinaflux {

struct HttpWorld {
  HttpWorld(HttpServers& servers, Network& network_, Loop& loop_, const std::string& address,
            const HttpServer::Options& options = {})
      : network(network_), loop(loop_) {
    auto listening = servers.listen(
        address, options, [this](const HttpRequest& request) { asked(request); },
        [this](std::uint64_t id) { gone.push_back(id); });
    REQUIRE(listening.has_value());
    server = std::move(*listening);
  }
  void asked(const HttpRequest& request) {
    ids.push_back(request.id);
    CHECK_FALSE(request.peer.empty());
    requests.push_back(std::string(request.method) + " " + std::string(request.path) + " " +
                       std::string(request.query) + " " + std::string(request.header("x-test")));
    bodies.emplace_back(as_text(request.body));
    if (at_once) server->answer(request.id, {200, "seen " + std::to_string(ids.size()) + "\n", {}});
  }
  std::unique_ptr<End> dial() {
    auto client = std::make_unique<End>();
    client->stream = std::move(network.connect(server->address(), wide(), *client).value());
    return client;
  }
  static Network::Options wide() {
    Network::Options options;
    options.write_bytes_max = 64 * 1024 * 1024;
    return options;
  }
  bool until(const std::function<bool()>& reached) { return kit::run_until(loop, reached); }
  // Sends it all, and gives what came back until the server closed, or until it ends with `last`.
  std::string exchange(std::string_view text, std::string_view last = "\n") {
    const auto client = dial();
    CHECK(client->write(text));
    CHECK(until([&] { return client->reason || client->got.ends_with(last); }));
    return client->got;
  }

  Network& network;
  Loop& loop;
  bool at_once = true;
  std::vector<std::uint64_t> ids, gone;
  std::vector<std::string> requests, bodies;
  std::unique_ptr<HttpServer> server;
};

inline void http_contract(HttpServers& servers, Network& network, Loop& loop,
                          const std::string& address) {
  SUBCASE("a request arrives decoded, and its answer goes back") {
    HttpWorld world(servers, network, loop, address);
    CHECK(world.exchange("GET /a%20b/%C3%A9?x=1&y=%20 HTTP/1.1\r\nHost: h\r\nX-Test: v \r\n\r\n") ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "
          "7\r\n\r\nseen 1\n");
    CHECK(world.requests == std::vector<std::string>{"GET /a b/\u00e9 x=1&y=%20 v"});
  }
  SUBCASE("an answer may come later, with headers; answering again does nothing") {
    HttpWorld world(servers, network, loop, address);
    world.at_once = false;
    const auto client = world.dial();
    CHECK(client->write("POST /w HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"));
    CHECK(world.until([&] { return world.ids.size() == 1; }));
    kit::settle(loop);
    CHECK(client->got.empty());
    world.server->answer(world.ids[0], {503, "", {{"Retry-After", "5"}, {"X-Evil", "a\r\nB: c"}}});
    world.server->answer(world.ids[0], {200, "again", {}});
    world.server->answer(4711, {200, "never asked", {}});
    CHECK(world.until([&] { return client->got.ends_with("\r\n\r\n"); }));
    CHECK(client->got ==
          "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nX-Evil: a  B: "
          "c\r\nContent-Length: 0\r\n\r\n");
    CHECK(world.bodies[0] == "abc");
  }
  SUBCASE("204 and HEAD have no body, and the connection lives on") {
    HttpWorld world(servers, network, loop, address);
    world.at_once = false;
    const auto client = world.dial();
    CHECK(client->write("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"));
    CHECK(world.until([&] { return world.ids.size() == 1; }));
    world.server->answer(world.ids[0], {200, "12345", {}});
    CHECK(client->write("PUT / HTTP/1.1\r\nHost: h\r\n\r\n"));
    CHECK(world.until([&] { return world.ids.size() == 2; }));
    world.server->answer(world.ids[1], {204, "", {}});
    CHECK(world.until([&] { return client->got.ends_with("No Content\r\n\r\n"); }));
    CHECK(client->got ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\n"
          "HTTP/1.1 204 No Content\r\n\r\n");
  }
  SUBCASE("requests sent ahead are answered one after the other") {
    HttpWorld world(servers, network, loop, address);
    std::string text;
    for (int i = 0; i < 50; ++i)
      text += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab";
    const std::string got = world.exchange(text, "seen 50\n");
    CHECK(world.requests.size() == 50);
    CHECK(world.requests[49] == "POST /49  ");
    CHECK(got.find("seen 49\n") < got.find("seen 50\n"));
  }
  SUBCASE("requests sent ahead of a late answer wait for it, however many they are") {
    HttpWorld world(servers, network, loop, address);
    world.at_once = false;
    const auto client = world.dial();
    std::string text;
    for (int i = 0; i < 5000; ++i)
      text += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
    CHECK(client->write(text));
    for (std::size_t i = 0; i < 5000; ++i) {
      REQUIRE(world.until([&] { return world.ids.size() > i; }));
      CHECK(world.ids.size() == i + 1);
      world.server->answer(world.ids[i], {204, "", {}});
    }
    CHECK(world.requests.back() == "GET /4999  ");
  }
  SUBCASE("a request may come byte by byte, in chunks, with lone line feeds") {
    HttpWorld world(servers, network, loop, address);
    const auto client = world.dial();
    const std::string text =
        "POST /c HTTP/1.1\nHost: h\nTransfer-Encoding: "
        "chunked\n\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: t\r\n\r\n";
    REQUIRE(world.until([&] { return client->told == "connected "; }));
    for (const char c : text) {
      CHECK(client->write({&c, 1}));
      kit::run_until(loop, [] { return true; });
    }
    CHECK(world.until([&] { return client->got.ends_with("seen 1\n"); }));
    CHECK(world.bodies == std::vector<std::string>{"abc0123456789"});
  }
  SUBCASE("a body of megabytes arrives whole, again and again") {
    HttpWorld world(servers, network, loop, address);
    const auto client = world.dial();
    const std::string body(3'000'000, 'b');
    for (std::size_t i = 1; i <= 3; ++i) {
      CHECK(client->write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n" + body));
      CHECK(world.until([&] { return world.ids.size() == i; }));
      CHECK(world.bodies.back() == body);
    }
  }
  SUBCASE("a client that asks whether to send is told so, or why not") {
    HttpServer::Options options;
    options.body_bytes_max = 10;
    HttpWorld world(servers, network, loop, address, options);
    const auto client = world.dial();
    CHECK(client->write(
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    CHECK(world.until([&] { return client->got == "HTTP/1.1 100 Continue\r\n\r\n"; }));
    CHECK(client->write("ab"));
    CHECK(world.until([&] { return client->got.ends_with("seen 1\n"); }));
    CHECK(
        world
            .exchange(
                "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n")
            .starts_with("HTTP/1.1 413 "));
  }
  SUBCASE("what is too large is refused before the handler sees it") {
    HttpServer::Options options;
    options.body_bytes_max = 1000;
    options.header_bytes_max = 500;
    HttpWorld world(servers, network, loop, address, options);
    CHECK(world.exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n")
              .starts_with("HTTP/1.1 413 "));
    CHECK(world
              .exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n" +
                        std::string(3'000'000, 'x'))
              .starts_with("HTTP/1.1 413 "));
    CHECK(world
              .exchange("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                        std::string(1001, 'x') + "\r\n0\r\n\r\n")
              .starts_with("HTTP/1.1 413 "));
    CHECK(world.exchange("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(600, 'x'))
              .starts_with("HTTP/1.1 431 "));
    CHECK(world.exchange("GET /" + std::string(600, 'x')).starts_with("HTTP/1.1 431 "));
    CHECK(world.requests.empty());
  }
  SUBCASE("what is malformed, or could be read in two ways, is refused with its reason") {
    HttpWorld world(servers, network, loop, address);
    const auto status = [&](const std::string& lines) {
      const std::string got = world.exchange(lines + "\r\n\r\n");
      CHECK(got.find("Connection: close\r\n") != std::string::npos);
      return got.substr(9, 3);
    };
    const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
    CHECK(status("nonsense") == "400");
    CHECK(status("\x16\x03\x01\x02") == "400");
    CHECK(status("GET / HTTP/1.1") == "400");
    CHECK(status("GET / HTTP/2.0\r\nHost: h") == "505");
    CHECK(status("BREW / HTTP/1.1\r\nHost: h") == "405");
    CHECK(status("GET * HTTP/1.1\r\nHost: h") == "400");
    CHECK(status("GET /%zz HTTP/1.1\r\nHost: h") == "400");
    CHECK(status("GET /%00 HTTP/1.1\r\nHost: h") == "400");
    CHECK(status("GET / HTTP/1.1\r\nHost : h") == "400");
    CHECK(status("GET / HTTP/1.1\r\nHost: h\r\n folded") == "400");
    CHECK(status(post + "Content-Length: -1") == "400");
    CHECK(status(post + "Content-Length: 1, 1") == "400");
    CHECK(status(post + "Content-Length: 1\r\nContent-Length: 2") == "400");
    CHECK(status(post + "Content-Length: 1\r\nTransfer-Encoding: chunked") == "400");
    CHECK(status(post + "Transfer-Encoding: gzip") == "501");
    CHECK(status(post + "Transfer-Encoding: chunked\r\n\r\nxyz") == "400");
    CHECK(status(post + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc") == "400");
    CHECK(status(post + "Transfer-Encoding: chunked\r\n\r\n11111111111111111") == "400");
    CHECK(status(post + "Content-Encoding: gzip\r\nContent-Length: 1") == "415");
    CHECK(status(post + "Expect: miracles") == "417");
    std::string many = post;
    for (int i = 0; i < 101; ++i) many += "A: b\r\n";
    CHECK(status(many) == "431");
    CHECK(world.requests.empty());
  }
  SUBCASE("HTTP/1.0 and Connection: close end the connection, keep-alive does not") {
    HttpWorld world(servers, network, loop, address);
    const auto closes = [&](std::string_view text) {
      const auto client = world.dial();
      CHECK(client->write(text));
      CHECK(world.until([&] { return client->got.ends_with("\n"); }));
      kit::settle(loop);
      return client->reason.has_value();
    };
    CHECK(closes("GET / HTTP/1.0\r\n\r\n"));
    CHECK(closes("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    CHECK_FALSE(closes("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    CHECK_FALSE(closes("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  }
  SUBCASE("the handler is told of a client that left before its answer") {
    HttpWorld world(servers, network, loop, address);
    world.at_once = false;
    auto client = world.dial();
    CHECK(client->write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"));
    CHECK(world.until([&] { return world.ids.size() == 1; }));
    client.reset();
    CHECK(world.until([&] { return world.gone == world.ids; }));
    world.server->answer(world.ids[0], {204, "", {}});
  }
  SUBCASE("a client that stalls blocks nobody, and is told so in the end") {
    HttpServer::Options options;
    options.idle_max = Duration::milliseconds(200);
    HttpWorld world(servers, network, loop, address, options);
    const auto head = world.dial(), body = world.dial(), idle = world.dial();
    CHECK(head->write("GET / HT"));
    CHECK(body->write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"));
    CHECK(world.exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n").ends_with("seen 1\n"));
    CHECK(world.until([&] { return head->reason && body->reason && idle->reason; }));
    CHECK(head->got.starts_with("HTTP/1.1 408 "));
    CHECK(body->got.starts_with("HTTP/1.1 408 "));
    CHECK(idle->got.empty());
    CHECK(world.requests.size() == 1);
  }
  SUBCASE("connections beyond the limit are told to come back, and places are given again") {
    HttpServer::Options options;
    options.connections_max = 2;
    HttpWorld world(servers, network, loop, address, options);
    auto first = world.dial(), second = world.dial();
    REQUIRE(
        world.until([&] { return first->told == "connected " && second->told == "connected "; }));
    kit::settle(loop);
    const std::string got = world.exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(got.starts_with("HTTP/1.1 503 "));
    CHECK(got.find("Retry-After: 1\r\n") != std::string::npos);
    first.reset();
    kit::settle(loop);
    CHECK(world.exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n").ends_with("seen 1\n"));
  }
  SUBCASE("bodies of all connections together are bounded") {
    HttpServer::Options options;
    options.bodies_bytes_max = 2'000'000;
    HttpWorld world(servers, network, loop, address, options);
    world.at_once = false;
    const std::string request = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1500000\r\n\r\n" +
                                std::string(1'500'000, 'x');
    auto first = world.dial();
    CHECK(first->write(request));
    REQUIRE(world.until([&] { return world.ids.size() == 1; }));
    CHECK(world.exchange(request).starts_with("HTTP/1.1 503 "));
    world.server->answer(world.ids[0], {204, "", {}});
    first.reset();
    kit::settle(loop);
    const auto third = world.dial();
    CHECK(third->write(request));
    CHECK(world.until([&] { return world.ids.size() == 2; }));
  }
  SUBCASE("a server that is destroyed lets its clients go") {
    HttpWorld world(servers, network, loop, address);
    world.at_once = false;
    const auto client = world.dial();
    CHECK(client->write("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    CHECK(world.until([&] { return world.ids.size() == 1; }));
    world.server.reset();
    CHECK(world.until([&] { return client->reason.has_value(); }));
    CHECK(world.gone.empty());
  }
}

}  // namespace pinaflux
