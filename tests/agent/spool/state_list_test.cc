#include "agent/spool/state_list.h"

#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {
namespace {

std::string piece(std::string_view key, std::string_view value) {
  Buffer bytes;
  Writer to(bytes);
  to.text(key);
  to.text(value);
  return std::string(as_text(bytes));
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "states of one kind are listed, of a running spool and of a file alike") {
  open();
  const auto bytes = [](std::string_view text) {
    return Buffer(as_bytes(text).begin(), as_bytes(text).end());
  };
  group.states = {{"pipeline/b/2", bytes("mark two")},
                  {"pipeline/a/1", bytes("mark one")},
                  {"pipeline/a/3", bytes("other")},
                  {"else/a/1", bytes("mark three")}};
  commit();
  const std::string expected =
      piece("pipeline/a/1", "mark one") + piece("pipeline/b/2", "mark two");
  ListStates running("pipeline/", "mark"), stopped("pipeline/", "mark"), none("pipeline/", "no");
  CHECK(answer(*spool, running) == expected);
  CHECK(answer(*spool, none).empty());
  const auto file = view(*this);
  CHECK(answer(*file, stopped) == expected);
}

TEST_CASE_FIXTURE(SpoolFixture, "many states come in pieces") {
  open();
  for (int i = 0; i < 300; ++i) {
    group.states.push_back({"pipeline/a/" + std::to_string(1000 + i), Buffer(2'000, 'm')});
  }
  commit();
  ListStates list("pipeline/", "m");
  Buffer out;
  CHECK(*spool->operate(list, out));
  CHECK(out.size() < Operation::kStepBytes + 3'000);
  CHECK(answer(*spool, list).size() + out.size() > 600'000);
}

}  // namespace
}  // namespace pinaflux::spool_kit
