#include "platform/http/link.h"

#include <deque>
#include <map>
#include <optional>

#include <doctest/doctest.h>

#include "platform/http/head.h"
#include "tests/platform/sim/world.h"

namespace pinaflux::tests {

namespace {

using Texts = std::vector<std::string>;

constexpr const char* kNothing = "HTTP/1.1 204 No Content\r\n\r\n";

// Does with connections what the test says.
class Server {
 public:
  class Connection final : public Stream::Events {
   public:
    Connection(Server& server, Network::Accepted& accepted)
        : server_(server), stream_(accepted.with(*this)) {}
    void bytes(Bytes bytes) override {
      got += as_text(bytes);
      for (std::size_t end = http_head_end(got); end != 0; end = http_head_end(got)) {
        HttpHead head;
        head.text = got.substr(0, end);
        REQUIRE(head.parse().status == 0);
        if (got.size() < end + head.body_bytes) return;
        server_.asked(*this, got.substr(0, end), got.substr(end, head.body_bytes));
        got.erase(0, end + head.body_bytes);
      }
    }
    void closed(Error) override { open = false; }
    void say(std::string_view text) { (void)stream_->write(as_bytes(text)); }
    void finish() { stream_->finish(); }
    std::string got;
    bool open = true;

   private:
    Server& server_;
    std::unique_ptr<Stream> stream_;
  };

  explicit Server(Network& network) {
    auto listener = network.listen("tcp://0.0.0.0:80", {}, [this](Network::Accepted& accepted) {
      connections.push_back(std::make_unique<Connection>(*this, accepted));
      if (greeting) connections.back()->say(*greeting);
    });
    REQUIRE(listener.has_value());
    listener_ = std::move(*listener);
  }
  void asked(Connection& connection, std::string head, std::string body) {
    heads.push_back(std::move(head));
    bodies.push_back(std::move(body));
    if (answers.empty()) return;
    const std::string answer = answers.front();
    if (answers.size() > 1 || once) answers.pop_front();
    if (answer.empty()) return connection.finish();
    connection.say(answer);
  }

  std::vector<std::unique_ptr<Connection>> connections;
  Texts heads, bodies;
  std::deque<std::string> answers;  // Empty text: it closes. The last one is for all that follow.
  bool once = false;
  std::optional<std::string> greeting;

 private:
  std::unique_ptr<Listener> listener_;
};

struct LinkFixture : SimWorld, MqttClient::Events {
  std::unique_ptr<SimProgram> here = program("gateway"), there = program("cloud");
  std::unique_ptr<Server> server = std::make_unique<Server>(there->network);
  std::unique_ptr<MqttClient> link = with_http({}, here->network, here->loop)(*this);

  void connected(const MqttSession&) override { ++connects; }
  void lost(int reason, const std::string& why) override {
    reasons.push_back(reason);
    last_why = why;
  }
  void published(std::uint64_t token, int reason) override { results[token] = reason; }
  void message(const std::string& topic, Bytes payload) override {
    messages.push_back(topic + "|" + std::string(as_text(payload)));
  }

  void connect(const std::string& url = "http://cloud/{topic}") {
    MqttConnect to;
    to.broker = url;
    to.user = user;
    to.password = "open sesame";
    to.inflight_max = 4;
    link->connect(to);
    pass(Duration::seconds(1));
  }
  std::uint64_t post(const std::string& payload = "twelve bytes",
                     const std::string& topic = "p/g/data/normal") {
    MqttPublish publish;
    publish.topic = topic;
    publish.payload = as_bytes(payload);
    publish.content_type = "text/plain";
    publish.identity = "g/e/normal/1-10";
    const auto token = link->publish(publish);
    return token.value_or(0);
  }
  std::uint64_t post_and_wait(const std::string& payload = "twelve bytes") {
    const std::uint64_t token = post(payload);
    pass(Duration::seconds(1));
    return token;
  }

