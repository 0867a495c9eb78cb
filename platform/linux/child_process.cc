// fork, not vfork: while the child shares our memory, its change of user would make ours
// undumpable, and its oom_score_adj would be ours too. Until exec, fork takes 0.6 ms with 16 MB of
// memory in use and 2.8 ms with 64 MB, vfork less than 0.1 ms (amd64): it happens once a start.

#include "platform/linux/child_process.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "platform/linux/error.h"

namespace pinaflux {

namespace {

constexpr int kExecMilliseconds = 2000;

// What failed in the child, over the pipe; nothing comes when exec() closed it.
struct Failure {
  bool walls;  // Before exec.
  int sys_errno;
};

struct Pipe {
  Fd read, write;
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read = Fd(ends[0]);
    write = Fd(ends[1]);
    return true;
  }
};

Status executable(const std::vector<std::string>& command) {
  if (command.empty() || !command[0].starts_with('/'))
    return fail(Code::invalid, "the program must be named by an absolute path");
  struct stat its{};
  if (::stat(command[0].c_str(), &its) != 0) {
    if (errno == ENOENT) return fail(Code::not_found, "the program does not exist", errno);
    return std::unexpected(file_error(errno));
  }
  if (!S_ISREG(its.st_mode)) return fail(Code::invalid, "the program is no regular file");
  if ((its.st_mode & 0111) == 0)
    return fail(Code::denied, "the program is not executable: chmod a+x", EACCES);
  return {};
}

Error exec_error(int e) {
  switch (e) {
    case ENOENT: return {Code::not_found, e, "the program's interpreter (#!) or loader is missing"};
    case EACCES:
      return {Code::denied, e,
              "the program or its interpreter may not be executed by the child's user, or lies "
              "outside of what the sandbox opens: put both under /usr or /opt, modes a+rx"};
    case ENOEXEC:
      return {Code::invalid, e,
              "neither a program for this machine nor a script that begins with #!"};
    case ENOMEM: return {Code::full, e, "out of memory"};
    case E2BIG: return {Code::full, e, "the program's arguments are too long"};
    default: return file_error(e);
  }
}

// ---- in the child: system calls only

void default_signals() {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int each = 1; each < NSIG; ++each) ::sigaction(each, &standard, nullptr);
}

// Our standard files may have been closed: the pipes' ends are moved above all targets first.
bool set_standard_files(int input, int output, int errors, int report) {
  constexpr int kAbove = Sandbox::kReport + 1;
  const int from[] = {input, output, errors, report};
  int high[4];
  for (int i = 0; i < 4; ++i)
    if ((high[i] = ::fcntl(from[i], F_DUPFD_CLOEXEC, kAbove)) < 0) return false;
  for (int i = 0; i < 3; ++i)
    if (::dup2(high[i], i) < 0) return false;
  return ::dup3(high[3], Sandbox::kReport, O_CLOEXEC) >= 0;
}

[[noreturn]] void run(const Walls& walls, char* const* arguments, int input, int output, int errors,
                      int report) {
  static constexpr char kPath[] = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
  static constexpr char kLanguage[] = "LANG=C.UTF-8";
  char* const environment[] = {const_cast<char*>(kPath), const_cast<char*>(kLanguage), nullptr};
  Failure failure{true, 0};
  default_signals();
  if (!set_standard_files(input, output, errors, report) || ::setsid() < 0) {
    failure.sys_errno = errno;
  } else if ((failure.sys_errno = Sandbox::enter(walls)) == 0) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(arguments[0], arguments, environment);
    failure = {false, errno};
    report = Sandbox::kReport;
  }
  (void)!::write(report, &failure, sizeof failure);
  ::_exit(127);
}

// ---- in the parent

pid_t fork_without_signals(const auto& child) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // Our handlers must not run in the child.
  const pid_t pid = ::_Fork();
  if (pid == 0) child();
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

Status executed(const Fd& report) {
  pollfd ready{report.get(), POLLIN, 0};
  int n = 0;
  do n = ::poll(&ready, 1, kExecMilliseconds);
  while (n < 0 && errno == EINTR);
  if (n <= 0) return fail(Code::timeout, "the program did not start in time: is its disk slow?");
  Failure failure{};
  if (::read(report.get(), &failure, sizeof failure) != sizeof failure) return {};
  if (!failure.walls) return std::unexpected(exec_error(failure.sys_errno));
  return fail(Code::denied, "the child's sandbox could not be set up", failure.sys_errno);
}

}  // namespace

Spawned spawn(const Sandbox& sandbox, const ChildOptions& options) {
  Spawned made;
  made.status = executable(options.command);
  if (!made.status) return made;
  Result<Walls> walls = sandbox.build(options);
  Pipe input, output, errors, report;
  if (!walls) {
    made.status = std::unexpected(walls.error());
  } else if (!input.open() || !output.open() || !errors.open() || !report.open()) {
    made.status = std::unexpected(file_error(errno));
  }
  if (!made.status) return made;
  std::vector<char*> arguments;
  for (const std::string& each : options.command)
    arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);

  const pid_t pid = fork_without_signals([&] {
    run(*walls, arguments.data(), input.read.get(), output.write.get(), errors.write.get(),
        report.write.get());
  });
  if (pid < 0) {
    made.status = fail(Code::full, "no process can be started: memory or TasksMax", errno);
    return made;
  }
  made.pid = pid;
  report.write.close();
  made.status = executed(report.read);
  made.input = std::move(input.write);
  made.output = std::move(output.read);
  made.errors = std::move(errors.read);
  for (const Fd* each : {&made.input, &made.output, &made.errors})
    ::fcntl(each->get(), F_SETFL, O_NONBLOCK);
  return made;
}

}  // namespace pinaflux
