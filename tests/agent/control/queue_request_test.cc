#include "agent/control/queue_request.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

TEST_CASE("every request of the queue makes its operation") {
  for (const char* text :
       {"stats text", "stats json", "peek normal 10", "peek * 1", "verify json",
        "export * 1700000000", "export bulk 0", "purge bulk all text",
        "purge bulk 1700000000000000000 json", "letters list text", "letters show 7 json",
        "letters drop 7 text", "letters drop 7,9 json", "letters replay 3,1,2 text", "schemas"}) {
    CAPTURE(text);
    CHECK(make_operation(text) != nullptr);
  }
}

TEST_CASE("what is no request makes none") {
  for (const char* text : {"",
                           "stats",
                           "stats xml",
                           "peek",
                           "peek normal",
                           "peek normal 0",
                           "peek normal x",
                           "verify",
                           "export *",
                           "purge * all json",
                           "purge bulk soon text",
                           "purge bulk all",
                           "repair",
                           "import",
                           "letters",
                           "letters list",
                           "letters list xml",
                           "letters show json",
                           "letters show 0 json",
                           "letters show 1,2 json",
                           "letters drop , json",
                           "letters drop x text",
                           "letters replay 1",
                           "letters edit 1 0 json",
                           "letters edit 1,2 5 json"}) {
    CAPTURE(text);
    CHECK(make_operation(text) == nullptr);
  }
}

TEST_CASE("an edit is followed by its record, nothing else is") {
  CHECK(request_content_bytes("letters edit 7 12 text") == 12);
  CHECK_FALSE(request_content_bytes("letters edit 7 many text").has_value());
  CHECK(request_content_bytes("letters replay 7 text") == 0);
  CHECK(request_content_bytes("stats json") == 0);
  CHECK(make_operation("letters edit 7 8 text", R"({"n":12})") != nullptr);
  CHECK(make_operation("letters edit 7,8 8 text", R"({"n":12})") == nullptr);
}

TEST_CASE("what changes the spool says so") {
  CHECK(make_operation("letters drop 1 text")->changes());
  CHECK_FALSE(make_operation("letters replay 1 text")->changes());
  CHECK_FALSE(make_operation("stats text")->changes());
  CHECK_FALSE(make_operation("peek * 1")->changes());
  CHECK_FALSE(make_operation("verify text")->changes());
  CHECK(make_operation("export * 0")->changes());
  CHECK(make_operation("purge bulk all text")->changes());
}

}  // namespace
}  // namespace pinaflux
