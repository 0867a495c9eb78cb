#include "agent/cli/export_sink.h"

#include <csignal>
#include <sys/resource.h>

#include <doctest/doctest.h>

#include "platform/linux/files.h"
#include "tests/kit/directory.h"

namespace pinaflux {
namespace {

struct SinkFixture {
  kit::TemporaryDirectory directory;
  LinuxFiles files;

  std::vector<std::string> names() { return *files.list(directory.path()); }
};

TEST_CASE_FIXTURE(SinkFixture, "the file is there only when it is whole") {
  ExportSink sink(files, directory / "a.export", false);
  REQUIRE(sink.check().has_value());
  REQUIRE(sink.take(as_bytes("first ")).has_value());
  REQUIRE(sink.take(as_bytes("second")).has_value());
  CHECK(names() == std::vector<std::string>{"a.export.part"});
  REQUIRE(sink.finish().has_value());
  CHECK(names() == std::vector<std::string>{"a.export"});
  CHECK(*files.read_text(directory / "a.export", 100) == "first second");
}

TEST_CASE_FIXTURE(SinkFixture, "what is given up leaves nothing") {
  {
    ExportSink sink(files, directory / "a.export", false);
    REQUIRE(sink.take(as_bytes("first")).has_value());
  }
  CHECK(names().empty());
}

TEST_CASE_FIXTURE(SinkFixture, "a file that is there is written over with force only") {
  REQUIRE(files.replace(directory / "a.export", "older").has_value());
  CHECK(ExportSink(files, directory / "a.export", false).check().error().code == Code::exists);
  ExportSink sink(files, directory / "a.export", true);
  REQUIRE(sink.check().has_value());
  REQUIRE(sink.take(as_bytes("new")).has_value());
  CHECK(*files.read_text(directory / "a.export", 100) == "older");
  REQUIRE(sink.finish().has_value());
  CHECK(*files.read_text(directory / "a.export", 100) == "new");
}

TEST_CASE_FIXTURE(SinkFixture, "in a folder the file is named after gateway and time") {
  ExportSink sink(files, directory.path(), false);
  REQUIRE(sink.check().has_value());
  REQUIRE(sink.take(as_bytes("pinaflux-export/1 g=pump-7 v=1 t=1700000000\n5\n")).has_value());
  REQUIRE(sink.finish().has_value());
  CHECK(names() == std::vector<std::string>{"pinaflux-pump-7-20231114T221320Z.export"});
}

TEST_CASE_FIXTURE(SinkFixture, "a stick that is not mounted is said before anything is done") {
  CHECK(ExportSink(files, directory / "none/a.export", false).check().error().code ==
        Code::not_found);
}

TEST_CASE_FIXTURE(SinkFixture, "a medium that takes no more leaves no half file") {
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const rlimit limited{.rlim_cur = 1000, .rlim_max = old.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  {
    ExportSink sink(files, directory / "a.export", false);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limited) == 0);
    CHECK(!sink.take(Buffer(5000, 'x')).has_value());
    ::setrlimit(RLIMIT_FSIZE, &old);
  }
  ::signal(SIGXFSZ, handler);
  CHECK(names().empty());
}

}  // namespace
}  // namespace pinaflux
