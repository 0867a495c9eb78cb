#include "agent/mask/ff1.h"

#include <set>
#include <string>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

Buffer bytes_of_hex(std::string_view hex) {
  Buffer bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

const char* const kKey256 = "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94";

std::string encrypted(std::size_t key_bytes, std::string_view tweak, std::string digits) {
  const Buffer key = bytes_of_hex(kKey256);
  Ff1(Bytes(key).first(key_bytes)).encrypt(digits, bytes_of_hex(tweak));
  return digits;
}

// NIST, "FF1samples", those of radix 10: 1, 2, 4, 5, 7, 8. Their keys are prefixes of one another.
TEST_CASE("the samples of NIST SP 800-38G") {
  constexpr const char* kTweak = "39383736353433323130";
  CHECK(encrypted(16, "", "0123456789") == "2433477484");
  CHECK(encrypted(16, kTweak, "0123456789") == "6124200773");
  CHECK(encrypted(24, "", "0123456789") == "2830668132");
  CHECK(encrypted(24, kTweak, "0123456789") == "2496655549");
  CHECK(encrypted(32, "", "0123456789") == "6657667009");
  CHECK(encrypted(32, kTweak, "0123456789") == "1001623463");
}

TEST_CASE("every length gives as many digits, another for another key or tweak") {
  for (std::size_t n = Ff1::kDigitsMin; n <= Ff1::kDigitsMax; ++n) {
    CAPTURE(n);
    const std::string plain(n, '9'), once = encrypted(32, "", plain);
    CHECK(once.size() == n);
    CHECK(once.find_first_not_of("0123456789") == std::string::npos);
    CHECK(once != plain);
    CHECK(once != encrypted(16, "", plain));
    CHECK(once != encrypted(32, "00112233445566778899aabbccddeeff", plain));
    CHECK(once == encrypted(32, "", plain));
  }
}

TEST_CASE("no two strings become the same") {
  std::set<std::string> all;
  for (int i = 0; i < 20'000; ++i) {
    std::string digits = std::to_string(i);
    digits.insert(0, Ff1::kDigitsMin - digits.size(), '0');
    all.insert(encrypted(16, "", digits));
  }
  CHECK(all.size() == 20'000);
}

// By another implementation, written from the standard in Python.
TEST_CASE("long and odd lengths are those of another implementation") {
  CHECK(encrypted(32, "", "314159") == "187526");
  CHECK(encrypted(32, "", "3141592") == "8587308");
  CHECK(encrypted(32, "", "3141592653589") == "6015590906636");
  CHECK(encrypted(32, "", "3141592653589793238") == "0676988377247822132");
  CHECK(encrypted(32, "", "3141592653589793238462643") == "7080555957361169163470623");
  CHECK(encrypted(32, "", "31415926535897932384626433832795028841") ==
        "94987051049465509449411647766876543243");
  CHECK(encrypted(32, "", "3141592653589793238462643383279502884197169399375105820") ==
        "6649250980911937404705427186887282550191703303670593351");
  CHECK(encrypted(32, "", "31415926535897932384626433832795028841971693993751058209") ==
        "50827534734774375152219640205393285863789624644453313072");
}

}  // namespace
}  // namespace pinaflux
