// Fakes for the sources' tests: a world that moves only when the test says so.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/ingest/options.h"
#include "agent/ingest/source.h"
#include "platform/base/assert.h"
#include "platform/mqtt/session.h"

namespace pinaflux::fake {

class Clock final : public pinaflux::Clock {
 public:
  Instant now() const override { return now_; }
  WallTime wall() const override { return {1'700'000'000'000'000'000 + now_.ns}; }
  bool synchronised() const override { return true; }
  std::uint64_t boot() const override { return 7; }
  Instant now_{};
};

class Loop final : public pinaflux::Loop {
 public:
  explicit Loop(Clock& clock) : clock_(clock) {}
  std::unique_ptr<pinaflux::Timer> timer(std::function<void()> fired) override {
    return std::make_unique<Timer>(*this, std::move(fired));
  }
  void post(std::function<void()> function) override { posted_.push_back(std::move(function)); }
  void run(std::function<bool()>) override {}
  void stop() override {}

  // Time passes; timers fire in order.
  void pass(Duration duration) {
    const Instant end = clock_.now_ + duration;
    while (true) {
      Timer* next = nullptr;
      for (Timer* t : timers_) {
        if (t->armed && t->due <= end && (next == nullptr || t->due < next->due)) next = t;
      }
      if (next == nullptr) break;
      clock_.now_ = std::max(clock_.now_, next->due);
      next->armed = false;
      next->fired();
    }
    clock_.now_ = end;
  }

 private:
  struct Timer final : pinaflux::Timer {
    Timer(Loop& loop, std::function<void()> f) : owner(loop), fired(std::move(f)) {
      owner.timers_.push_back(this);
    }
    ~Timer() override { std::erase(owner.timers_, this); }
    void start(Duration after) override {
      armed = true;
      due = owner.clock_.now_ + after;
    }
    void stop() override { armed = false; }
    Loop& owner;
    std::function<void()> fired;
    bool armed = false;
    Instant due{};
  };
  Clock& clock_;
  std::vector<Timer*> timers_;
  std::vector<std::function<void()>> posted_;
};

class Entropy final : public pinaflux::Entropy {
 public:
  void fill(MutableBytes bytes) override { std::ranges::fill(bytes, std::uint8_t{42}); }
};

// ---- files in memory

class Files final : public pinaflux::Files {
 public:
  struct Node {
    std::uint64_t inode = 0;
    std::string text;
  };

  void put(const std::string& path, std::string text) { node(path)->text = std::move(text); }
  void append_to(const std::string& path, const std::string& text) { node(path)->text += text; }

