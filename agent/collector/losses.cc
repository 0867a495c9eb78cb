// A tombstone is an envelope without records. `through` is the lane's chain behind the last range that
// it declares (the hash of the envelope that was lost), so the chain can be followed over the hole.

#include "agent/collector/losses.h"

#include <algorithm>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::size_t kReasonBytesMax = 64;

bool is_reason(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= kReasonBytesMax && std::ranges::all_of(text, fits);
}

Result<Declaration> parse(std::string_view text) {
  const std::size_t dash = text.find('-');
  const std::size_t colon = text.find(':');
  const auto bad = [] {
    return fail(Code::invalid, "the header declares a loss that is no range");
  };
  if (dash == std::string_view::npos || colon == std::string_view::npos || colon < dash)
    return bad();
  const auto first = parse_integer<std::uint64_t>(text.substr(0, dash));
  const auto last = parse_integer<std::uint64_t>(text.substr(dash + 1, colon - dash - 1));
  const std::string_view reason = text.substr(colon + 1);
  if (!first || !last || *first == 0 || *last < *first || *last > Ledger::kSeqMax ||
      !is_reason(reason)) {
    return bad();
  }
  return Declaration{{*first, *last}, std::string(reason), kNoDigest, kNoDigest};
}

}  // namespace

Result<std::vector<Declaration>> losses(const Header& header) {
  std::vector<Declaration> all;
  Digest through = kNoDigest;
  for (const auto& [key, value] : header.extra) {
    if (key == "through" && !unhex(value, through)) {
      return fail(Code::invalid, "the header's chain is no hash");
    }
    if (key != "lost") continue;
    Split parts(value, ',');
    for (std::string_view part; parts.next(part);) {
      Result<Declaration> one = parse(part);
      if (!one) return std::unexpected(one.error());
      if (!all.empty() && one->range.first != all.back().range.last + 1)
        return fail(Code::invalid, "the header declares losses that do not follow each other");
      if (all.size() >= kLossesMax)
        return fail(Code::invalid, "the header declares too many losses");
      all.push_back(std::move(*one));
    }
  }
  if (all.empty()) return all;
  all.front().previous = header.previous;
  all.back().through = through;
  return all;
}

}  // namespace pinaflux
