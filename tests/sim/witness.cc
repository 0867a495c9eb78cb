#include "tests/sim/witness.h"

#include <algorithm>
#include <utility>

namespace pinaflux::tests {

namespace {

constexpr std::size_t kAccusationsMax = 20;

bool has_canary(std::string_view text) {
  return text.find(Witness::kCanary) != std::string_view::npos;
}

}  // namespace

void Witness::allow(const std::string& from, const std::string& to) {
  allowed_.push_back({from, to});
}

bool Witness::allowed(const std::string& from, const std::string& to) const {
  return std::ranges::any_of(allowed_,
                             [&](const Pair& pair) { return pair.from == from && pair.to == to; });
}

void Witness::sent(const std::string& from, const std::string& to, Bytes bytes) {
  bytes_seen_ += bytes.size();
  if (!counted_.empty() && as_text(bytes).contains(counted_)) ++count_;
  if (has_canary(as_text(bytes)) && !allowed(from, to)) {
    accuse("a masked value went from " + from + " to " + to);
  }
}

void Witness::written(const std::string& machine, const sim::Operation& operation) {
  if (operation.bytes == nullptr) return;
  bytes_seen_ += operation.bytes->size();
  if (has_canary(as_text(*operation.bytes))) {
    accuse("a masked value was written to the disk of " + machine);
  }
}

void Witness::logged(const std::string& machine, std::string_view line) {
  if (has_canary(line)) accuse("a masked value stands in a log line of " + machine);
}

void Witness::accuse(std::string what) {
  if (accusations_.size() < kAccusationsMax && !std::ranges::contains(accusations_, what)) {
    accusations_.push_back(std::move(what));
  }
}

}  // namespace pinaflux::tests