  Result<std::unique_ptr<File>> open(const std::string& path, Mode) override {
    const auto it = nodes_.find(path);
    if (it == nodes_.end()) return fail(Code::not_found, "no such file");
    return std::make_unique<Opened>(it->second);
  }
  Result<FileInfo> info(const std::string& path) override {
    const auto it = nodes_.find(path);
    if (it == nodes_.end()) return fail(Code::not_found, "no such file");
    return info_of(*it->second);
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    const std::string prefix = directory.ends_with('/') ? directory : directory + "/";
    std::vector<std::string> names;
    for (const auto& [path, node] : nodes_) {
      if (!path.starts_with(prefix)) continue;
      const std::string rest = path.substr(prefix.size());
      const std::string name = rest.substr(0, rest.find('/'));
      if (names.empty() || names.back() != name) names.push_back(name);
    }
    if (names.empty()) return fail(Code::not_found, "no such directory");
    return names;
  }
  Status make_directory(const std::string&, std::uint32_t) override { return {}; }
  Status rename(const std::string& from, const std::string& to) override {
    nodes_[to] = nodes_.at(from);
    nodes_.erase(from);
    return {};
  }
  Status remove(const std::string& path) override {
    nodes_.erase(path);
    return {};
  }
  Status sync_directory(const std::string&) override { return {}; }
  Result<std::unique_ptr<FileLock>> lock(const std::string&, long&) override {
    return fail(Code::unsupported, "lock");
  }
  const char* sqlite_vfs() const override { return nullptr; }
  Result<FileSystemInfo> file_system(const std::string&) override {
    return FileSystemInfo{.bytes_total = 1'000'000'000, .bytes_free = 250'000'000};
  }

 private:
  static FileInfo info_of(const Node& node) {
    FileInfo info;
    info.device = 1;
    info.inode = node.inode;
    info.bytes = node.text.size();
    return info;
  }
  struct Opened final : File {
    explicit Opened(std::shared_ptr<Node> n) : node(std::move(n)) {}
    Result<std::size_t> read_at(std::uint64_t offset, MutableBytes bytes) override {
      if (offset >= node->text.size()) return std::size_t{0};
      const auto n = static_cast<std::size_t>(
          std::min<std::uint64_t>(bytes.size(), node->text.size() - offset));
      std::copy_n(node->text.begin() + static_cast<std::ptrdiff_t>(offset), n, bytes.begin());
      return n;
    }
    Status write_at(std::uint64_t, Bytes) override { return fail(Code::denied, "read only"); }
    Status truncate(std::uint64_t) override { return fail(Code::denied, "read only"); }
    Status reserve(std::uint64_t) override { return fail(Code::unsupported, "reserve"); }
    Status punch(std::uint64_t, std::uint64_t) override { return fail(Code::unsupported, "punch"); }
    Status sync() override { return {}; }
    Result<FileInfo> info() override { return info_of(*node); }
    std::shared_ptr<Node> node;
  };
  std::shared_ptr<Node> node(const std::string& path) {
    auto& n = nodes_[path];
    if (n == nullptr) n = std::make_shared<Node>(Node{++last_inode_, {}});
    return n;
  }
  std::map<std::string, std::shared_ptr<Node>> nodes_;
  std::uint64_t last_inode_ = 100;
};

// ---- network

class Stream;

struct Wire {  // The test's end of one stream.
  pinaflux::Stream::Events* events = nullptr;
  std::string written;
  bool paused = false;
  bool alive = true;
  bool finished = false;
  void send(std::string_view text) { events->bytes(as_bytes(text)); }
  void close() { events->closed({Code::closed, 0, "closed"}); }
  void break_off() { events->closed({Code::io, 104, "broken off"}); }
};

class Stream final : public pinaflux::Stream {
 public:
  explicit Stream(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
  ~Stream() override { wire_->alive = false; }
  bool write(Bytes bytes) override {
    wire_->written += as_text(bytes);
    return true;
  }
  std::size_t bytes_queued() const override { return 0; }
  void pause(bool paused) override { wire_->paused = paused; }
  void finish() override { wire_->finished = true; }

 private:
  std::shared_ptr<Wire> wire_;
};

class Network final : public pinaflux::Network {
 public:
  Result<std::unique_ptr<pinaflux::Stream>> connect(const std::string&, const Options&,
                                                    pinaflux::Stream::Events& events) override {
    dialled = std::make_shared<Wire>();
    dialled->events = &events;
    return std::make_unique<Stream>(dialled);
  }
  Result<std::unique_ptr<Listener>> listen(const std::string& address, const Options&,
                                           OnAccept accepted) override {
    if (address == "tcp://taken:1") return fail(Code::busy, "the port is in use");
    accept_ = std::move(accepted);
    return std::make_unique<Listening>(address);
  }
  std::string interface_to(const std::string&) const override { return {}; }
  // A peer connects; nullptr: it was turned away.
  std::shared_ptr<Wire> peer() {
    OneAccepted one;
    accept_(one);
    return one.wire;
  }
  std::shared_ptr<Wire> dialled;

