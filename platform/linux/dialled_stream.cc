#include "platform/linux/dialled_stream.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>

#include <event2/event.h>

#include "platform/linux/error.h"

namespace pinaflux {

namespace {
constexpr std::size_t kAddressesMax = 4;  // Of one name: more would leave each too little time.
}

DialledStream::DialledStream(const Shared& shared, const Network::Options& options, Events& events)
    : SocketStream(shared, options, events), connect_timeout_(options.connect_timeout) {}

DialledStream::~DialledStream() {
  if (lookup_ != 0) shared_.names->cancel(lookup_);
}

void DialledStream::dial(const Address& address) {
  const bool local = address.kind == Address::Kind::unix_socket;
  const auto known =
      local ? unix_address(address.path) : numeric_address(address.host, address.port);
  if (known) {
    addresses_.push_back(*known);
    start_timer(Duration{0});  // The first attempt is made from the loop, as all events are.
    return;
  }
  start_timer(connect_timeout_);
  lookup_ = shared_.names->look_up(address.host, address.port,
                                   [this](Result<std::vector<SocketAddress>> found) {
                                     lookup_ = 0;
                                     if (closing()) return;
                                     if (!found) return close_later(found.error());
                                     addresses_ = std::move(*found);
                                     addresses_.resize(std::min(addresses_.size(), kAddressesMax));
                                     try_next();
                                   });
}

void DialledStream::timer_fired() {
  if (!dialling_) return SocketStream::timer_fired();
  if (lookup_ != 0)
    return close_now({Code::timeout, 0, "the name server does not answer: check the network"});
  if (attempt_) return attempt_failed(ETIMEDOUT);
  try_next();
}

void DialledStream::try_next() {
  if (next_ == addresses_.size()) return close_now(last_);
  const SocketAddress& address = addresses_[next_++];
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return attempt_failed(errno);
  tune_socket(fd.get(), address.family());
  attempt_ = std::move(fd);
  if (::connect(attempt_.get(), address.get(), address.size) == 0) return attempt_worked();
  if (errno != EINPROGRESS) return attempt_failed(errno);
  attempted_ = make_event(
      shared_.base, attempt_.get(), EV_WRITE,
      [](int fd_, short, void* self) {
        int failed = 0;
        socklen_t size = sizeof failed;
        if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &failed, &size) != 0) failed = errno;
        auto* stream = static_cast<DialledStream*>(self);
        return failed == 0 ? stream->attempt_worked() : stream->attempt_failed(failed);
      },
      this);
  start_event(attempted_.get());
  start_timer(connect_timeout_ / static_cast<std::int64_t>(addresses_.size()));
}

void DialledStream::attempt_failed(int sys_errno) {
  if (closing()) return;
  last_ = socket_error(sys_errno);
  attempted_.reset();
  attempt_.close();
  try_next();
}

void DialledStream::attempt_worked() {
  if (closing()) return;
  attempted_.reset();
  dialling_ = false;
  stop_timer();
  open(std::move(attempt_));
  if (!tell([this] { events_.connected(); })) return;
  if (finish_wanted()) finish();
}

}  // namespace pinaflux
