#include "platform/linux/mqtt_switchboard.h"

#include <utility>

namespace pinaflux {

Switchboard& Switchboard::one() {
  static Switchboard board;
  return board;
}

std::uintptr_t Switchboard::open(Owner& owner, Loop& loop) {
  const std::lock_guard lock(mutex_);
  lines_[++last_] = Line{&owner, &loop, {}, 0, 0};
  return last_;
}

void Switchboard::close(std::uintptr_t number) {
  const std::lock_guard lock(mutex_);
  lines_.erase(number);
}

bool Switchboard::post(std::uintptr_t number, Mail&& mail) {
  const std::lock_guard lock(mutex_);
  const auto at = lines_.find(number);
  if (at == lines_.end()) return true;
  Line& line = at->second;
  if (mail.kind == Mail::Kind::message) {
    if (line.messages >= kMailMessagesMax || line.bytes >= kMailBytesMax) return false;
    ++line.messages;
    line.bytes += mail.payload.size();
  }
  const bool first = line.mail.empty();
  line.mail.push_back(std::move(mail));
  if (first) line.loop->post([this, number] { deliver(number); });
  return true;
}

void Switchboard::deliver(std::uintptr_t number) {
  std::vector<Mail> mail;
  Owner* owner = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto at = lines_.find(number);
    if (at == lines_.end()) return;
    owner = at->second.owner;
    mail.swap(at->second.mail);
    at->second.messages = at->second.bytes = 0;
  }
  owner->deliver(mail);
}

}  // namespace pinaflux
