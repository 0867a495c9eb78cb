// Detect: personal values inside a text, found by their form: addresses, cards, accounts, vehicles.
//
// Promise    A detector rather takes too much than too little; what each of them takes and leaves is written in
//            README.md. Spans that overlap are one.
// Order      Spans come from left to right.
// Limits     Linear in the text: no character is looked at more than a fixed number of times. No heap.
// Ownership  Finder views the text.
// Threads    Values; any.
// Source     RFC 5322 (e-mail, a part), ISO 13616 (IBAN), ISO/IEC 7812 (card, Luhn), RFC 4291 (IPv6), IEEE 802 (MAC),
//            ISO 3779 (VIN), ITU-T E.164 (phone).
// Tests      tests/agent/mask/detect_test.cc
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "platform/base/text_span.h"

namespace pinaflux {

enum class Detector : std::uint8_t { email, iban, card, ipv4, ipv6, mac, vin, phone };
inline constexpr std::size_t kDetectorCount = 8;
// As the configuration names them, in that order.
inline constexpr std::string_view kDetectorNames = "email|iban|card|ipv4|ipv6|mac|vin|phone";

using DetectorSet = std::uint32_t;  // Bit i: the i-th.
constexpr DetectorSet only(Detector d) { return 1u << static_cast<unsigned>(d); }

class Finder {
 public:
  Finder(DetectorSet detectors, std::string_view text);
  // False: there is none behind those that came.
  bool next(TextSpan& span);

 private:
  void advance(std::size_t detector, std::size_t from);

  std::string_view text_;
  DetectorSet left_;  // Those that may find more.
  std::array<TextSpan, kDetectorCount> ahead_;
};

}  // namespace pinaflux
