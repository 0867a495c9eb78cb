#include "tests/sim/ledger.h"

#include <algorithm>
#include <utility>

#include "platform/base/assert.h"
#include "platform/base/text.h"
#include "tests/sim/witness.h"

namespace pinaflux::tests {

std::uint32_t Ledger::join(std::string name) {
  producers_.push_back({std::move(name), {}});
  return producers() - 1;
}

std::uint32_t Ledger::next(std::uint32_t producer) {
  auto& entries = producers_[producer].entries;
  entries.emplace_back().span.sent = now_();
  return static_cast<std::uint32_t>(entries.size() - 1);
}

void Ledger::acknowledged(std::uint32_t producer, std::uint32_t number, bool direct) {
  Entry& entry = producers_[producer].entries.at(number);
  if (direct && entry.fate == Fate::unknown) entry.span.acknowledged = now_();
  entry.fate = Fate::acknowledged;
}

std::int64_t Ledger::value(std::uint32_t producer, std::uint32_t number) {
  const std::uint64_t both = (static_cast<std::uint64_t>(producer) << 32 | number) + 1;
  return static_cast<std::int64_t>((both * 0x9e3779b97f4a7c15u) >> 40);
}

std::string Ledger::json(std::uint32_t producer, std::uint32_t number, std::string_view padding) {
  std::string text = R"({"p":)";
  append_unsigned(text, producer);
  text += R"(,"n":)";
  append_unsigned(text, number);
  text += R"(,"v":)";
  append_integer(text, value(producer, number));
  text += R"(,"secret":")";
  text += Witness::kCanary;
  append_unsigned(text, number % 7);
  text += R"(","user":")";
  text += Witness::kCanary;
  append_unsigned(text, number % 5);
  text += R"(","site":{"person":")";
  text += Witness::kCanary;
  text += R"("})";
  if (!padding.empty()) {
    text += R"(,"padding":")";
    text += padding;
    text += '"';
  }
  text += '}';
  return text;
}

std::string Ledger::landed(std::int64_t producer, std::int64_t number, std::int64_t value) {
  const std::string which =
      "record " + std::to_string(number) + " of producer " + std::to_string(producer);
  if (producer < 0 || producer >= producers()) return which + " landed, and there is no such one";
  auto& entries = producers_[static_cast<std::size_t>(producer)].entries;
  if (number < 0 || static_cast<std::size_t>(number) >= entries.size()) {
    return which + " landed, and was never sent";
  }
  Entry& entry = entries[static_cast<std::size_t>(number)];
  if (std::exchange(entry.landed, true)) return which + " landed twice";
  if (value !=
      Ledger::value(static_cast<std::uint32_t>(producer), static_cast<std::uint32_t>(number))) {
    return which + " landed with another value";
  }
  return {};
}

Ledger::Span Ledger::span(std::int64_t producer, std::int64_t number) const {
  const Producer& its = producers_.at(static_cast<std::size_t>(producer));
  return its.entries.at(static_cast<std::size_t>(number)).span;
}

bool Ledger::has_landed(std::int64_t producer, std::int64_t number) const {
  if (producer < 0 || producer >= producers()) return false;
  const auto& entries = producers_[static_cast<std::size_t>(producer)].entries;
  return number >= 0 && static_cast<std::size_t>(number) < entries.size() &&
         entries[static_cast<std::size_t>(number)].landed;
}

Ledger::Tally Ledger::landed_of(std::uint32_t first, std::uint32_t end) const {
  Tally tally;
  for (std::uint32_t producer = first; producer < end; ++producer) {
    const auto& entries = producers_[producer].entries;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (!entries[i].landed) continue;
      ++tally.count;
      tally.numbers += static_cast<std::int64_t>(i);
    }
  }
  return tally;
}

std::uint64_t Ledger::sent() const {
  std::uint64_t sum = 0;
  for (const Producer& producer : producers_) sum += producer.entries.size();
  return sum;
}

std::uint64_t Ledger::acknowledged() const {
  std::uint64_t sum = 0;
  for (const Producer& producer : producers_) {
    sum += static_cast<std::uint64_t>(
        std::ranges::count(producer.entries, Fate::acknowledged, &Entry::fate));
  }
  return sum;
}

std::uint64_t Ledger::landed() const {
  std::uint64_t sum = 0;
  for (const Producer& producer : producers_) {
    sum += static_cast<std::uint64_t>(std::ranges::count(producer.entries, true, &Entry::landed));
  }
  return sum;
}

Ledger::Poison Ledger::missing_poison(std::uint32_t producer) const {
  Poison poison;
  const auto& entries = producers_[producer].entries;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!is_poison(i) || entries[i].landed) continue;
    ++poison.sent;
    if (entries[i].fate == Fate::acknowledged) ++poison.acknowledged;
  }
  return poison;
}

std::uint64_t Ledger::missing(std::uint32_t producer, bool poisoned, std::string& which) const {
  std::uint64_t count = 0;
  const auto& entries = producers_[producer].entries;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].fate != Fate::acknowledged || entries[i].landed) continue;
    if (poisoned && is_poison(i)) continue;
    if (++count > 5) continue;
    which += ' ';
    append_unsigned(which, i);
  }
  return count;
}

}  // namespace pinaflux::tests
