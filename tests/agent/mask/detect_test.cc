#include "agent/mask/detect.h"

#include <string>

#include <doctest/doctest.h>

#include "platform/base/random.h"

namespace pinaflux {
namespace {

constexpr DetectorSet kAll = (1u << kDetectorCount) - 1;

// The text with what was found in brackets.
std::string found(DetectorSet set, std::string_view text) {
  std::string out;
  std::size_t at = 0;
  Finder finder(set, text);
  for (TextSpan span; finder.next(span); at = span.end) {
    REQUIRE(span.begin >= at);
    REQUIRE(span.end > span.begin);
    REQUIRE(span.end <= text.size());
    out += std::string(text.substr(at, span.begin - at)) + "[" +
           std::string(text.substr(span.begin, span.end - span.begin)) + "]";
  }
  return out + std::string(text.substr(at));
}

void check_whole(Detector d, std::initializer_list<const char*> texts) {
  for (const char* text : texts) {
    CAPTURE(text);
    CHECK(found(only(d), text) == "[" + std::string(text) + "]");
    CHECK(found(only(d), "(" + std::string(text) + ")") == "([" + std::string(text) + "])");
    CHECK(found(only(d), "at " + std::string(text) + ", now") ==
          "at [" + std::string(text) + "], now");
  }
}

void check_none(DetectorSet set, std::initializer_list<const char*> texts) {
  for (const char* text : texts) {
    CAPTURE(text);
    CHECK(found(set, text) == text);
  }
}

TEST_CASE("e-mail addresses") {
  check_whole(Detector::email, {"ada@example.org", "ada.l+x%y@mail.example.co.uk", "A_1-b@x-y.io",
                                "bürger@straße.de", "a@xn--strae-oqa.de", "a@b.c1d"});
  check_none(only(Detector::email),
             {"ada@localhost", "@example.org", "ada@", "ada@.org", "ada@example.", "a@b.c",
              "a@1.2.3.44", "a@b..cd", "ada @example.org", "@@@@@", "user@10.0.0.1"});
  CHECK(found(only(Detector::email), "mailto:ada@x.org. And bob@y.org!") ==
        "mailto:[ada@x.org]. And [bob@y.org]!");
  CHECK(found(only(Detector::email), "to=ada@x.org&cc=bob@y.org") ==
        "to=[ada@x.org]&cc=[bob@y.org]");
  CHECK(found(only(Detector::email), "o'neil@x.com, 'ada@x.org'") ==
        "[o'neil@x.com], '[ada@x.org]'");
  const std::string local(80, 'a');
  CHECK(found(only(Detector::email), local + "@x.org") ==
        std::string(16, 'a') + "[" + std::string(64, 'a') + "@x.org]");
}

TEST_CASE("IBANs: country, length and check digits") {
  // The registry's own examples.
  check_whole(Detector::iban,
              {"DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819",
               "gb29 nwbk 6016 1331 9268 19", "NO9386011117947", "MT84MALT011000012345MTLCAST001S",
               "CH93-0076-2011-6238-5295-7", "FR1420041010050500013M02606"});
  check_none(only(Detector::iban),
             {"DE88370400440532013000", "DE8937040044053201300", "DE893704004405320130001",
              "XX89370400440532013000", "DE8937040044053201300X", "DE89  3704 0044 0532 0130 00",
              "D", "DE", "DE89"});
  CHECK(found(only(Detector::iban), "IBANDE89370400440532013000 to") ==
        "IBAN[DE89370400440532013000] to");
}

TEST_CASE("card numbers: length, Luhn, an issuer's first digit") {
  check_whole(Detector::card,
              {"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "4222222222222",
               "378282246310005", "3782 822463 10005", "30569309025904", "6011000990139424",
               "5555555555554444", "2223003122003222", "6304000000000000", "135410000000009"});
  check_none(only(Detector::card),
             {"4111111111111112", "411111111111111", "1733000000000002", "1733000000005",
              "1733000000000000005", "9111111111111111", "0000000000000000", "411111111111",
              "41111111111111111111", "0.4111111111111111", "41 11 11 11 11 11 11 11",
              "4111  1111 1111 1111"});
  CHECK(found(only(Detector::card), "B4111111111111111^DOE") == "B[4111111111111111]^DOE");
  // What could be several numbers goes as a whole.
  const std::string marked = found(only(Detector::card), "2026-0131 4111 1111 1111 1111 07");
  CHECK(marked.find("4111 1111 1111 1111") != std::string::npos);
  CHECK(marked.find('[') < marked.find("4111"));
}

TEST_CASE("IPv4 addresses are no versions") {
  check_whole(Detector::ipv4, {"10.0.0.1", "255.255.255.255", "0.0.0.0", "192.168.001.017"});
  check_none(only(Detector::ipv4), {"1.2.3", "1.2.3.4.5", "256.1.1.1", "v1.2.3.4", "1.2.3.4a",
                                    "1..2.3.4", "1.2.3.1234", "12.5 13.5 14.5"});
  CHECK(found(only(Detector::ipv4), "http://10.0.0.1:80/x 10.0.0.2.") ==
        "http://[10.0.0.1]:80/x [10.0.0.2].");
  CHECK(found(only(Detector::ipv4), "10.0.0.1..10.0.0.2") == "[10.0.0.1]..[10.0.0.2]");
}

TEST_CASE("IPv6 addresses are no times and no C++ names") {
  check_whole(Detector::ipv6,
              {"2001:db8::1", "::1", "fe80::", "1:2:3:4:5:6:7:8", "2001:DB8:0:0:8:800:200C:417A",
               "::ffff:10.0.0.1", "64:ff9b::192.0.2.33", "1::8", "1:2:3:4:5:6:10.0.0.1"});
  check_none(only(Detector::ipv6), {"12:34:56", "::", "std::vector", "1:2:3:4:5:6:7", "12345::1",
                                    "aa:bb:cc:dd:ee:ff", "x::1g", "a:b"});
  CHECK(found(only(Detector::ipv6), "[2001:db8::1]:443 addr:fe80::1%eth0") ==
        "[[2001:db8::1]]:443 addr:[fe80::1]%eth0");
  CHECK(found(only(Detector::ipv6), "ip.2001:db8::1") == "ip.[2001:db8::1]");
}

TEST_CASE("MAC addresses") {
  check_whole(Detector::mac, {"00:15:8d:00:01:ab", "AA-BB-CC-DD-EE-FF", "00:15:8d:00:02:7c:9d:11",
                              "0015.8d00.01ab"});
  check_none(only(Detector::mac), {"00:15:8d:00:01", "00:15:8d:00:01:ag", "00:15:8d:00:01:ab:cd",
                                   "00158d0001ab", "00:15-8d:00:01:ab", "2026-01-31",
                                   "01:02:03:04:05:06:07:08:09:0a", "a0:15:8d:00:01:abc"});
  const auto macs = [](const char* text) { return found(only(Detector::mac), text); };
  CHECK(macs("mac:aa:bb:cc:dd:ee:ff!") == "mac:[aa:bb:cc:dd:ee:ff]!");
  CHECK(macs("node-01-AA:BB:CC:DD:EE:FF") == "node-01-[AA:BB:CC:DD:EE:FF]");
  CHECK(macs("a1-00:11:22:33:44:55") == "a1-[00:11:22:33:44:55]");
  CHECK(macs("id:12-aabb.ccdd.eeff") == "id:12-[aabb.ccdd.eeff]");
  CHECK(macs("mac-0a-1122.3344.5566") == "mac-0a-[1122.3344.5566]");
  CHECK(macs("12:AA-BB-CC-DD-EE-FF") == "12:[AA-BB-CC-DD-EE-FF]");
}

TEST_CASE("vehicle numbers") {
  check_whole(Detector::vin, {"WVWZZZ1JZ3W386752", "1M8GDM9AXKP042788", "wvwzzz1jz3w386752"});
  check_none(only(Detector::vin), {"WVWZZZ1JZ3W38675", "WVWZZZ1JZ3W3867522", "WVWZZZIJZ3W386752",
                                   "12345678901234567", "WVWZZZ1JZ3W38675X"});
}

TEST_CASE("phone numbers begin with '+' and a country") {
  check_whole(Detector::phone, {"+49301234567", "+49 30 1234567", "+1-212-555-1234",
                                "+1.212.555.1234", "+44 (0)20 7946 0958", "+43/1/2345678"});
  check_none(only(Detector::phone), {"0301234567", "+1234567", "+01234567890", "+12345678.5",
                                     "+1234567890123456", "1+23456789", "2026-01-31T12:00:00+01:00",
                                     "1733000000000", "+49 30 123", "5e+10000000", "+1234567.8"});
}

TEST_CASE("what stands behind a phone number does not hide it") {
  const auto phones = [](const char* text) { return found(only(Detector::phone), text); };
  CHECK(phones("call +4930123456 8am") == "call [+4930123456 8]am");
  CHECK(phones("+49 30 1234567x890") == "[+49 30 1234567]x890");
  CHECK(phones("+1 555 123 4567ext. 5") == "[+1 555 123 4567]ext. 5");
  CHECK(phones("+49 30 1234567 3rd floor") == "[+49 30 1234567 3]rd floor");
  CHECK(phones("Tel. +49 30 12345678. 24 hours") == "Tel. [+49 30 12345678. 24] hours");
  CHECK(phones("+4930123456. 24 hours") == "[+4930123456. 24] hours");
  CHECK(phones("+49 30 123456. 7") == "[+49 30 123456. 7]");
  CHECK(phones("+49 30.1234567") == "[+49 30.1234567]");
  CHECK(phones("+49 30 1234567 1234567890") == "[+49 30 1234567] 1234567890");
}

TEST_CASE("what overlaps is one, and detectors find each their own") {
  CHECK(found(kAll, "ada@x.org 10.0.0.1 +49301234567") == "[ada@x.org] [10.0.0.1] [+49301234567]");
  CHECK(found(kAll, "::ffff:10.0.0.1") == "[::ffff:10.0.0.1]");
  CHECK(found(kAll, "+49301234567@x.org") == "[+49301234567@x.org]");
  CHECK(found(kAll, "") == "");
  CHECK(found(0, "ada@x.org") == "ada@x.org");
}

TEST_CASE("any text is looked at without harm, and what is found is in order") {
  constexpr std::string_view kFrom = "0123456789abcdfAFDEGB:.-@+ ()/\xc3\xbc";
  Random random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::size_t size = random.below(64); size > 0; --size)
      text += kFrom[random.below(kFrom.size())];
    found(kAll, text);
  }
}

}  // namespace
}  // namespace pinaflux
