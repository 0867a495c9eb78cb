// One block for each architecture: the number of a call walks through the ranges of denied numbers
// in ascending order and leaves at the first that it does not lie beyond:
//
//   load nr;  nr > last ? next range : nr >= first ? EPERM : allow
//
// So no jump is longer than three, and a common call (read, write, poll) is through after a few.

#include "platform/linux/syscall_filter.h"

#include <bitset>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <linux/audit.h>
#include <linux/seccomp.h>

namespace pinaflux {

namespace {

constexpr std::uint16_t kNone = 0xffff;

// The number of one call. Of arm those of the EABI; the generic ones are arm64's and riscv64's.
struct Denied {
  std::uint16_t x86_64, arm, generic;
};

constexpr Denied kDenied[] = {
    // Network.
    {41, 281, 198},       // socket
    {53, 288, 199},       // socketpair
    {42, 283, 203},       // connect
    {49, 282, 200},       // bind
    {50, 284, 201},       // listen
    {43, 285, 202},       // accept
    {288, 366, 242},      // accept4
    {44, 290, 206},       // sendto
    {46, 296, 211},       // sendmsg
    {307, 374, 269},      // sendmmsg
    {45, 292, 207},       // recvfrom
    {47, 297, 212},       // recvmsg
    {299, 365, 243},      // recvmmsg
    {kNone, 417, kNone},  // recvmmsg_time64
    // Other processes.
    {101, 26, 117},   // ptrace
    {310, 376, 270},  // process_vm_readv
    {311, 377, 271},  // process_vm_writev
    {440, 440, 440},  // process_madvise
    {438, 438, 438},  // pidfd_getfd
    {312, 378, 272},  // kcmp
    {112, 66, 157},   // setsid
    {109, 57, 154},   // setpgid
    // Name spaces and mounts.
    {165, 21, 40},    // mount
    {166, 52, 39},    // umount2
    {155, 218, 41},   // pivot_root
    {161, 61, 51},    // chroot
    {429, 429, 429},  // move_mount
    {428, 428, 428},  // open_tree
    {430, 430, 430},  // fsopen
    {431, 431, 431},  // fsconfig
    {432, 432, 432},  // fsmount
    {433, 433, 433},  // fspick
    {442, 442, 442},  // mount_setattr
    {272, 337, 97},   // unshare
    {308, 375, 268},  // setns
    // Kernel.
    {321, 386, 280},      // bpf
    {298, 364, 241},      // perf_event_open
    {246, 347, 104},      // kexec_load
    {320, 401, 294},      // kexec_file_load
    {175, 128, 105},      // init_module
    {313, 379, 273},      // finit_module
    {176, 129, 106},      // delete_module
    {248, 309, 217},      // add_key
    {249, 310, 218},      // request_key
    {250, 311, 219},      // keyctl
    {425, 425, 425},      // io_uring_setup
    {426, 426, 426},      // io_uring_enter
    {427, 427, 427},      // io_uring_register
    {323, 388, 282},      // userfaultfd
    {169, 88, 142},       // reboot
    {167, 87, 224},       // swapon
    {168, 115, 225},      // swapoff
    {163, 51, 89},        // acct
    {179, 131, 60},       // quotactl
    {443, 443, 443},      // quotactl_fd
    {103, 103, 116},      // syslog
    {170, 74, 161},       // sethostname
    {171, 121, 162},      // setdomainname
    {153, 111, 58},       // vhangup
    {172, kNone, kNone},  // iopl
    {173, kNone, kNone},  // ioperm
    {154, kNone, kNone},  // modify_ldt
    {212, 249, 18},       // lookup_dcookie
    {304, 371, 265},      // open_by_handle_at
    {303, 370, 264},      // name_to_handle_at
    {300, 367, 262},      // fanotify_init
    // Clocks.
    {164, 79, 170},       // settimeofday
    {227, 262, 112},      // clock_settime
    {kNone, 404, kNone},  // clock_settime64
    {305, 372, 266},      // clock_adjtime
    {kNone, 405, kNone},  // clock_adjtime64
    {159, 124, 171},      // adjtimex
    // Shared memory (which RLIMIT_DATA does not count) and queues.
    {29, 307, 194},     // shmget
    {30, 305, 196},     // shmat
    {64, 299, 190},     // semget
    {68, 303, 186},     // msgget
    {240, 274, 180},    // mq_open
    {447, kNone, 447},  // memfd_secret
    // What Landlock leaves.
    {90, 15, kNone},      // chmod
    {91, 94, 52},         // fchmod
    {268, 333, 53},       // fchmodat
    {452, 452, 452},      // fchmodat2
    {92, 182, kNone},     // chown
    {kNone, 212, kNone},  // chown32
    {94, 16, kNone},      // lchown
    {kNone, 198, kNone},  // lchown32
    {93, 95, 55},         // fchown
    {kNone, 207, kNone},  // fchown32
    {260, 325, 54},       // fchownat
    {188, 226, 5},        // setxattr
    {189, 227, 6},        // lsetxattr
    {190, 228, 7},        // fsetxattr
    {197, 235, 14},       // removexattr
    {198, 236, 15},       // lremovexattr
    {199, 237, 16},       // fremovexattr
    {132, kNone, kNone},  // utime
    {235, 269, kNone},    // utimes
    {261, 326, kNone},    // futimesat
    {280, 348, 88},       // utimensat
    {kNone, 412, kNone},  // utimensat_time64
    {76, 92, 45},         // truncate
    {kNone, 193, kNone},  // truncate64
    {83, 39, kNone},      // mkdir
    {258, 323, 34},       // mkdirat
    {133, 14, kNone},     // mknod
    {259, 324, 33},       // mknodat
    {87, 10, kNone},      // unlink
    {263, 328, 35},       // unlinkat
    {84, 40, kNone},      // rmdir
    {82, 38, kNone},      // rename
    {264, 329, 38},       // renameat
    {316, 382, 276},      // renameat2
    {86, 9, kNone},       // link
    {265, 330, 37},       // linkat
    {88, 83, kNone},      // symlink
    {266, 331, 36},       // symlinkat
    {85, 8, kNone},       // creat
};

constexpr std::uint32_t kKnownMax = 462;  // mseal, the last of 6.10: the same everywhere.
constexpr std::uint32_t kClone3 = 435;    // The same everywhere.

// Flags of clone(2) that make name spaces, CLONE_NEWCGROUP to CLONE_NEWNET.
constexpr std::uint32_t kNewSpaces =
    0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000;
// MAP_SHARED | MAP_ANONYMOUS: memory that RLIMIT_DATA does not count.
constexpr std::uint32_t kUncounted = 0x01 | 0x20;

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

struct Architecture {
  std::uint32_t audit;
  std::uint16_t Denied::* number;
  std::uint16_t mmap, clone;
  std::uint32_t own_first, own_last;  // Calls of the architecture alone, beyond all others.
};

constexpr Architecture kArchitectures[] = {
#if defined(__x86_64__)
    {AUDIT_ARCH_X86_64, &Denied::x86_64, 9, 56, 1, 0},
#elif defined(__riscv)
    {AUDIT_ARCH_RISCV64, &Denied::generic, 222, 220, 1, 0},
#elif defined(__arm__) || defined(__aarch64__)
    {AUDIT_ARCH_ARM, &Denied::arm, 192, 120, 0x0f0001, 0x0f0006},  // set_tls, cacheflush, ...
    {AUDIT_ARCH_AARCH64, &Denied::generic, 222, 220, 1, 0},
#endif
};

sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

// The lower half of an argument: all flags lie there.
sock_filter load_argument(std::size_t index) {
  return load(offsetof(seccomp_data, args) + 8 * index);  // Little-endian, all of them.
}

// Passes over `over` instructions when the comparison with `value` does not hold.
sock_filter unless(std::uint16_t comparison, std::uint32_t value, std::uint8_t over) {
  return BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | comparison | BPF_K), value, 0, over);
}

