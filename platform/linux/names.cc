#include "platform/linux/names.h"

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <netdb.h>
#include <nss.h>

#include "platform/linux/worker.h"

// getaddrinfo(3) on a thread of its own, not libevent's resolver: glibc looks at resolv.conf again
// when it has changed, which on a gateway with a modem it does all the time. It can hang for half a
// minute when there is no link; so the thread shares one block of memory with us and is left to
// itself at the end.

namespace pinaflux {

bool configure_names() { return __nss_configure_lookup("hosts", "files dns") == 0; }

struct Names::Shared {
  struct Question {
    std::uint64_t id;
    std::string host;
    std::uint16_t port;
  };
  struct Answer {
    std::uint64_t id;
    Result<std::vector<SocketAddress>> addresses;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Question> questions;
  std::vector<Answer> answers;
  Wakeup* wakeup = nullptr;  // Null when the owner has gone.
  int owners = 2;
};

namespace {

Error lookup_error(int code) {
  switch (code) {
    case EAI_NONAME: return {Code::not_found, 0, "the host name is unknown: check its spelling"};
    case EAI_NODATA:
      return {Code::not_found, 0, "the host name has no address: check it at the name server"};
    case EAI_AGAIN:
      return {Code::timeout, 0,
              "the name server gives no answer: check the network, and resolv.conf"};
    case EAI_MEMORY: return {Code::full, 0, "out of memory"};
    default: return {Code::io, 0, "the host name cannot be looked up: check resolv.conf"};
  }
}

Result<std::vector<SocketAddress>> addresses_of(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int failed = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (failed != 0) return std::unexpected(lookup_error(failed));
  std::vector<SocketAddress> found;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    SocketAddress address;
    if (one->ai_addrlen > sizeof address.storage) continue;
    std::memcpy(&address.storage, one->ai_addr, address.size = one->ai_addrlen);
    found.push_back(address);
  }
  freeaddrinfo(list);
  if (found.empty()) return std::unexpected(lookup_error(EAI_NONAME));
  return found;
}

}  // namespace

Names::Names(event_base* base) : base_(base) {}

Names::~Names() {
  if (shared_ == nullptr) return;
  bool last = false;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->wakeup = nullptr;
    shared_->questions.clear();
    last = --shared_->owners == 0;
    shared_->changed.notify_one();
  }
  if (last) delete shared_;
}

Status Names::start() {
  if (shared_ != nullptr) return {};
  auto wakeup = Wakeup::make(base_, [this] { deliver(); });
  if (!wakeup) return std::unexpected(wakeup.error());
  auto shared = std::make_unique<Shared>();
  shared->wakeup = wakeup->get();
  auto thread = start_thread([its = shared.get()] {
    std::unique_lock lock(its->mutex);
    while (its->wakeup != nullptr) {
      its->changed.wait(lock, [&] { return its->wakeup == nullptr || !its->questions.empty(); });
      if (its->questions.empty()) continue;
      const Shared::Question question = std::move(its->questions.front());
      its->questions.pop_front();
      lock.unlock();
      auto addresses = addresses_of(question.host, question.port);
      lock.lock();
      its->answers.push_back({question.id, std::move(addresses)});
      if (its->wakeup != nullptr) its->wakeup->wake();
    }
    const bool last = --its->owners == 0;
    lock.unlock();
    if (last) delete its;
  });
  if (!thread) return std::unexpected(thread.error());
  thread->detach();
  shared_ = shared.release();
  wakeup_ = std::move(*wakeup);
  return {};
}

std::uint64_t Names::look_up(const std::string& host, std::uint16_t port, Found found) {
  const std::uint64_t id = ++last_id_;
  if (auto started = start(); !started) {
    found(std::unexpected(started.error()));
    return id;
  }
  waiting_.push_back({id, std::move(found)});
  const std::lock_guard lock(shared_->mutex);
  shared_->questions.push_back({id, host, port});
  shared_->changed.notify_one();
  return id;
}

void Names::cancel(std::uint64_t id) {
  std::erase_if(waiting_, [&](const Waiting& w) { return w.id == id; });
  if (shared_ == nullptr) return;
  const std::lock_guard lock(shared_->mutex);
  std::erase_if(shared_->questions, [&](const Shared::Question& q) { return q.id == id; });
}

void Names::deliver() {
  std::vector<Shared::Answer> answers;
  {
    const std::lock_guard lock(shared_->mutex);
    answers.swap(shared_->answers);
  }
  for (auto& answer : answers) {
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (waiting_[i].id != answer.id) continue;
      const Found found = std::move(waiting_[i].found);
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
      found(std::move(answer.addresses));
      break;
    }
  }
}

}  // namespace pinaflux
