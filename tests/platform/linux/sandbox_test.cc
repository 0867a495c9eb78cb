// What a child cannot do; and what it still can, so that no check passes because nothing runs.

#include "platform/linux/sandbox.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "platform/base/text.h"
#include "platform/linux/children.h"
#include "platform/linux/syscall_filter.h"
#include "tests/kit/directory.h"
#include "tests/platform/children_contract.h"

using namespace pinaflux;

namespace {

struct SandboxFixture {
  std::unique_ptr<LinuxLoop> loop = std::move(LinuxLoop::make().value());
  LinuxChildren children{*loop};
  kit::TemporaryDirectory directory;

  SandboxFixture() { ::chmod(directory.path().c_str(), 0777); }

  // What a command writes until its end, and how it ended.
  std::string heard(const std::vector<std::string>& command) {
    HeardChild its(children, command);
    CHECK(kit::run_until(*loop, [&] { return its.ends == 1; }));
    return its.output + its.why;
  }
  std::string shell(const std::string& script) { return heard({"/bin/sh", "-c", script}); }
  bool skipped(const char* wall) {
    const bool is_missing = children.missing().find(wall) != std::string::npos;
    if (is_missing) MESSAGE("skipped: " << children.missing());
    return is_missing;
  }
  bool skipped_program(const char* path) {
    const bool is_missing = ::access(path, X_OK) != 0;
    if (is_missing) MESSAGE("skipped: this machine has no " << path);
    return is_missing;
  }
};

constexpr const char* kPython = "/usr/bin/python3";
constexpr const char* kPerl = "/usr/bin/perl";

// What the kernel would answer: seccomp's instructions, as far as the filter has them.
std::uint32_t answer(const std::vector<sock_filter>& filter, const seccomp_data& call) {
  std::uint32_t a = 0;
  for (std::size_t at = 0; at < filter.size(); ++at) {
    const sock_filter& each = filter[at];
    const auto jump = [&](bool holds) { at += holds ? each.jt : each.jf; };
    switch (each.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&a, reinterpret_cast<const char*>(&call) + each.k, sizeof a);
        break;
      case BPF_ALU | BPF_AND | BPF_K: a &= each.k; break;
      case BPF_JMP | BPF_JA: at += each.k; break;
      case BPF_JMP | BPF_JEQ | BPF_K: jump(a == each.k); break;
      case BPF_JMP | BPF_JGT | BPF_K: jump(a > each.k); break;
      case BPF_JMP | BPF_JGE | BPF_K: jump(a >= each.k); break;
      case BPF_JMP | BPF_JSET | BPF_K: jump((a & each.k) != 0); break;
      case BPF_RET | BPF_K: return each.k;
      default: FAIL("an instruction that the filter does not have");
    }
  }
  FAIL("the filter has no end");
  return 0;
}

#if defined(__x86_64__)
std::uint32_t native_answer(long number, std::uint64_t first = 0, std::uint64_t fourth = 0) {
  seccomp_data call{};
  call.arch = AUDIT_ARCH_X86_64;
  call.nr = static_cast<int>(number);
  call.args[0] = first;
  call.args[3] = fourth;
  return answer(syscall_filter(), call);
}
#endif

}  // namespace

