// The end of a child, in order: the pidfd (or SIGCHLD) tells; the rest of its process group is
// killed while it is still a zombie, so that its number cannot be another's; it is reaped; what its
// pipe holds at that time (FIONREAD) is read and passed on; ended() is told. To wait for the pipe's
// end instead would wait for whoever else holds it.

#include "platform/linux/children.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "platform/base/assert.h"
#include "platform/base/lifeline.h"
#include "platform/base/text.h"
#include "platform/linux/child_process.h"

namespace pinaflux {

namespace {

constexpr std::size_t kReadMax = 16 << 10;
constexpr std::size_t kErrorLineMax = 200;
// A program that closes a standard file is given this long to end by itself: many close them first.
constexpr Duration kClosedMax = Duration::seconds(1);

}  // namespace

class LinuxChild final : public Child {
 public:
  LinuxChild(LinuxChildren& children, Spawned files, ChildEvents events);
  ~LinuxChild() override;

  std::size_t write(Bytes bytes) override;
  void finish() override { writable_.reset(), input_.close(); }
  void pause(bool paused) override;
  void exited(int status);

 private:
  EventPtr event(int fd, short what, void (LinuxChild::*happened)());
  template <void (LinuxChild::*Happened)()>
  static void run(int, short, void* self) {
    (static_cast<LinuxChild*>(self)->*Happened)();
  }
  void read_output();
  void read_errors();
  void room() { (void)life_.gone_after(events_.writable); }
  void expect();
  void closed(const char* what);
  void end_late();
  void after_exit();
  void tell_end();

