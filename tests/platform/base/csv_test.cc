#include "platform/base/csv.h"

#include <string>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

// "[a][b]\n[c]\n", and ":LINE:BYTE: what" where it stops.
std::string cut(std::string text) {
  std::string said;
  CsvCells cells(text);
  while (cells.next()) {
    std::string cell(cells.raw());
    if (cells.doubled()) cell.resize(undouble_quotes(cell.data(), cell.size()));
    said += (cells.quoted() ? "\"[" : "[") + cell + "]" + (cells.ends_line() ? "\n" : "");
  }
  if (cells.mistake() == nullptr) return said;
  CHECK_FALSE(cells.next());
  return said + std::to_string(cells.line()) + ":" + std::to_string(cells.at()) + ": " +
         cells.mistake();
}

TEST_CASE("cells are cut as RFC 4180 says, whatever ends the lines") {
  CHECK(cut("a,b\n1,2\n") == "[a][b]\n[1][2]\n");
  CHECK(cut("a,b\r\n1,2") == "[a][b]\n[1][2]\n");
  CHECK(cut("\n\r\na\n\n\nb\r\n\r\n") == "[a]\n[b]\n");
  CHECK(cut(",\n,,") == "[][]\n[][][]\n");
  CHECK(cut("a\rb, c \n") == "[a\rb][ c ]\n");
  CHECK(cut("").empty());
  CHECK(cut("a,") == "[a][]\n");
}

TEST_CASE("what stands in quotes may hold all that separates") {
  CHECK(cut("\"a,b\",\"\"\n\"1\r\n2\",x\n") == "\"[a,b]\"[]\n\"[1\r\n2][x]\n");
  CHECK(cut(R"("say ""so""","""")") == "\"[say \"so\"]\"[\"]\n");
  CHECK(cut("\"a\"\r\n\"b\"") == "\"[a]\n\"[b]\n");
}

TEST_CASE("it stops at a mistake, and says where it is") {
  CHECK(cut("a,b\nx\"y,1\n") ==
        "[a][b]\n2:1: a quote stands in a cell that does not begin with one");
  CHECK(cut("a, \"b\"\n") == "[a]1:3: a quote stands in a cell that does not begin with one");
  CHECK(cut("a\n\"1\n2\" ,b") == "[a]\n3:2: something stands behind a closed quote");
  CHECK(cut("a\n1,\"2\n3,4\n") == "[a]\n[1]2:2: a quote is not closed");
  CHECK(cut("\"") == "1:0: a quote is not closed");
  CHECK(cut("\"\"\"") == "1:0: a quote is not closed");
}

TEST_CASE("lines within quotes count") {
  CsvCells cells("\"a\nb\nc\",d\ne");
  REQUIRE(cells.next());
  CHECK(cells.line() == 1);
  REQUIRE(cells.next());
  CHECK(cells.line() == 3);
  CHECK(cells.at() == 3);
  REQUIRE(cells.next());
  CHECK(cells.line() == 4);
  CHECK(cells.at() == 0);
}

}  // namespace
}  // namespace pinaflux
