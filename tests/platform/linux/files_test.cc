// What the medium may say no with.
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "platform/linux/error.h"
#include "platform/linux/linux.h"
#include "tests/kit/directory.h"

using namespace pinaflux;

TEST_CASE("each refusal of a medium has its code") {
  CHECK(file_error(ENOSPC).code == Code::full);
  CHECK(file_error(EDQUOT).code == Code::full);
  CHECK(file_error(EROFS).code == Code::read_only);
  CHECK(file_error(EACCES).code == Code::denied);
  CHECK(file_error(EIO).code == Code::io);
  CHECK(file_error(ENOENT).sys_errno == ENOENT);
  CHECK(socket_error(EADDRINUSE).code == Code::busy);
  CHECK(socket_error(ECONNREFUSED).code == Code::refused);
}

TEST_CASE("a full device is said to be full") {
  LinuxFiles files;
  auto full = files.open("/dev/full", Files::Mode::write);
  REQUIRE(full.has_value());
  const auto written = (*full)->write_at(0, as_bytes("x"));
  REQUIRE_FALSE(written.has_value());
  CHECK(written.error().code == Code::full);
  CHECK(written.error().sys_errno == ENOSPC);
}

TEST_CASE("a file that may not grow is said to be full, and no signal ends the process") {
  LinuxFiles files;
  kit::TemporaryDirectory directory;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto platform = LinuxPlatform::make();  // Ignores the signal.
  REQUIRE(platform.has_value());
  auto file = files.open(directory / "a", Files::Mode::create);
  REQUIRE(file.has_value());
  const rlimit small{1000, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto written = (*file)->write_at(0, Buffer(2000, 1));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  REQUIRE_FALSE(written.has_value());
  CHECK(written.error().code == Code::full);
}

TEST_CASE("a new file is for its owner alone") {
  LinuxFiles files;
  kit::TemporaryDirectory directory;
  REQUIRE(files.replace(directory / "secret", "x").has_value());
  struct stat s{};
  REQUIRE(::stat((directory / "secret").c_str(), &s) == 0);
  CHECK((s.st_mode & 0777) == 0600);
}

TEST_CASE("a pipe opened by mistake does not wait for its other end") {
  LinuxFiles files;
  kit::TemporaryDirectory directory;
  REQUIRE(::mkfifo((directory / "pipe").c_str(), 0600) == 0);
  const auto pipe = files.open(directory / "pipe", Files::Mode::read);
  std::uint8_t block[1];
  if (pipe) CHECK((*pipe)->read_at(0, block).error().code == Code::invalid);
}

TEST_CASE("a file system in memory is known as one") {
  LinuxFiles files;
  if (const auto shm = files.file_system("/dev/shm"); shm && shm->bytes_total > 0)
    CHECK(shm->in_memory);
  CHECK_FALSE(files.file_system("/proc/self")->in_memory);
}
