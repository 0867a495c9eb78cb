// Numbers as they are, texts and hashes behind their counts.

#include "tests/sim/crash/outcome.h"

#include <cstring>

#include "platform/base/assert.h"

namespace pinaflux::crash {

namespace {

void put(std::string& to, const void* from, std::size_t bytes) {
  to.append(static_cast<const char*>(from), bytes);
}

void put(std::string& to, std::uint64_t number) { put(to, &number, sizeof number); }

void get(std::string_view& from, void* to, std::size_t bytes) {
  ASSERT(bytes <= from.size());
  if (bytes > 0) std::memcpy(to, from.data(), bytes);
  from.remove_prefix(bytes);
}

std::uint64_t number(std::string_view& from) {
  std::uint64_t got = 0;
  get(from, &got, sizeof got);
  return got;
}

}  // namespace

std::string bytes_of(const Outcome& outcome) {
  std::string to;
  put(to, &outcome.tally.counts, sizeof outcome.tally.counts);
  put(to, outcome.tally.failures.size());
  for (const std::string& text : outcome.tally.failures) {
    put(to, text.size());
    put(to, text.data(), text.size());
  }
  put(to, outcome.hashes.size());
  put(to, outcome.hashes.data(), outcome.hashes.size() * sizeof(std::uint64_t));
  return to;
}

Outcome outcome_of(std::string_view bytes) {
  Outcome outcome;
  get(bytes, &outcome.tally.counts, sizeof outcome.tally.counts);
  for (std::uint64_t left = number(bytes); left > 0; --left) {
    std::string& text = outcome.tally.failures.emplace_back(number(bytes), '\0');
    get(bytes, text.data(), text.size());
  }
  outcome.hashes.resize(number(bytes));
  get(bytes, outcome.hashes.data(), outcome.hashes.size() * sizeof(std::uint64_t));
  return outcome;
}

}  // namespace pinaflux::crash
