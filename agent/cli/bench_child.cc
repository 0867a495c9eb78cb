// A child answers through a pipe: a line "name value" for each number, or "!text" for an error; a child that
// ends without status 0 has failed whatever it wrote.

#include "agent/cli/bench_child.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <sched.h>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "platform/base/text.h"
#include "platform/linux/fd.h"

namespace pinaflux::bench {

namespace {

// What a line of a file of /proc says after `key`; 0 if there is none.
std::uint64_t proc_number(const char* path, std::string_view key) {
  const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
  char text[4096];
  const ssize_t n = file ? ::read(file.get(), text, sizeof text) : 0;
  const std::string_view all(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  for (std::string_view line : split(all, '\n')) {
    if (!line.starts_with(key)) continue;
    line = trim(line.substr(key.size()));
    return parse_integer<std::uint64_t>(line.substr(0, line.find(' '))).value_or(0);
  }
  return 0;
}

void bind_to_one_core() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int core = ::sched_getcpu();
  if (core < 0) return;
  CPU_SET(static_cast<std::size_t>(core), &set);
  std::ignore = ::sched_setaffinity(0, sizeof set, &set);
}

[[noreturn]] void be_child(int pipe, const std::string& what,
                           const std::function<Status(Numbers&, Meter&)>& measure) {
  std::signal(SIGINT, SIG_DFL);
  bind_to_one_core();
  Numbers numbers;
  Status done;
  {
    Meter progress(what);
    done = measure(numbers, progress);
  }
  std::FILE* out = ::fdopen(pipe, "w");
  if (out == nullptr) std::_Exit(1);
  for (const auto& [name, value] : numbers) std::fprintf(out, "%s %.17g\n", name.c_str(), value);
  if (!done) std::fprintf(out, "!%s\n", done.error().what);
  std::fclose(out);
  std::_Exit(done ? 0 : 1);
}

std::string read_all(int pipe) {
  std::string text;
  char block[4096];
  for (;;) {
    const ssize_t n = ::read(pipe, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(block, static_cast<std::size_t>(n));
  }
}

Failure failure(std::string text) {
  return {{Code::internal, 0, "a measurement failed"}, std::move(text)};
}

}  // namespace

Meter::Meter(std::string what) : what_(std::move(what)), terminal_(::isatty(2) == 1) { at(0); }
Meter::~Meter() {
  if (terminal_) std::fprintf(stderr, "\r\033[K");
}

void Meter::at(double part) {
  const int percent = static_cast<int>(std::clamp(part, 0.0, 1.0) * 100);
  if (!terminal_ || percent == percent_) return;
  percent_ = percent;
  std::fprintf(stderr, "\r\033[K%s ... %d %%", what_.c_str(), percent);
}

std::expected<Numbers, Failure> in_child(const std::string& what,
                                         const std::function<Status(Numbers&, Meter&)>& measure) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::unexpected(failure("no pipe can be made"));
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) be_child(ends[1], what, measure);
  ::close(ends[1]);
  const Fd from(ends[0]);
  if (child < 0) return std::unexpected(failure("no process can be made"));
  const std::string text = read_all(from.get());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  Numbers numbers;
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with('!')) return std::unexpected(failure(std::string(line.substr(1))));
    const auto space = line.find(' ');
    if (space == std::string_view::npos) continue;
    numbers[std::string(line.substr(0, space))] =
        parse_double(line.substr(space + 1)).value_or(0.0);
  }
  if (WIFSIGNALED(status)) return std::unexpected(failure("its process was killed"));
  if (status != 0) return std::unexpected(failure("its process failed"));
  return numbers;
}

std::uint64_t written_bytes() { return proc_number("/proc/self/io", "write_bytes:"); }

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double peak_kb() { return static_cast<double>(proc_number("/proc/self/status", "VmHWM:")); }

bool counts_writes(const std::string& directory) {
  const std::string path = directory + "/counted";
  const std::uint64_t before = written_bytes();
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const std::vector<char> block(256 * 1024, 'x');
  const ssize_t n = file ? ::write(file.get(), block.data(), block.size()) : 0;
  if (file) std::ignore = ::fsync(file.get());
  const bool counted = n > 0 && written_bytes() - before >= static_cast<std::uint64_t>(n);
  ::unlink(path.c_str());
  return counted;
}

double drop_from_cache(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0 || info.st_size == 0) return 1.0;
  std::ignore = ::fsync(file.get());
  std::ignore = ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  const auto bytes = static_cast<std::size_t>(info.st_size);
  void* map = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.get(), 0);
  if (map == MAP_FAILED) return 1.0;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> held((bytes + page - 1) / page);
  const bool known = ::mincore(map, bytes, held.data()) == 0;
  ::munmap(map, bytes);
  const auto count = std::ranges::count_if(held, [](unsigned char c) { return (c & 1) != 0; });
  return known ? static_cast<double>(count) / static_cast<double>(held.size()) : 1.0;
}

}  // namespace pinaflux::bench
