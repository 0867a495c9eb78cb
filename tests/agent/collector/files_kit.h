// Files by day beside a database, as a collector has them.
#pragma once

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "agent/collector/day_files.h"
#include "platform/linux/files.h"
#include "tests/agent/collector/collector_kit.h"

namespace pinaflux::collector_kit {

struct FilesFixture {
  kit::TemporaryDirectory directory;
  LinuxFiles files;
  std::unique_ptr<sqlite::Database> database = open_database(directory / "landed.db");
  std::vector<std::string> findings;
  FileCare care;
  std::unique_ptr<DayFiles> grown = open();

  std::unique_ptr<DayFiles> open() {
    auto made = DayFiles::open(files, *database, findings, care);
    REQUIRE(made.has_value());
    return std::move(*made);
  }
  void commit() {
    REQUIRE(database->begin().has_value());
    REQUIRE(grown->flush().has_value());
    REQUIRE(database->commit().has_value());
    grown->committed();
  }
  std::string text_of(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(directory / name).rdbuf();
    return text.str();
  }
};

}  // namespace pinaflux::collector_kit
