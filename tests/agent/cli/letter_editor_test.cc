#include "agent/cli/letter_editor.h"

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "agent/cli/exit_status.h"
#include "tests/kit/directory.h"

namespace pinaflux {
namespace {

struct EditorFixture {
  kit::TemporaryDirectory directory;
  int status = kExitOk;

  std::string file(const std::string& name, const std::string& text) const {
    const std::string path = directory.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
};

TEST_CASE_FIXTURE(EditorFixture, "a record is read from a file, up to its bound") {
  CHECK(read_record(file("a", "{\"n\":1}"), status) == "{\"n\":1}");
  CHECK(status == kExitOk);
  CHECK_FALSE(read_record(directory.path() + "/none", status).has_value());
  CHECK(status == kExitNoInput);
  CHECK_FALSE(read_record(file("empty", " \n"), status).has_value());
  CHECK(status == kExitData);
  CHECK_FALSE(read_record(file("large", std::string(70'000, 'x')), status).has_value());
  CHECK(status == kExitData);
}

TEST_CASE_FIXTURE(EditorFixture,
                  "an editor works on a draft of the owner alone, and it is gone after") {
  const std::string seen = directory.path() + "/seen";
  const std::string script =
      file("editor", "ls -l \"$1\" > " + seen + "; echo \"$1\" >> " + seen + "; echo new > \"$1\"");

  CHECK(edit_record("sh " + script, "old", status) == "new\n");

  std::ifstream said(seen);
  std::string rights, path;
  std::getline(said, rights);
  std::getline(said, path);
  CHECK(rights.starts_with("-rw-------"));
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE_FIXTURE(EditorFixture, "an editor that fails, or changes nothing, ends it") {
  CHECK_FALSE(edit_record("false", "old", status).has_value());
  CHECK(status == kExitSoftware);
  CHECK_FALSE(edit_record("true", "old", status).has_value());
  CHECK(status == kExitData);
}

}  // namespace
}  // namespace pinaflux
