// What the tests of operations share: running one to its end, and a stopped spool with other eyes.
#pragma once

#include <memory>
#include <string>

#include "agent/spool/operation.h"
#include "agent/spool/sqlite.h"
#include "agent/spool/view.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

// All that the operation gives, by a Spool or a View.
template <class Place>
std::string answer(Place& place, Operation& operation) {
  Buffer out;
  for (Result<bool> more = true; *more;) {
    more = place.operate(operation, out);
    const std::string why = more ? "" : more.error().what;
    REQUIRE_MESSAGE(more.has_value(), why);
  }
  return std::string(as_text(out));
}

// Stops the agent, so to speak, and looks.
inline std::unique_ptr<View> view(SpoolFixture& f) {
  f.spool.reset();
  long holder = 0;
  auto view = View::open(f.options, f.files, holder, &f.vault, f.random);
  REQUIRE(view.has_value());
  return std::move(*view);
}

// Changes the file behind the spool's back.
inline void execute(const SpoolFixture& f, const std::string& sql) {
  auto database = sqlite::Database::open({.path = f.options.directory + "/spool.db"});
  REQUIRE(database.has_value());
  REQUIRE((*database)->make_durable().has_value());
  REQUIRE((*database)->execute(sql.c_str()).has_value());
}

}  // namespace pinaflux::spool_kit
