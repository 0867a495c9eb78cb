// A loop whose time moves when told to, and a network whose far end is the test: it reads what was
// written and says what comes back. Everything happens inside ScriptedLoop::advance(), never inside
// a call, as the interfaces promise.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/loop.h"
#include "platform/network.h"

namespace pinaflux::tests {

class ScriptedLoop final : public Loop {
 public:
  std::unique_ptr<Timer> timer(std::function<void()> fired) override {
    return std::make_unique<ScriptedTimer>(*this, std::move(fired));
  }
  void post(std::function<void()> function) override { posted_.push_back(std::move(function)); }
  void run(std::function<bool()>) override {}
  void stop() override {}

  Instant now() const { return now_; }
  // Runs everything that is due until then, in order of time.
  void advance(Duration by = {}) {
    const Instant until = now_ + by;
    for (;;) {
      run_posted();
      ScriptedTimer* next = nullptr;
      for (ScriptedTimer* timer : timers_) {
        if (timer->due <= until && (next == nullptr || timer->due < next->due)) next = timer;
      }
      if (next == nullptr) break;
      now_ = std::max(now_, next->due);
      next->due = Instant::never();
      const std::function<void()> fired = next->fired;
      fired();
    }
    now_ = until;
  }

 private:
  struct ScriptedTimer final : Timer {
    ScriptedTimer(ScriptedLoop& l, std::function<void()> f) : loop(l), fired(std::move(f)) {
      loop.timers_.push_back(this);
    }
    ~ScriptedTimer() override { std::erase(loop.timers_, this); }
    void start(Duration after) override { due = loop.now_ + after; }
    void stop() override { due = Instant::never(); }
    ScriptedLoop& loop;
    std::function<void()> fired;
    Instant due = Instant::never();
  };

  void run_posted() {
    while (!posted_.empty()) {
      std::vector<std::function<void()>> now = std::move(posted_);
      posted_.clear();
      for (auto& function : now) function();
    }
  }

  Instant now_{};
  std::vector<ScriptedTimer*> timers_;
  std::vector<std::function<void()>> posted_;
};

class ScriptedNetwork final : public Network {
 public:
  explicit ScriptedNetwork(ScriptedLoop& loop) : loop_(loop) {}

  Result<std::unique_ptr<Stream>> connect(const std::string& address, const Options&,
                                          Stream::Events& events) override {
    if (address.empty()) return fail(Code::invalid, "no address");
    auto stream = std::make_unique<ScriptedStream>(*this, events);
    stream_ = stream.get();
    if (answers) {
      loop_.post([this] {
        if (stream_ != nullptr) stream_->events.connected();
      });
    }
    return stream;
  }
  Result<std::unique_ptr<Listener>> listen(const std::string&, const Options&, OnAccept) override {
    return fail(Code::unsupported, "scripted");
  }
  std::string interface_to(const std::string&) const override { return {}; }

  // The far end.
  bool answers = true;
  std::size_t room = 1024 * 1024;  // What write() takes in all until drain().
  Buffer written;                  // By the near end, since the last take().
  std::size_t writes = 0;
  bool finished = false, paused = false;

  bool connected() const { return stream_ != nullptr; }
  Buffer take() { return std::exchange(written, {}); }
  void say(Bytes bytes) {
    if (stream_ != nullptr && !finished) stream_->events.bytes(bytes);
  }
  void drain() {
    room = 1024 * 1024;
    if (stream_ != nullptr) stream_->events.drained();
  }
  void hang_up(Error reason = {Code::closed, 0, "closed"}) {
    if (stream_ != nullptr) stream_->events.closed(reason);
  }

 private:
  struct ScriptedStream final : Stream {
    ScriptedStream(ScriptedNetwork& n, Stream::Events& e) : network(n), events(e) {}
    ~ScriptedStream() override { network.stream_ = nullptr; }
    bool write(Bytes bytes) override {
      if (bytes.size() > network.room) return false;
      network.room -= bytes.size();
      append(network.written, bytes);
      ++network.writes;
      return true;
    }
    std::size_t bytes_queued() const override { return 0; }
    void pause(bool on) override { network.paused = on; }
    void finish() override {
      network.finished = true;
      network.loop_.post([n = &network] { n->hang_up(); });
    }
    ScriptedNetwork& network;
    Stream::Events& events;
  };

  ScriptedLoop& loop_;
  ScriptedStream* stream_ = nullptr;
};

}  // namespace pinaflux::tests