  LinuxChildren& children_;
  ChildEvents events_;
  bool paused_ = false, reaped_ = false;
  int status_ = 0;
  int left_ = 0;                  // Of the output, after the end.
  const char* closed_ = nullptr;  // The standard file that it closed,
  bool ended_for_that_ = false;   // and which it is killed for.
  Lifeline life_;
  std::string line_, last_line_;  // Of its standard error.
  Fd input_, output_, errors_;    // Closed after their events are gone.
  EventPtr writable_, readable_, told_, late_, soon_;
};

LinuxChild::LinuxChild(LinuxChildren& children, Spawned files, ChildEvents events)
    : children_(children),
      events_(std::move(events)),
      input_(std::move(files.input)),
      output_(std::move(files.output)),
      errors_(std::move(files.errors)) {
  event_base* base = children_.loop_.base();
  writable_ = make_event(base, input_.get(), EV_WRITE, run<&LinuxChild::room>, this);
  readable_ = make_event(base, output_.get(), EV_READ, run<&LinuxChild::read_output>, this);
  told_ =
      make_event(base, errors_.get(), EV_READ | EV_PERSIST, run<&LinuxChild::read_errors>, this);
  late_ = make_event(base, -1, 0, run<&LinuxChild::end_late>, this);
  soon_ = make_event(base, -1, 0, run<&LinuxChild::after_exit>, this);
  start_event(told_.get());
  expect();
}

LinuxChild::~LinuxChild() {
  if (!reaped_) children_.kill(this, true);
}

std::size_t LinuxChild::write(Bytes bytes) {
  if (!input_ || bytes.empty()) return 0;
  const ssize_t n = ::write(input_.get(), bytes.data(), bytes.size());
  if (n < 0 && errno != EAGAIN && errno != EINTR) {
    finish();
    closed("standard input");
    return 0;
  }
  const std::size_t taken = n > 0 ? static_cast<std::size_t>(n) : 0;
  if (taken < bytes.size()) start_event(writable_.get());
  return taken;
}

void LinuxChild::pause(bool paused) {
  paused_ = paused;
  if (paused) event_del(readable_.get());
  if (!paused) expect();
}

// Waits for output, where there may be some and it is wanted.
void LinuxChild::expect() {
  if (output_ && !paused_ && (!reaped_ || left_ > 0)) start_event(readable_.get());
}

void LinuxChild::read_output() {
  const MutableBytes room(children_.scratch_);
  const std::size_t most =
      reaped_ ? std::min(room.size(), static_cast<std::size_t>(left_)) : room.size();
  const ssize_t n = ::read(output_.get(), room.data(), most);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return expect();
  if (n <= 0) {
    readable_ = make_event(children_.loop_.base(), -1, 0, run<&LinuxChild::read_output>, this);
    output_.close();
    left_ = 0;
    if (!reaped_) return closed("standard output");
    return tell_end();
  }
  if (reaped_) left_ -= static_cast<int>(n);
  if (life_.gone_after(events_.output, Bytes(room.first(static_cast<std::size_t>(n))))) return;
  if (reaped_ && left_ == 0) return tell_end();
  expect();
}

void LinuxChild::read_errors() {
  const MutableBytes room(children_.scratch_);
  const ssize_t n = ::read(errors_.get(), room.data(), room.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    event_del(told_.get());
    return;
  }
  for (const char each : as_text(room.first(static_cast<std::size_t>(n)))) {
    if (each != '\n') {
      if (line_.size() <= kErrorLineMax) line_ += each;
      continue;
    }
    if (!trim(line_).empty()) last_line_ = line_;
    line_.clear();
  }
}

void LinuxChild::closed(const char* what) {
  if (closed_ != nullptr) return;
  closed_ = what;
  start_event(late_.get(), kClosedMax);
}

void LinuxChild::end_late() {
  if (reaped_) return;
  ended_for_that_ = true;
  children_.kill(this, false);
}

void LinuxChild::exited(int status) {
  status_ = status;
  reaped_ = true;
  event_del(readable_.get());
  start_event(soon_.get(), Duration{0});
}

void LinuxChild::after_exit() {
  int bytes = 0;
  if (::ioctl(errors_.get(), FIONREAD, &bytes) != 0) bytes = 0;
  for (; bytes > 0; bytes -= static_cast<int>(kReadMax)) read_errors();
  event_del(told_.get());
  finish();
  if (output_ && ::ioctl(output_.get(), FIONREAD, &left_) != 0) left_ = 0;
  if (left_ == 0) return tell_end();
  expect();
}

void LinuxChild::tell_end() {
  std::string why;
  if (ended_for_that_) {
    why = joined({"closed its ", closed_});
  } else if (WIFSIGNALED(status_)) {
    const int signal = WTERMSIG(status_);
    why = "killed by signal ";
    append_integer(why, signal);
    if (signal == SIGKILL) why += " (out of memory?)";
  } else {
    why = "exit status ";
    append_integer(why, WEXITSTATUS(status_));
  }
  const std::string_view line = trim(trim(line_).empty() ? last_line_ : line_);
  if (!line.empty()) why += ": " + printable(line, kErrorLineMax);
  const auto ended = std::move(events_.ended);  // It may destroy this.
  ended(std::move(why));
}

// ---- LinuxChildren

LinuxChildren::LinuxChildren(LinuxLoop& loop, bool pidfds) : loop_(loop), pidfds_(pidfds) {
  struct sigaction now{};
  ::sigaction(SIGCHLD, nullptr, &now);
  if (now.sa_handler == SIG_IGN) ::signal(SIGCHLD, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
}

// All children are destroyed, so killed: what is left of them ends soon.
LinuxChildren::~LinuxChildren() {
  for (int i = 0; i < 200 && !processes_.empty(); ++i) {
    reap();
    if (!processes_.empty()) ::poll(nullptr, 0, 5);
  }
}

Result<std::unique_ptr<Child>> LinuxChildren::start(const ChildOptions& options,
                                                    ChildEvents events) {
  scratch_.resize(kReadMax);
  Spawned made = spawn(sandbox_, options);
  if (!made.status) {
    if (made.pid != 0) {
      ::kill(made.pid, SIGKILL);
      watch(made.pid, nullptr);
    }
    return std::unexpected(made.status.error());
  }
  const pid_t pid = made.pid;
  auto child = std::make_unique<LinuxChild>(*this, std::move(made), std::move(events));
  watch(pid, child.get());
  return child;
}

void LinuxChildren::watch(pid_t pid, LinuxChild* child) {
  const auto told = [](int, short, void* self) { static_cast<LinuxChildren*>(self)->reap(); };
  Process its{pid, child, {}, {}};
  if (pidfds_) its.pidfd = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (its.pidfd) {
    its.exited = make_event(loop_.base(), its.pidfd.get(), EV_READ | EV_PERSIST, told, this);
    start_event(its.exited.get());
  } else if (!sigchld_) {
    sigchld_ = make_event(loop_.base(), SIGCHLD, EV_SIGNAL | EV_PERSIST, told, this);
    start_event(sigchld_.get());
  }
  processes_.push_back(std::move(its));
  if (!processes_.back().pidfd) reap();  // It may have ended before the signal was listened for.
}

void LinuxChildren::kill(LinuxChild* child, bool forget) {
  for (Process& each : processes_) {
    if (each.child != child) continue;
    ::kill(-each.pid, SIGKILL);
    if (forget) each.child = nullptr;
  }
  reap();
}

// Calls no event: so it may be called from anywhere.
void LinuxChildren::reap() {
  std::erase_if(processes_, [](const Process& its) {
    siginfo_t ended{};
    int status = 0;
    if (::waitid(P_PID, static_cast<id_t>(its.pid), &ended, WEXITED | WNOHANG | WNOWAIT) == 0) {
      if (ended.si_pid == 0) return false;
      ::kill(-its.pid, SIGKILL);
      ::waitpid(its.pid, &status, 0);
    }
    if (its.child != nullptr) its.child->exited(status);
    return true;
  });
}

}  // namespace pinaflux
