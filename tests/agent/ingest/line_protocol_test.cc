#include "agent/ingest/line_protocol.h"

#include <doctest/doctest.h>

#include "tests/agent/ingest/fakes.h"

namespace pinaflux {
namespace {

struct LineProtocolFixture {
  Shapes shapes;
  Intake intake{shapes};
  RecordBuilder builder{TimeField{}};
  LineProtocolReader reader;
  std::size_t used = 0;

  LineProtocolFixture() { intake.begin(0); }

  std::string text(std::string_view line, std::int64_t tick = 1) {
    Built built = reader.read(line, "in", tick, intake, builder, used);
    if (built) built = builder.finish(Stamp{99, 0});
    if (!built) return reason_name(built.error().reason);
    return fake::World::text_of(intake.records.back().row);
  }
  std::int64_t time() const { return intake.records.back().row.time.ns; }
};

TEST_CASE_FIXTURE(LineProtocolFixture,
                  "tags and fields become fields, the measurement the stream") {
  CHECK(
      text("weather,city=Berlin temp=21.5,hum=40i,n=7u,ok=t,note=\"a b\" 1700000000000000000\n") ==
      "in/weather{city='Berlin',temp=21.5,hum=40i,n=7i,ok=true,note='a b'}");
  CHECK(time() == 1'700'000'000'000'000'000);
}

TEST_CASE_FIXTURE(LineProtocolFixture, "a line without a timestamp has its arrival") {
  CHECK(text("m v=1") == "in/m{v=1.}");
  CHECK(time() == 99);
}

TEST_CASE_FIXTURE(LineProtocolFixture, "precision scales the timestamp") {
  CHECK(text("m v=1 1700000000", ns_per_precision("s")) == "in/m{v=1.}");
  CHECK(time() == 1'700'000'000'000'000'000);
  CHECK(text("m v=1 9223372036854775807", ns_per_precision("s")) == "bad_time");
  CHECK(ns_per_precision("fortnight") == 0);
}

TEST_CASE_FIXTURE(LineProtocolFixture, "escapes are resolved where they mean something") {
  CHECK(text(R"(we\,a\ ther\x,ta\=g\ 1=a\,b k\,ey="say \"hi\" \\ \n")") ==
        R"(in/we,a ther\x{ta=g 1='a,b',k,ey='say "hi" \ \n'})");
}

TEST_CASE_FIXTURE(LineProtocolFixture, "all spellings of booleans and the edges of integers") {
  CHECK(text("m a=T,b=true,c=True,d=TRUE,e=f,f=FALSE") ==
        "in/m{a=true,b=true,c=true,d=true,e=false,f=false}");
  CHECK(text("m a=-9223372036854775808i,b=18446744073709551615u") ==
        "in/m{a=-9223372036854775808i,b=18446744073709551615u}");
  CHECK(text("m a=-1.5e3,b=+2") == "in/m{a=-1500.,b=2.}");
}

TEST_CASE_FIXTURE(LineProtocolFixture, "a newline inside quotes belongs to the text") {
  CHECK(text("m a=\"x\ny\",b=1i\nm a=2i") == "in/m{a='x\ny',b=1i}");
  CHECK(used == 15);
}

TEST_CASE_FIXTURE(LineProtocolFixture, "bytes that are not UTF-8 are kept") {
  CHECK(text("m a=\"\xff\xfe\"") == "in/m{a='\xff\xfe'}");
}

TEST_CASE_FIXTURE(LineProtocolFixture, "what is not line protocol is refused, up to its newline") {
  for (const char* bad : {"m\n",           "m \n",        " v=1\n",
                          "m v\n",         "m v=\n",      "m =1\n",
                          "m v=1,\n",      "m v=1 x\n",   "m v=1 1 2\n",
                          "m,t v=1\n",     "m,t= v=1\n",  "m,=x v=1\n",
                          "m,t=a=b v=1\n", "m v=1i2\n",   "m v=1x\n",
                          "m v=i\n",       "m v=\"abc\n", "m v=\"a\"b\n",
                          "m v=nan\n",     "m v=inf\n",   "m v=9223372036854775808i\n",
                          "m v=-1u\n",     "m v=1e999\n", ",t=1 v=1\n",
                          "{\"a\":1}\n"}) {
    CAPTURE(bad);
    const std::string reason = text(bad);
    CHECK((reason == "malformed" || reason == "bad_time"));
    CHECK(used == std::string_view(bad).size());
  }
  CHECK(intake.records.empty());
}

TEST_CASE_FIXTURE(LineProtocolFixture, "a tag and a field of one name are a duplicate") {
  CHECK(text("m,a=1 a=2") == "duplicate_field");
}

TEST_CASE_FIXTURE(LineProtocolFixture, "carriage returns end lines too") {
  CHECK(text("m v=1i\r\n") == "in/m{v=1i}");
  CHECK(text("m v=1i 5\r\n") == "in/m{v=1i}");
  CHECK(time() == 5);
}

}  // namespace
}  // namespace pinaflux