  int connects = 0;
  std::string user;
  std::vector<int> reasons;
  std::string last_why;
  std::map<std::uint64_t, int> results;
  Texts messages;
};

}  // namespace

TEST_CASE_FIXTURE(LinkFixture, "what is published is posted, and the answer acknowledges it") {
  server->answers = {kNothing};
  user = "gate";
  connect("http://cloud/in/{topic}?to={x}");
  REQUIRE(connects == 1);
  const std::uint64_t token = post("payload", "p/g w/data/ä");
  CHECK(results.empty());
  pass(Duration::seconds(1));
  CHECK(results.at(token) == 0);
  REQUIRE(server->heads.size() == 1);
  CHECK(server->heads[0] ==
        "POST /in/p/g%20w/data/%C3%A4?to={x} HTTP/1.1\r\nHost: cloud\r\nContent-Length: "
        "7\r\nContent-Type: text/plain\r\n"
        "Idempotency-Key: \"g/e/normal/1-10\"\r\nAuthorization: Basic "
        "Z2F0ZTpvcGVuIHNlc2FtZQ==\r\n\r\n");
  CHECK(server->bodies[0] == "payload");
}

TEST_CASE_FIXTURE(LinkFixture,
                  "one connection serves many requests, and a second one while the first is busy") {
  connect();
  post();
  post();
  post();
  CHECK(post() != 0);
  CHECK(post() == 0);  // inflight_max
  pass(Duration::seconds(1));
  CHECK(server->connections.size() == 2);
  CHECK(server->heads.size() == 2);
  server->answers = {kNothing};
  for (auto& connection : server->connections) connection->say(kNothing);
  pass(Duration::seconds(1));
  CHECK(results.size() == 4);
  for (int i = 0; i < 20; ++i) post_and_wait();
  CHECK(results.size() == 24);
  CHECK(server->connections.size() == 2);
}

TEST_CASE_FIXTURE(LinkFixture, "an answer brings messages, if it says so") {
  const std::string body = "p/g%20w/ack first line\nno-topic\np/g/ack  second\n%zz bad\n";
  const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
  server->answers = {
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length + "\r\n" + body,
      "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.pinaflux.messages\r\n" + length + "\r\n" +
          body};
  connect();
  post_and_wait();
  CHECK(messages.empty());
  post_and_wait();
  CHECK(messages == Texts{"p/g w/ack|first line", "p/g/ack| second"});
  CHECK(results.size() == 2);
}

TEST_CASE_FIXTURE(
    LinkFixture,
    "an answer may come in chunks, byte by byte, after others, or end with its connection") {
  std::string answer;
  SUBCASE("chunks") {
    answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  }
  SUBCASE("interim") {
    answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" +
             std::string(kNothing);
  }
  SUBCASE("length") { answer = "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nabc"; }
  SUBCASE("1.0") { answer = "HTTP/1.0 200 OK\r\n\r\nuntil the end"; }
  SUBCASE("close") { answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"; }
  connect();
  const std::uint64_t token = post_and_wait();
  for (const char c : answer) {
    server->connections.back()->say({&c, 1});
    pass(Duration::milliseconds(10));
  }
  server->connections.back()->finish();
  pass(Duration::seconds(1));
  CHECK(results.at(token) == 0);
  CHECK(reasons.empty());
  server->answers = {kNothing};
  CHECK(results.at(post_and_wait()) == 0);
}

TEST_CASE_FIXTURE(LinkFixture, "a web page has taken nothing, whatever status it has") {
  const auto answer = [&](const std::string& body) {
    server->answers = {"HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                       "\r\n\r\n" + body};
    const std::uint64_t token = post_and_wait();
    return results.contains(token);
  };
  for (const char* page :
       {"<!DOCTYPE html><title>Log in</title>", "\xef\xbb\xbf\r\n <HTML>", "<html>"}) {
    CAPTURE(page);
    connect();
    CHECK_FALSE(answer(page));
  }
  CHECK(reasons == std::vector<int>{0, 0, 0});
  CHECK(last_why.contains("log in there"));
  connect();
  for (const char* text : {"", "OK", "<htm", "{\"page\":\"<html>\"}"}) {
    CAPTURE(text);
    CHECK(answer(text));
  }
}

TEST_CASE_FIXTURE(LinkFixture, "what refuses one request leaves the link") {
  connect();
  for (const int status : {400, 401, 403, 404, 405, 413, 415, 422, 418, 501}) {
    CAPTURE(status);
    server->answers = {"HTTP/1.1 " + std::to_string(status) + " No\r\nContent-Length: 2\r\n\r\nno"};
    CHECK(results.at(post_and_wait()) == status);
    CHECK(std::string(http_link::refusal_text(status)).size() > 20);
  }
  CHECK(reasons.empty());
}

TEST_CASE_FIXTURE(
    LinkFixture,
    "a server that cannot now, or sends elsewhere, ends the link, and says for how long") {
  int status = 503;
  std::string more;
  Duration rest{};
  SUBCASE("busy, for seven seconds") { more = "Retry-After: 7\r\n", rest = Duration::seconds(7); }
  SUBCASE("busy, until a date") { more = "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"; }
  SUBCASE("busy, for ever") { more = "Retry-After: 4000000000\r\n", rest = http_link::kRestMax; }
  SUBCASE("busy, nonsense") { more = "Retry-After: -3\r\n"; }
  SUBCASE("too many requests") { status = 429; }
  SUBCASE("failed") { status = 500; }
  SUBCASE("its proxy") { status = 502; }
  SUBCASE("elsewhere") { status = 308; }
  connect();
  server->answers = {"HTTP/1.1 " + std::to_string(status) + " No\r\nContent-Length: 0\r\n" + more +
                     "\r\n"};
  post();
  post_and_wait();
  REQUIRE(reasons == std::vector<int>{status});
  CHECK(link->rest() == rest);
  CHECK(results.empty());
  CHECK(post() == 0);
  server->answers = {kNothing};
  connect();
  CHECK(link->rest() == Duration{});
  CHECK(results.at(post_and_wait()) == 0);
}

TEST_CASE_FIXTURE(LinkFixture, "what is no HTTP is a lost link with a text, whatever it is") {
  connect();
  post_and_wait();
  Server::Connection& connection = *server->connections.back();
  SUBCASE("another protocol") { connection.say("SSH-2.0-OpenSSH_9.2\r\n\r\n"); }
  SUBCASE("a status that is none") { connection.say("HTTP/1.1 9x9 What\r\n\r\n"); }
  SUBCASE("two lengths") {
    connection.say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
  }
  SUBCASE("a length beside chunks") {
    connection.say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
  }
  SUBCASE("headers without an end") {
    connection.say("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x'));
  }
  SUBCASE("a body that is too long") {
    connection.say("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
  }
  SUBCASE("a length beyond numbers") {
    connection.say("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n");
  }
  SUBCASE("chunks that are too long") {
    connection.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 40; ++i) {
      connection.say("8000\r\n" + std::string(0x8000, 'x') + "\r\n");
      pass(Duration::milliseconds(100));
    }
  }
  SUBCASE("bad chunks") {
    connection.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
  }
  SUBCASE("more than was asked") { connection.say(std::string(kNothing) + kNothing); }
  SUBCASE("interim answers without an end") {
    for (int i = 0; i < 20; ++i) connection.say("HTTP/1.1 100 Continue\r\n\r\n");
  }
  SUBCASE("nothing, for a minute") { pass(Duration::seconds(61)); }
  SUBCASE("half an answer") {
    connection.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    connection.finish();
  }
  pass(Duration::seconds(1));
  CHECK(reasons == std::vector<int>{0});
  CHECK(last_why.find("cloud") != std::string::npos);
  CHECK(results.empty());
}

TEST_CASE_FIXTURE(LinkFixture, "a server that speaks first is none") {
  server->greeting = "220 mail.example ESMTP\r\n";
  connect();
  post_and_wait();
  CHECK(reasons.size() == 1);
}

TEST_CASE_FIXTURE(LinkFixture,
                  "a connection that was idle too long is replaced, and nobody hears of it") {
  server->answers = {kNothing};
  connect();
  CHECK(results.at(post_and_wait()) == 0);
  SUBCASE("between requests") { server->connections.back()->finish(); }
  SUBCASE("as the next request comes") { server->answers = {"", kNothing}; }
  pass(Duration::seconds(1));
  CHECK(results.at(post_and_wait()) == 0);
  CHECK(reasons.empty());
  CHECK(server->connections.size() == 2);
}

TEST_CASE_FIXTURE(LinkFixture, "what was answered in half is not sent again over the same link") {
  server->answers = {kNothing};
  connect();
  post_and_wait();
  server->answers.clear();
  post_and_wait();
  SUBCASE("a part of the answer") {
    server->connections.back()->say("HTTP/1.1 200 OK\r\n");
    server->connections.back()->finish();
  }
  SUBCASE("none in time") { pass(Duration::seconds(61)); }
  pass(Duration::seconds(1));
  CHECK(reasons == std::vector<int>{0});
  CHECK(server->heads.size() == 2);
}

TEST_CASE_FIXTURE(LinkFixture, "a request that costs two connections is not sent a third time") {
  server->answers = {kNothing};
  connect();
  post_and_wait();
  server->answers = {""};
  post_and_wait();
  CHECK(reasons == std::vector<int>{0});
  CHECK(server->heads.size() == 3);
}

TEST_CASE_FIXTURE(LinkFixture, "nobody listens there, or nobody can") {
  SUBCASE("nobody") { connect("http://cloud:81/{topic}"); }
  SUBCASE("no such host") { connect("http://nowhere/{topic}"); }
  SUBCASE("no URL") { connect("http://:x"); }
  pass(Duration::seconds(30));
  CHECK(connects == 0);
  CHECK(reasons == std::vector<int>{0});
  CHECK_FALSE(last_why.empty());
  CHECK(post() == 0);
  server->answers = {kNothing};
  connect();
  CHECK(results.at(post_and_wait()) == 0);
}

TEST_CASE_FIXTURE(LinkFixture, "what was published before goodbye is answered before it") {
  connect();
  const std::uint64_t token = post();
  link->disconnect();
  CHECK(post() == 0);
  pass(Duration::seconds(1));
  CHECK(reasons.empty());
  SUBCASE("in time") {
    server->connections.back()->say(kNothing);
    pass(Duration::seconds(1));
    CHECK(results.at(token) == 0);
  }
  SUBCASE("or not at all") { pass(Duration::seconds(6)); }
  CHECK(reasons == std::vector<int>{0});
}

TEST_CASE_FIXTURE(LinkFixture, "it may be destroyed at any time") {
  connect();
  post_and_wait();
  link.reset();
  server->connections.back()->say(kNothing);
  pass(Duration::seconds(90));
  CHECK(results.empty());
}

}  // namespace pinaflux::tests
