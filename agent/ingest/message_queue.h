// MessageQueue: messages that were received and wait to be polled, copied, oldest first.
//
// Promise    What was popped is overwritten: it is raw.
// Limits     bytes() is the owner's to watch: it stops the sender. Memory is kept and used again.
// Ownership  Views of front() die with pop().
// Threads    Loop.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/data/record.h"
#include "agent/ingest/json.h"
#include "platform/base/bytes.h"

namespace pinaflux {

class MessageQueue {
 public:
  struct Message {
    std::string_view topic;
    std::string_view payload;  // kParsePadding bytes behind it are readable.
    std::uint64_t serial = 0;
    std::uint16_t packet_id = 0;
    Stamp arrival;
  };

  void push(std::string_view topic, Bytes payload, std::uint64_t serial, std::uint16_t packet_id,
            Stamp arrival) {
    Half& half = halves_[1];
    const std::size_t at = half.bytes.empty() ? 0 : half.bytes.size() - kParsePadding;
    half.bytes.resize(at);
    append(half.bytes, topic);
    append(half.bytes, payload);
    half.bytes.resize(half.bytes.size() + kParsePadding);
    half.items.push_back({at, topic.size(), payload.size(), serial, packet_id, arrival});
    bytes_ += topic.size() + payload.size() + sizeof(Item);
  }
  bool empty() const { return size() == 0; }
  std::size_t size() const {
    return halves_[0].items.size() - halves_[0].next + halves_[1].items.size();
  }
  std::size_t bytes() const { return bytes_; }

  Message front() {
    if (halves_[0].next == halves_[0].items.size()) swap();
    const Half& half = halves_[0];
    const Item& item = half.items[half.next];
    const auto* text = reinterpret_cast<const char*>(half.bytes.data()) + item.at;
    return {{text, item.topic},
            {text + item.topic, item.payload},
            item.serial,
            item.packet_id,
            item.arrival};
  }
  void pop() {
    const Item& item = halves_[0].items[halves_[0].next++];
    wipe(MutableBytes(halves_[0].bytes).subspan(item.at, item.topic + item.payload));
    bytes_ -= item.topic + item.payload + sizeof(Item);
  }

 private:
  struct Item {
    std::size_t at, topic, payload;
    std::uint64_t serial;
    std::uint16_t packet_id;
    Stamp arrival;
  };
  // One half is read while the other fills; they trade places when the first is used up.
  struct Half {
    Buffer bytes;
    std::vector<Item> items;
    std::size_t next = 0;
  };
  void swap() {
    halves_[0].bytes.clear();
    halves_[0].items.clear();
    halves_[0].next = 0;
    std::swap(halves_[0], halves_[1]);
  }

  Half halves_[2];
  std::size_t bytes_ = 0;
};

}  // namespace pinaflux
