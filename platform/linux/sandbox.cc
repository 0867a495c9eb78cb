// The order of enter() matters:
//
//   no_new_privs     before Landlock and the filter, which need it from those who are not root
//   Landlock         before files are closed, as its rules are one of them
//   limits           before the user changes: the number of tasks is judged by exec after that
//   bounding set     before the user changes: it takes the capabilities that go with it
//   user             clears the signal at the parent's death, so that is asked for afterwards
//   filter           last: it refuses setpgid and would refuse some of the above
//
// The bound on memory is RLIMIT_DATA, which does not count memory that is shared: so the filter
// refuses shared anonymous memory and System V's, and RLIMIT_FSIZE keeps memfds empty.

#include "platform/linux/sandbox.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/base/text.h"
#include "platform/linux/error.h"
#include "platform/linux/syscall_filter.h"

namespace pinaflux {

namespace {

// ---- Landlock

constexpr long kCreateRuleset = 444, kAddRule = 445, kRestrictSelf = 446;

constexpr std::uint64_t kRun = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t kReadFolder = LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t kWriteFile = LANDLOCK_ACCESS_FS_WRITE_FILE;

// All that the kernel's version can refuse. It takes a longer structure than it knows as long as
// the rest is zero.
landlock_ruleset_attr handled(int version) {
  landlock_ruleset_attr all{};
  all.handled_access_fs = 2 * LANDLOCK_ACCESS_FS_MAKE_SYM - 1;
  if (version >= 2) all.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) all.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
  if (version >= 4)
    all.handled_access_net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
  if (version >= 5) all.handled_access_fs |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
  if (version >= 6) all.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
  return all;
}

struct Allowed {
  const char* path;
  std::uint64_t access;
};

constexpr Allowed kAllowed[] = {
    {"/usr", kRun | kReadFolder},          {"/bin", kRun | kReadFolder},
    {"/sbin", kRun | kReadFolder},         {"/lib", kRun | kReadFolder},
    {"/lib32", kRun | kReadFolder},        {"/lib64", kRun | kReadFolder},
    {"/opt", kRun | kReadFolder},          {"/etc/alternatives", kRun | kReadFolder},
    {"/etc/ld.so.cache", kReadFile},       {"/etc/ld.so.preload", kReadFile},
    {"/etc/localtime", kReadFile},         {"/etc/timezone", kReadFile},
    {"/dev/null", kReadFile | kWriteFile}, {"/dev/random", kReadFile},
    {"/dev/urandom", kReadFile},
};

// What is not there needs no rule.
Status allow(int ruleset, const char* path, std::uint64_t access) {
  const Fd at(::open(path, O_PATH | O_CLOEXEC));
  struct stat its{};
  if (!at || ::fstat(at.get(), &its) != 0) return {};
  if (!S_ISDIR(its.st_mode)) access &= ~kReadFolder;
  const landlock_path_beneath_attr rule{access, at.get()};
  if (::syscall(kAddRule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0) return {};
  return fail(Code::internal, "Landlock refuses a rule of the child's sandbox", errno);
}

// The program's folder, where it is its own: not the root, not one of the root's, not one of ours
// (/etc/pinaflux, /var/lib/pinaflux). "" for none.
std::string own_folder(std::string_view program) {
  const std::string_view folder = program.substr(0, program.rfind('/'));
  const std::size_t last = folder.rfind('/');
  if (last == 0 || last == folder.npos || folder.substr(last + 1) == "pinaflux") return "";
  return std::string(folder);
}

Result<Fd> rules(int version, const std::vector<std::string>& command) {
  const landlock_ruleset_attr all = handled(version);
  Fd made(static_cast<int>(::syscall(kCreateRuleset, &all, sizeof all, 0)));
  if (!made) return fail(Code::internal, "Landlock refuses the child's sandbox", errno);
  Status done;
  const auto add = [&](const std::string& path, std::uint64_t access) {
    if (done && !path.empty()) done = allow(made.get(), path.c_str(), access);
  };
  for (const Allowed& each : kAllowed) add(each.path, each.access);
  add(own_folder(command[0]), kRun | kReadFolder);
  // Files only: of a folder that an argument names, kRun alone gives what lies in it.
  struct stat its{};
  for (const std::string& each : command) {
    if (each.starts_with('/') && ::stat(each.c_str(), &its) == 0 && S_ISREG(its.st_mode))
      add(each, kRun);
  }
  if (!done) return std::unexpected(done.error());
  return made;
}

// ---- the other walls

// Processes and threads of a user.
std::uint64_t tasks_of(uid_t user) {
  std::uint64_t count = 0;
  DIR* processes = ::opendir("/proc");
  if (processes == nullptr) return 0;
  while (const dirent* each = ::readdir(processes)) {
    if (!is_digit(each->d_name[0])) continue;
    char path[32];
    std::snprintf(path, sizeof path, "/proc/%.12s/task", each->d_name);
    struct stat its{};
    if (::stat(path, &its) == 0 && its.st_uid == user) count += its.st_nlink - 2;
  }
  ::closedir(processes);
  return count;
}

bool limit(int resource, std::uint64_t most) {
  const rlimit both{static_cast<rlim_t>(most), static_cast<rlim_t>(most)};
  return ::setrlimit(static_cast<__rlimit_resource_t>(resource), &both) == 0;
}

// Never above what we may have ourselves.
bool lower(int resource, std::uint64_t most) {
  rlimit now{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &now) != 0) return false;
  return limit(resource, std::min<std::uint64_t>(most, now.rlim_max));
}

bool set_limits(const Walls& walls) {
  return limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_MSGQUEUE, 0) &&
         lower(RLIMIT_MEMLOCK, 0) && lower(RLIMIT_NOFILE, Sandbox::kFilesMax) &&
         lower(RLIMIT_STACK, Sandbox::kStackMax) && lower(RLIMIT_NPROC, walls.tasks_max) &&
         lower(RLIMIT_DATA, walls.memory_max);
}