#if defined(__x86_64__)
TEST_CASE("the filter refuses what it names, and passes what programs live from") {
  constexpr std::uint32_t kRefused = SECCOMP_RET_ERRNO | EPERM;
  constexpr std::uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;
  for (const long each : {SYS_socket,
                          SYS_socketpair,
                          SYS_connect,
                          SYS_bind,
                          SYS_listen,
                          SYS_accept,
                          SYS_accept4,
                          SYS_sendto,
                          SYS_sendmsg,
                          SYS_sendmmsg,
                          SYS_ptrace,
                          SYS_process_vm_readv,
                          SYS_process_vm_writev,
                          SYS_pidfd_getfd,
                          SYS_setsid,
                          SYS_setpgid,
                          SYS_mount,
                          SYS_umount2,
                          SYS_pivot_root,
                          SYS_chroot,
                          SYS_move_mount,
                          SYS_open_tree,
                          SYS_fsopen,
                          SYS_fsmount,
                          SYS_mount_setattr,
                          SYS_unshare,
                          SYS_setns,
                          SYS_bpf,
                          SYS_perf_event_open,
                          SYS_kexec_load,
                          SYS_kexec_file_load,
                          SYS_init_module,
                          SYS_finit_module,
                          SYS_delete_module,
                          SYS_add_key,
                          SYS_request_key,
                          SYS_keyctl,
                          SYS_io_uring_setup,
                          SYS_io_uring_enter,
                          SYS_io_uring_register,
                          SYS_userfaultfd,
                          SYS_reboot,
                          SYS_swapon,
                          SYS_swapoff,
                          SYS_settimeofday,
                          SYS_clock_settime,
                          SYS_clock_adjtime,
                          SYS_adjtimex,
                          SYS_shmget,
                          SYS_memfd_secret,
                          SYS_chmod,
                          SYS_fchmodat,
                          SYS_chown,
                          SYS_setxattr,
                          SYS_unlink,
                          SYS_unlinkat,
                          SYS_rename,
                          SYS_renameat2,
                          SYS_truncate,
                          SYS_utimensat})
    CHECK_MESSAGE(native_answer(each) == kRefused, each);
  for (const long each :
       {SYS_read,          SYS_write,      SYS_open,       SYS_openat,       SYS_close,
        SYS_execve,        SYS_fork,       SYS_vfork,      SYS_wait4,        SYS_exit_group,
        SYS_mmap,          SYS_munmap,     SYS_mprotect,   SYS_brk,          SYS_futex,
        SYS_pipe2,         SYS_poll,       SYS_epoll_wait, SYS_eventfd2,     SYS_dup2,
        SYS_getrandom,     SYS_kill,       SYS_clone,      SYS_rt_sigaction, SYS_nanosleep,
        SYS_clock_gettime, SYS_getdents64, SYS_ioctl,      SYS_prlimit64,    SYS_seccomp,
        SYS_close_range})
    CHECK_MESSAGE(native_answer(each) == SECCOMP_RET_ALLOW, each);

  CHECK(native_answer(SYS_clone3) == kUnknown);
  CHECK(native_answer(463) == kUnknown);
  CHECK(native_answer(0x40000000 + SYS_socket) == kUnknown);  // x32.
  for (const std::uint64_t space :
       {0x20000u, 0x2000000u, 0x4000000u, 0x8000000u, 0x10000000u, 0x20000000u, 0x40000000u})
    CHECK(native_answer(SYS_clone, space | 17) == kRefused);
  CHECK(native_answer(SYS_clone, 0x3d0f00) == SECCOMP_RET_ALLOW);  // pthread_create().
  CHECK(native_answer(SYS_mmap, 0, 0x21) == kRefused);             // Shared and anonymous.
  CHECK(native_answer(SYS_mmap, 0, 0x22) == SECCOMP_RET_ALLOW);
  CHECK(native_answer(SYS_mmap, 0, 0x01) == SECCOMP_RET_ALLOW);

  seccomp_data foreign{};
  foreign.arch = AUDIT_ARCH_I386;
  foreign.nr = 3;  // read(2) there.
  CHECK(answer(syscall_filter(), foreign) == kRefused);
}
#endif

TEST_CASE_FIXTURE(SandboxFixture, "shells and their tools run in the sandbox") {
  MESSAGE("missing here: '" << children.missing() << "'");
  CHECK(shell("printf '3\\n4\\n' | awk '{s += $1} END {print s * 6}' | sed s/2/3/; x=$(echo y); "
              "echo $x 2>/dev/null") == "43\ny\nexit status 0");
}

TEST_CASE_FIXTURE(SandboxFixture, "Python runs in the sandbox") {
  if (skipped_program(kPython)) return;
  CHECK(heard({kPython, "-c",
               "import json, threading, subprocess, time, math\n"
               "t = threading.Thread(target=lambda: print(json.dumps({'a': 1}), flush=True))\n"
               "t.start(); t.join(); time.localtime()\n"
               "print(subprocess.run(['/bin/echo', 'x'], capture_output=True).stdout)"}) ==
        "{\"a\": 1}\nb'x\\n'\nexit status 0");
}

TEST_CASE_FIXTURE(SandboxFixture, "a child opens no socket") {
  if (skipped("seccomp")) return;
  if (!skipped_program(kPython)) {
    const std::string script =
        "import socket\n"
        "for f in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):\n"
        "  for t in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):\n"
        "    try: socket.socket(f, t); print('open', f, t)\n"
        "    except PermissionError: pass\n"
        "    except OSError as e: print(e)\n"
        "try: socket.socketpair(); print('open pair')\n"
        "except PermissionError: pass\n";
    CHECK(heard({kPython, "-c", script}) == "exit status 0");
  }
  if (!skipped_program(kPerl)) {
    CHECK(heard({kPerl, "-e",
                 "use Socket; print socket(S, PF_INET, SOCK_STREAM, 0) ? 'open' : "
                 "$!{EPERM} ? 'refused' : $!"}) == "refusedexit status 0");
  }
}