 private:
  struct Listening final : Listener {
    explicit Listening(std::string a) : text(std::move(a)) {}
    std::string address() const override { return text; }
    std::string text;
  };
  struct OneAccepted final : Accepted {
    std::unique_ptr<pinaflux::Stream> with(pinaflux::Stream::Events& events) override {
      wire = std::make_shared<Wire>();
      wire->events = &events;
      return std::make_unique<Stream>(wire);
    }
    std::string peer() const override { return "tcp://192.0.2.1:1"; }
    std::shared_ptr<Wire> wire;
  };
  OnAccept accept_;
};

// ---- HTTP

class HttpServers final : public pinaflux::HttpServers {
 public:
  Result<std::unique_ptr<HttpServer>> listen(const std::string& address, const HttpServer::Options&,
                                             HttpHandler handler,
                                             std::function<void(std::uint64_t)> gone) override {
    if (address == "tcp://taken:1") return fail(Code::busy, "the port is in use");
    handler_ = std::move(handler);
    gone_ = std::move(gone);
    return std::make_unique<Server>(*this);
  }
  using Headers = std::map<std::string, std::string>;
  std::uint64_t request(std::string_view method, std::string_view target,
                        std::string_view body = "", const Headers& headers = {}) {
    HttpRequest r;
    r.id = ++last_id_;
    r.method = method;
    r.path = target.substr(0, target.find('?'));
    if (r.path.size() < target.size()) r.query = target.substr(r.path.size() + 1);
    r.body = as_bytes(body);
    r.header = [&](std::string_view name) -> std::string_view {
      const auto it = headers.find(std::string(name));
      return it == headers.end() ? std::string_view() : std::string_view(it->second);
    };
    handler_(r);
    return r.id;
  }
  void leave(std::uint64_t id) { gone_(id); }
  // 0: not answered.
  int status(std::uint64_t id) const { return answers.contains(id) ? answers.at(id).status : 0; }
  std::map<std::uint64_t, HttpAnswer> answers;

 private:
  struct Server final : HttpServer {
    explicit Server(HttpServers& o) : owner(o) {}
    std::string address() const override { return "tcp://127.0.0.1:8080"; }
    void answer(std::uint64_t id, const HttpAnswer& answer) override {
      ASSERT(!owner.answers.contains(id));
      owner.answers[id] = answer;
    }
    HttpServers& owner;
  };
  HttpHandler handler_;
  std::function<void(std::uint64_t)> gone_;
  std::uint64_t last_id_ = 0;
};

// ---- MQTT

// A broker's end of sessions: remembers what the source does, and asserts as the real one does.
class Broker {
 public:
  struct Session final : mqtt::Session {
    Session(Broker& b, const mqtt::Options& o, Events& e) : broker(b), options(o), events(e) {
      broker.session = this;
    }
    ~Session() override {
      if (broker.session == this) broker.session = nullptr;
    }
    void subscribe(std::string_view filter, int, int handling) override {
      broker.subscriptions.emplace_back(filter);
      broker.retain_handling = handling;
    }
    void ack(std::uint16_t id) override {
      ASSERT(std::erase(waiting, id) == 1);
      broker.acks.push_back(id);
    }
    Result<std::uint16_t> publish(std::string_view, Bytes, bool) override {
      return fail(Code::unsupported, "not here");
    }
    std::uint64_t mark() override { return ++broker.last_mark; }
    void pause(bool p) override { paused = p; }
    void disconnect() override {}
    Broker& broker;
    mqtt::Options options;
    Events& events;
    std::vector<std::uint16_t> waiting;
    bool paused = false;
  };

  auto connector() {
    return [this](const mqtt::Options& o,
                  mqtt::Session::Events& e) -> Result<std::unique_ptr<mqtt::Session>> {
      ++dials;
      return std::make_unique<Session>(*this, o, e);
    };
  }
  void accept(bool session_present) {
    session->events.connected({session->options.version, session_present, 0});
    session->events.subscribed("t", 1);
  }
  void publish(std::uint16_t id, std::string_view topic, std::string_view payload,
               bool duplicate = false, bool retained = false) {
    if (id != 0) session->waiting.push_back(id);
    session->events.message({topic, as_bytes(payload), id, duplicate, retained});
  }
  void answer_ping() { session->events.mark_reached(last_mark); }
  void cut(Error reason = {Code::closed, 0, "cut"}) { session->events.closed(reason, 0); }