sock_filter answer(std::uint32_t with) { return BPF_STMT(BPF_RET | BPF_K, with); }

void append_ranges(std::vector<sock_filter>& to, std::uint16_t Denied::* number) {
  std::bitset<kKnownMax + 2> denied;  // The last one ends a range.
  for (const Denied& each : kDenied)
    if (each.*number != kNone) denied.set(each.*number);
  for (std::uint32_t first = 0; first <= kKnownMax; ++first) {
    if (!denied[first]) continue;
    std::uint32_t last = first;
    while (denied[last + 1]) ++last;
    to.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 3, 0));
    to.push_back(unless(BPF_JGE, first, 1));
    to.push_back(answer(kRefuse));
    to.push_back(answer(kAllow));
    first = last;
  }
}

void append_block(std::vector<sock_filter>& to, const Architecture& its) {
  for (const sock_filter& each : {
           load(offsetof(seccomp_data, nr)),
           unless(BPF_JEQ, its.mmap, 5),
           load_argument(3),
           sock_filter(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kUncounted)),
           unless(BPF_JEQ, kUncounted, 1),
           answer(kRefuse),
           answer(kAllow),
           unless(BPF_JEQ, its.clone, 4),
           load_argument(0),
           unless(BPF_JSET, kNewSpaces, 1),
           answer(kRefuse),
           answer(kAllow),
           unless(BPF_JEQ, kClone3, 1),
           answer(kUnknown),
       })
    to.push_back(each);
  append_ranges(to, its.number);
  to.push_back(unless(BPF_JGT, kKnownMax, 4));
  to.push_back(unless(BPF_JGE, its.own_first, 2));
  to.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, its.own_last, 1, 0));
  to.push_back(answer(kAllow));
  to.push_back(answer(kUnknown));
  to.push_back(answer(kAllow));
}

}  // namespace

std::vector<sock_filter> syscall_filter() {
  std::vector<sock_filter> filter;
  for (const Architecture& each : kArchitectures) {
    filter.push_back(load(offsetof(seccomp_data, arch)));
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, each.audit, 1, 0));
    filter.push_back(BPF_STMT(BPF_JMP | BPF_JA, 0));  // A block is longer than the others reach.
    const std::size_t begin = filter.size();
    append_block(filter, each);
    filter[begin - 1].k = static_cast<std::uint32_t>(filter.size() - begin);
  }
  filter.push_back(answer(kRefuse));
  return filter;
}

}  // namespace pinaflux
