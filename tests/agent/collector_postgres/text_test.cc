#include <string>

#include <doctest/doctest.h>

#include "agent/collector/postgres.h"
#include "agent/collector/postgres_text.h"

namespace pinaflux {

namespace {

std::string cell(ColumnType type, const Value& value) {
  std::string text;
  return postgres::append_cell(text, type, value) ? text : "does not fit";
}

}  // namespace

TEST_CASE("a cell of COPY holds nothing that ends it") {
  CHECK(cell(ColumnType::text, Value::text("a\tb\nc\\d\r")) == "a\\tb\\nc\\\\d\\r");
  CHECK(cell(ColumnType::text, Value::text("\\N")) == "\\\\N");
  CHECK(cell(ColumnType::bytea, Value::bytes(as_bytes("a"))) == "\\\\x61");
}

TEST_CASE("a column takes what it can hold exactly, and nothing else") {
  CHECK(cell(ColumnType::bigint, Value::float64(4.0)) == "4");
  CHECK(cell(ColumnType::bigint, Value::float64(4.5)) == "does not fit");
  CHECK(cell(ColumnType::bigint, Value::float64(1e300)) == "does not fit");
  CHECK(cell(ColumnType::bigint, Value::uint64(~std::uint64_t{0})) == "does not fit");
  CHECK(cell(ColumnType::real, Value::int64(9007199254740993)) == "does not fit");
  CHECK(cell(ColumnType::real, Value::float64(-0.0)) == "-0");
  CHECK(cell(ColumnType::numeric, Value::uint64(~std::uint64_t{0})) == "18446744073709551615");
  CHECK(cell(ColumnType::text, Value::text(std::string_view("a\0b", 3))) == "does not fit");
  CHECK(cell(ColumnType::text, Value::text("\xff")) == "does not fit");
  CHECK(cell(ColumnType::boolean, Value::int64(1)) == "does not fit");
}

TEST_CASE("texts that PostgreSQL cannot keep stay apart") {
  CHECK(postgres::storable("boiler/t") == "boiler/t");
  CHECK(postgres::storable("\xff") == "?#ff");
  CHECK(postgres::storable("\xfe") == "?#fe");
  postgres::Array array;
  array.add(std::string_view("a\"b\\c"));
  array.add_null();
  CHECK(array.text() == "{\"a\\\"b\\\\c\",NULL}");
}

TEST_CASE("what is printed of an address holds no password") {
  CHECK(postgres::shown("postgresql://u:se:cret@h/d?password=also&x=1") ==
        "postgresql://u:***@h/d?password=***&x=1");
  CHECK(postgres::shown("postgresql://u@h:5432/d") == "postgresql://u@h:5432/d");
  CHECK(postgres::shown("postgresql://u:pa@ss@h/d@e") == "postgresql://u:***@h/d@e");
  CHECK(postgres::shown("landed:1@2.db") == "landed:1@2.db");
}

TEST_CASE("an address with a password in it is refused") {
  std::string why;
  const auto made = postgres::Connection::open("postgresql://u:secret@127.0.0.1/d", why);
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().code == Code::invalid);
  CHECK(std::string(made.error().what).find("passfile") != std::string::npos);
  CHECK_FALSE(postgres::Connection::open("postgresql://u:100%sure@h/d", why).has_value());
  CHECK(why.find("sure") == std::string::npos);
}

}  // namespace pinaflux