  Session* session = nullptr;
  int dials = 0;
  int retain_handling = -1;
  std::vector<std::string> subscriptions;
  std::vector<std::uint16_t> acks;
  std::uint64_t last_mark = 0;
};

// ---- the agent's part: polls, "commits", keeps the cursors

struct World {
  Clock clock;
  Loop loop{clock};
  Entropy entropy;
  Files files;
  Network network;
  HttpServers http;
  Shapes shapes;
  Intake intake{shapes};
  std::map<std::string, Buffer> cursors;  // Committed.
  std::vector<Refusal> refusals;          // Committed.
  std::vector<std::string> rows;          // Committed records: "stream{a=1,b=x}".

  SourceHost host() {
    SourceHost h{.loop = loop,
                 .clock = clock,
                 .network = network,
                 .http = http,
                 .files = files,
                 .entropy = entropy,
                 .stamp = [this] { return Stamp::wall(clock.wall()); },
                 .install_key = InstallKey{1},
                 .gateway = "gw"};
    return h;
  }
  std::vector<Cursor> stored() const {
    std::vector<Cursor> all;
    for (const auto& [key, value] : cursors) all.push_back({key, value});
    return all;
  }
  // What a turn takes; it is not on disk before commit().
  void poll(Source& source, std::size_t budget = limits::kIntakeBytesMax) {
    intake.reset(budget);
    source.poll(intake);
    for (const CursorEdit& edit : intake.cursors) edits_.push_back(edit);
    for (const Refusal& refusal : intake.refusals) pending_refusals_.push_back(refusal);
    for (const RawRecord& record : intake.records) pending_rows_.push_back(text_of(record.row));
    for (const Parcel& parcel : intake.parcels) {
      ASSERT(parcel.ticket > ticket_);
      ticket_ = parcel.ticket;
      records_ += parcel.records_end - parcel.records_begin;
    }
  }
  void commit(Source& source, SourceIndex index = 0) {
    for (const CursorEdit& edit : edits_) {
      if (edit.erase) {
        cursors.erase(edit.key);
      } else {
        cursors[edit.key] = edit.value;
      }
    }
    refusals.insert(refusals.end(), pending_refusals_.begin(), pending_refusals_.end());
    rows.insert(rows.end(), pending_rows_.begin(), pending_rows_.end());
    forget();
    source.committed({index, ticket_, std::exchange(records_, 0)});
  }
  void turn(Source& source) {
    poll(source);
    commit(source);
  }
  // The power fails before the commit.
  void forget() {
    edits_.clear();
    pending_refusals_.clear();
    pending_rows_.clear();
  }
  void restart() {
    forget();
    ticket_ = 0;
    records_ = 0;
  }
  static std::string text_of(const Row& row);
  Ticket ticket() const { return ticket_; }

 private:
  Ticket ticket_ = 0;
  std::uint64_t records_ = 0;
  std::vector<CursorEdit> edits_;
  std::vector<Refusal> pending_refusals_;
  std::vector<std::string> pending_rows_;
};

inline std::string text_of(const Value& value) {
  switch (value.type()) {
    case Type::absent: return "-";
    case Type::null: return "null";
    case Type::boolean: return value.as_boolean() ? "true" : "false";
    case Type::int64: return std::to_string(value.as_int64()) + "i";
    case Type::uint64: return std::to_string(value.as_uint64()) + "u";
    case Type::float64: {
      std::string text = std::to_string(value.as_float64());
      while (text.ends_with('0')) text.pop_back();
      return text;
    }
    case Type::text: return "'" + std::string(value.as_text()) + "'";
    case Type::bytes: return "bytes(" + std::to_string(value.as_text().size()) + ")";
  }
  return "?";
}

inline std::string World::text_of(const Row& row) {
  std::string text(row.shape->stream());
  text += "{";
  for (std::size_t i = 0; i < row.shape->field_count(); ++i) {
    if (i > 0) text += ",";
    text += row.shape->fields()[i] + "=" + fake::text_of(row.values[i]);
  }
  return text + "}";
}

// A text with the padding that parsers ask for.
class Padded {
 public:
  explicit Padded(std::string text) : text_(std::move(text)), size_(text_.size()) {
    text_.append(64, '\0');
  }
  operator std::string_view() const { return std::string_view(text_).substr(0, size_); }

 private:
  std::string text_;
  std::size_t size_;
};

}  // namespace pinaflux::fake
