// Switchboard: leads what a library calls back on its own threads to its owner on the loop, by a
// number that is never used again.
//
// Promise    Nothing arrives after close(), whatever a late callback still posts.
// Limits     kMailMessagesMax received messages and kMailBytesMax of them wait; post() says false.
// Ownership  Loop and Owner outlive the line: close() first.
// Threads    post() any; the rest loop.
// Tests      tests/platform/linux_mqtt/
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "platform/loop.h"
#include "platform/mqtt_client.h"

namespace pinaflux {

inline constexpr std::size_t kMailMessagesMax = 256;
inline constexpr std::size_t kMailBytesMax = 1024 * 1024;

struct Mail {
  enum class Kind { connected, lost, published, message } kind{};
  int token = 0;
  int reason = 0;
  std::string text;  // Topic, or what the library says.
  Buffer payload;
  MqttSession session;
};

class Switchboard {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void deliver(std::vector<Mail>& mail) = 0;  // On the loop.
  };

  // The one thing that is shared by all: Paho's callbacks have no other way to say safely whom they
  // mean.
  static Switchboard& one();

  std::uintptr_t open(Owner& owner, Loop& loop);
  void close(std::uintptr_t number);
  // False: no room for a message now. Mail for nobody is dropped, and that is true.
  bool post(std::uintptr_t number, Mail&& mail);

 private:
  struct Line {
    Owner* owner = nullptr;
    Loop* loop = nullptr;
    std::vector<Mail> mail;
    std::size_t messages = 0, bytes = 0;
  };
  void deliver(std::uintptr_t number);

  std::mutex mutex_;
  std::map<std::uintptr_t, Line> lines_;
  std::uintptr_t last_ = 0;
};

}  // namespace pinaflux