TEST_CASE_FIXTURE(SandboxFixture, "a child writes no file and makes none") {
  std::ofstream(directory / "there") << "text";
  ::chmod((directory / "there").c_str(), 0666);
  std::filesystem::copy_file("/bin/sh", directory / "sh");
  ::chmod((directory / "sh").c_str(), 0755);
  const std::string own = directory.path();
  const std::string script = "(echo x > " + own + "/new) 2>/dev/null && echo made;" + "(: > " +
                             own + "/there) 2>/dev/null && echo truncated;" + "(echo x >> " + own +
                             "/there) 2>/dev/null && echo appended;" +
                             "(: > /tmp/pinaflux-sandbox-test) 2>/dev/null && echo tmp;" +
                             "(: > /dev/shm/pinaflux-sandbox-test) 2>/dev/null && echo shm;" +
                             "mkdir " + own + "/folder 2>/dev/null && echo folder;" + "rm -f " +
                             own + "/there 2>/dev/null && echo removed;" + "chmod 600 " + own +
                             "/there 2>/dev/null && echo chmod;" +
                             "echo x > /dev/null && echo null";
  const std::string said = heard({directory / "sh", "-c", script});
  if (!skipped("Landlock")) CHECK(said == "null\nexit status 0");
  CHECK(std::filesystem::exists(directory / "there"));
  CHECK_FALSE(std::filesystem::exists(directory / "folder"));
}

TEST_CASE_FIXTURE(SandboxFixture, "a child's limits are low, and it may not raise them") {
  HeardChild its(children, {"/bin/sh", "-c", "echo $$; read x"});
  REQUIRE(kit::run_until(*loop, [&] { return its.output.ends_with('\n'); }));
  std::ifstream file("/proc/" + std::string(trim(its.output)) + "/limits");
  std::string limits;  // One space between words.
  for (std::string word; file >> word;) limits += word + " ";

  for (const char* each : {"Max core file size 0 0 ", "Max file size 0 0 ", "Max open files 64 64 ",
                           "Max stack size 2097152 2097152 ", "Max msgqueue size 0 0 ",
                           "Max locked memory 0 0 ", "Max data size 268435456 268435456 "})
    CHECK_MESSAGE(limits.find(each) != limits.npos, each);
}

TEST_CASE_FIXTURE(SandboxFixture,
                  "a child reads the system's programs and its own folder, and no more") {
  if (skipped("Landlock")) return;
  std::filesystem::create_directory(directory / "own");
  std::filesystem::create_directory(directory / "other");
  std::filesystem::copy_file("/bin/cat", directory / "own/cat");
  for (const char* each : {"own/a", "other/b", "other/c"}) {
    std::ofstream(directory / each) << each << '\n';
    ::chmod((directory / each).c_str(), 0644);
  }
  for (const char* each : {"own", "other", "own/cat"}) ::chmod((directory / each).c_str(), 0755);

  CHECK(heard({directory / "own/cat", directory / "own/a"}) == "own/a\nexit status 0");
  CHECK(heard({directory / "own/cat", directory / "other/b"}) == "other/b\nexit status 0");
  CHECK(shell("cat " + (directory / "other/c") +
              " 2>/dev/null; cat /etc/passwd 2>/dev/null; "
              "ls /var /etc /proc /home " +
              directory.path() + " 2>/dev/null; echo end") == "end\nexit status 0");
}

TEST_CASE_FIXTURE(SandboxFixture, "a folder that holds more than a child's program is not opened") {
  if (skipped("Landlock")) return;
  const std::string beside = directory / "pinaflux", root = "/tmp/" + directory.path().substr(5);
  if (directory.path() != root) {
    MESSAGE("skipped: the tests' folders are not below /tmp");
    return;
  }
  std::filesystem::create_directory(beside);
  ::chmod(beside.c_str(), 0755);
  std::ofstream(beside + "/secret") << "secret\n";
  ::chmod((beside + "/secret").c_str(), 0644);
  const std::string in_tmp = root + ".sh";
  for (const std::string& program : {beside + "/sh", in_tmp}) {
    std::filesystem::copy_file("/bin/sh", program);
    ::chmod(program.c_str(), 0755);
    CHECK(heard({program, "-c", "cat " + beside + "/secret 2>/dev/null; echo end"}) ==
          "end\nexit status 0");
  }
  std::filesystem::remove(in_tmp);
}

