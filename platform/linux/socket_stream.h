// SocketStream: a Stream over a non-blocking socket that is connected.
//
// Limits     Options. finish() gives the peer kFinishMax to take what is queued and to close.
// Ownership  Owns its socket. May be destroyed inside any of its events.
// Threads    Loop.
// Tests      tests/platform/network_contract.h
#pragma once

#include <memory>

#include "platform/base/telling.h"
#include "platform/linux/fd.h"
#include "platform/linux/loop.h"
#include "platform/linux/names.h"
#include "platform/network.h"

struct evbuffer;

namespace pinaflux {

struct EvbufferFree {
  void operator()(evbuffer* b) const;
};

class SocketStream : public Stream {
 public:
  static constexpr Duration kFinishMax = Duration::seconds(5);

  // What all streams of a Network share; `scratch` is where reads land, valid for one event.
  struct Shared {
    event_base* base;
    Names* names;
    MutableBytes scratch;
  };

  SocketStream(const Shared& shared, const Network::Options& options, Events& events);
  ~SocketStream() override;
  void open(Fd fd);  // Takes a connected socket.
  Fd release();  // Gives it away, with nothing queued: the stream is told nothing more, and can only be destroyed.

  [[nodiscard]] bool write(Bytes bytes) override;
  std::size_t bytes_queued() const override;
  void pause(bool paused) override;
  void finish() override;

 protected:
  // Runs an event of the owner; false when the owner has destroyed this.
  template <class F>
  bool tell(F event) {
    return telling_.tell(event);
  }
  void close_now(const Error& reason);    // closed() at once: from the loop only.
  void close_later(const Error& reason);  // closed() from the loop: from inside a call.
  void start_timer(Duration after);
  void stop_timer();
  virtual void timer_fired();
  bool finish_wanted() const { return finish_wanted_; }
  bool closing() const { return state_ == State::closing; }

  const Shared shared_;
  const std::size_t write_bytes_max_;
  Events& events_;

 private:
  enum class State { connecting, open, finishing, closing };
  void on_readable();
  void on_writable();
  bool send_queued();  // False: destroyed or closed.
  void on_end();
  void shut();
  void expect();  // Waits for what the state needs.
  bool send_some(Bytes& bytes);

  State state_ = State::connecting;
  bool paused_ = false;
  bool refused_ = false;        // A write() was: drained() is owed.
  bool ended_ = false;          // The peer will send no more.
  bool shut_ = false;           // We will send no more.
  bool finish_wanted_ = false;  // finish() came before the connection.
  Telling telling_;
  Error reason_{};
  std::unique_ptr<evbuffer, EvbufferFree> queue_;
  Fd fd_;
  EventPtr read_, write_, timer_;
};

// TCP only: no delay, and keep-alive that notices a dead peer within two minutes.
void tune_socket(int fd, int family);

}  // namespace pinaflux