// Of glibc's wrappers those of users signal all threads, whose list here is the parent's.
bool drop_user() {
#ifdef SYS_setgroups32
  constexpr long kSetGroups = SYS_setgroups32, kSetGid = SYS_setresgid32, kSetUid = SYS_setresuid32;
#else
  constexpr long kSetGroups = SYS_setgroups, kSetGid = SYS_setresgid, kSetUid = SYS_setresuid;
#endif
  constexpr uid_t kId = Sandbox::kNobody;
  for (int each = 0; ::prctl(PR_CAPBSET_READ, each, 0, 0, 0) >= 0; ++each)
    if (::prctl(PR_CAPBSET_DROP, each, 0, 0, 0) != 0) return false;
  return ::syscall(kSetGroups, 0, nullptr) == 0 && ::syscall(kSetGid, kId, kId, kId) == 0 &&
         ::syscall(kSetUid, kId, kId, kId) == 0;
}

// Those that a service manager gave to a user who is not root.
bool drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct now[2]{};
  if (::syscall(SYS_capget, &header, now) != 0) return false;
  std::uint32_t any = 0;
  for (const auto& each : now) any |= each.effective | each.permitted | each.inheritable;
  if (any == 0) return true;  // A service's filter may refuse capset().
  for (auto& each : now) each = {};
  return ::syscall(SYS_capset, &header, now) == 0;
}

void close_files() {
  if (::syscall(SYS_close_range, Sandbox::kReport + 1, ~0U, 0) == 0) return;
  rlimit now{};  // Before 5.9.
  ::getrlimit(RLIMIT_NOFILE, &now);
  for (rlim_t each = Sandbox::kReport + 1; each < now.rlim_cur; ++each)
    ::close(static_cast<int>(each));
}

// The kernel ends the child before us when memory is short.
void offer_to_oom() {
  const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  (void)!::write(file, "800", 3);
  ::close(file);
}

int failed() { return errno != 0 ? errno : EPERM; }

}  // namespace

Sandbox::Sandbox() {
  const long version = ::syscall(kCreateRuleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  landlock_ = version > 0 ? static_cast<int>(version) : -failed();
  // Without a program, EFAULT says that one would be taken.
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr, 0, 0) != 0 && errno != EFAULT)
    filters_ = errno;
}

std::string Sandbox::missing() const {
  std::string text;
  if (landlock_ <= 0) {
    text =
        landlock_ == -ENOSYS
            ? "no Landlock (needs Linux 5.13 with CONFIG_SECURITY_LANDLOCK)"
            : "no Landlock (switched off: see lsm= of the kernel's command line, or the container)";
    text += ": files are guarded by their owner and mode alone";
  }
  if (filters_ != 0) {
    text += text.empty() ? "" : "; ";
    text += "no seccomp filters (CONFIG_SECCOMP_FILTER): the network is not closed";
  }
  return text;
}

Result<Walls> Sandbox::build(const ChildOptions& options) const {
  Walls walls;
  if (landlock_ > 0) {
    Result<Fd> landlock = rules(landlock_, options.command);
    if (!landlock) return std::unexpected(landlock.error());
    walls.landlock = std::move(*landlock);
  }
  if (filters_ == 0) walls.filter = syscall_filter();
  walls.root = ::geteuid() == 0;
  walls.parent = ::getpid();
  walls.memory_max = options.memory_max;
  walls.tasks_max = kTasksMax + tasks_of(walls.root ? kNobody : ::geteuid());
  return walls;
}

int Sandbox::enter(const Walls& walls) {
  errno = 0;
  ::umask(077);
  offer_to_oom();
  if (::chdir("/") != 0) return failed();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed();
  if (walls.landlock && ::syscall(kRestrictSelf, walls.landlock.get(), 0) != 0) return failed();
  close_files();
  if (!set_limits(walls)) return failed();
  if (walls.root && !drop_user()) return failed();
  if (!drop_capabilities()) return failed();
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return failed();
  if (::getppid() != walls.parent) return ESRCH;  // It died before that.
  if (walls.filter.empty()) return 0;
  const sock_fprog program{static_cast<unsigned short>(walls.filter.size()),
                           const_cast<sock_filter*>(walls.filter.data())};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0 ? 0 : failed();
}

}  // namespace pinaflux