TEST_CASE_FIXTURE(SandboxFixture, "a child's memory is bounded") {
  const std::string grow = "x=x; i=0; while [ $i -lt 30 ]; do x=$x$x; i=$((i+1)); done; echo grown";
  HeardChild its(children, {"/bin/sh", "-c", grow});
  CHECK(kit::run_until(*loop, [&] { return its.ends == 1; }));
  CHECK(its.output.empty());
  CHECK(its.why != "exit status 0");
  if (skipped_program(kPython)) return;
  const std::string sharing =
      "import mmap\n"
      "try: mmap.mmap(-1, 1 << 20); print('shared')\n"
      "except PermissionError: print('refused')\n"
      "x = bytearray(200 << 20); print('200')\n"
      "try: y = bytearray(200 << 20); print('400')\n"
      "except MemoryError: print('bounded')\n";
  if (!skipped("seccomp"))
    CHECK(heard({kPython, "-c", sharing}) == "refused\n200\nbounded\nexit status 0");
}

TEST_CASE_FIXTURE(SandboxFixture, "a child inherits no file, and its environment is minimal") {
  const Fd inherited(::open("/dev/null", O_RDONLY));  // Without O_CLOEXEC.
  const Fd high(::fcntl(inherited.get(), F_DUPFD, 200));
  ::setenv("PINAFLUX_TEST_SECRET", "x", 1);
  HeardChild its(children, {"/bin/sh", "-c", "env | grep -v ^PWD=; pwd; umask; echo $$; read x"});
  REQUIRE(kit::run_until(*loop, [&] { return std::ranges::count(its.output, '\n') == 5; }));
  ::unsetenv("PINAFLUX_TEST_SECRET");

  const auto lines = split(its.output, '\n');
  CHECK(std::ranges::count_if(lines, [](auto l) { return l == "LANG=C.UTF-8"; }) == 1);
  CHECK(std::ranges::count_if(lines,
                              [](auto l) { return l.starts_with("PATH=/usr/local/bin:"); }) == 1);
  CHECK(lines[2] == "/");
  CHECK(lines[3] == "0077");
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& each :
       std::filesystem::directory_iterator("/proc/" + std::string(lines[4]) + "/fd"))
    ++files;
  CHECK(files == 3);
}

TEST_CASE_FIXTURE(SandboxFixture,
                  "a child has no privilege, and starts with no signal blocked or ignored") {
  ::signal(SIGUSR1, SIG_IGN);  // As SIGPIPE is.
  const gid_t group = 4;
  if (::geteuid() == 0) REQUIRE(::setgroups(1, &group) == 0);
  HeardChild its(children, {"/bin/cat"});
  its.child->write(as_bytes("x"));
  REQUIRE(kit::run_until(*loop, [&] { return its.output == "x"; }));
  // The shell tells its number, then becomes cat, which changes no signal.
  HeardChild named(children, {"/bin/sh", "-c", "echo $$; exec cat"});
  named.child->write(as_bytes("x"));
  REQUIRE(kit::run_until(*loop, [&] { return named.output.ends_with('x'); }));
  if (::geteuid() == 0) REQUIRE(::setgroups(0, nullptr) == 0);
  const std::string pid(split(named.output, '\n')[0]);
  std::ifstream file("/proc/" + pid + "/status");
  std::string status{std::istreambuf_iterator<char>(file), {}};
  const auto has = [&](const std::string& line) { return status.find(line + "\n") != status.npos; };

  for (const char* each : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    CHECK(has(std::string(each) + ":\t0000000000000000"));
  CHECK(has("NoNewPrivs:\t1"));
  CHECK(has("SigBlk:\t0000000000000000"));
  CHECK(has("SigIgn:\t0000000000000000"));
  if (::geteuid() != 0) {
    MESSAGE("skipped: the user is changed by root only");
    return;
  }
  CHECK(has("CapBnd:\t0000000000000000"));
  CHECK(has("Uid:\t65534\t65534\t65534\t65534"));
  CHECK(has("Gid:\t65534\t65534\t65534\t65534"));
  CHECK((has("Groups:\t ") || has("Groups:\t")));
}

TEST_CASE_FIXTURE(SandboxFixture, "a child that multiplies is bounded") {
  if (::geteuid() != 0) MESSAGE("the bound counts the tests' user too");
  const std::string said = shell(
      "i=0; while [ $i -lt 200 ]; do sleep 1000 & i=$((i+1)); echo .; done 2>/dev/null; echo all");
  CHECK(said.find("all") == said.npos);
  CHECK(std::ranges::count(said, '.') <= 64);
}
