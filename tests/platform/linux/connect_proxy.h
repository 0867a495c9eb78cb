// ConnectProxy: an HTTP proxy on loopback, on the test's own loop: it leads where CONNECT says, or says what it is told to.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "platform/network.h"

namespace pinaflux::tests {

class ConnectProxy {
 public:
  explicit ConnectProxy(Network& network) : network_(network) {
    auto listening =
        network.listen("tcp://127.0.0.1:0", room(), [this](Network::Accepted& accepted) {
          ways_.push_back(std::make_unique<Way>(*this));
          ways_.back()->front.stream = accepted.with(ways_.back()->front);
        });
    REQUIRE(listening.has_value());
    listener_ = std::move(*listening);
  }

  std::string address() const { return "http" + listener_->address().substr(3); }

  std::vector<std::string> heads;  // What it was asked, in order.
  std::string answer;              // Said to all instead of leading on; empty: it leads on.
  bool hangs_up = false;           // After the answer.
  bool silent = false;
  std::string greeting = "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";
  std::function<void()> answered = [] {};

 private:
  struct Way;
  struct Side final : Stream::Events {
    Side(Way& its, Side& there) : way(its), other(there) {}
    void connected() override { way.stands(); }
    void bytes(Bytes bytes) override { way.heard(*this, bytes); }
    bool ended() override {
      if (other.stream != nullptr) other.stream->finish();
      return other.stream != nullptr;
    }
    void drained() override { way.drained(*this); }
    void closed(Error) override {
      gone = true;
      way.closed(*this);
    }
    Way& way;
    Side& other;
    std::unique_ptr<Stream> stream;
    Buffer held;  // For this side, when its queue was full.
    bool gone = false;
  };
  struct Way {
    explicit Way(ConnectProxy& its) : proxy(its) {}
    void heard(Side& from, Bytes bytes) {
      if (!leads) return asked(bytes);
      if (from.other.gone || from.other.stream->write(bytes)) return;
      append(from.other.held, bytes);
      from.stream->pause(true);
    }
    void drained(Side& side) {
      if (side.held.empty() || !side.stream->write(side.held)) return;
      side.held.clear();
      side.other.stream->pause(false);
    }
    void asked(Bytes bytes) {
      head += as_text(bytes);
      if (!head.ends_with("\r\n\r\n") || proxy.silent) return;
      proxy.heads.push_back(head);
      if (!proxy.answer.empty()) return say(proxy.answer);
      const std::string where = head.substr(8, head.find(' ', 8) - 8);
      auto stream = proxy.network_.connect("tcp://" + where, room(), back);
      if (!stream) return say("HTTP/1.1 400 Bad Request\r\n\r\n");
      back.stream = std::move(*stream);
    }
    void say(const std::string& text) {
      std::ignore = front.stream->write(as_bytes(text));
      if (proxy.hangs_up) front.stream->finish();
      proxy.answered();
    }
    void stands() {
      leads = true;
      std::ignore = front.stream->write(as_bytes(proxy.greeting));
    }
    void closed(Side& side) {
      if (!leads && &side == &back) {
        std::ignore = front.stream->write(as_bytes("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
        front.stream->finish();
      } else if (side.other.stream != nullptr) {
        side.other.stream->finish();
      }
    }
    ConnectProxy& proxy;
    Side front{*this, back}, back{*this, front};
    std::string head;
    bool leads = false;
  };
  static Network::Options room() {
    return {.write_bytes_max = 256 * 1024, .connect_timeout = Duration::seconds(20)};
  }

  Network& network_;
  std::vector<std::unique_ptr<Way>> ways_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace pinaflux::tests
