#include "agent/seal/neighbours.h"

#include "agent/seal/coder.h"

namespace pinaflux::seal {

void Neighbours::begin_table(std::size_t rows) {
  rows_ = rows;
  columns_ = 0;
  classes_.clear();
  known_.clear();
  keys_.clear();
  key_count_ = 0;
}

void Neighbours::begin_column() {
  ++columns_;
  classes_.resize(columns_ * rows_);
  known_.push_back(0);
}

const std::uint8_t* Neighbours::classes(std::size_t distance) const {
  if (distance >= columns_ || known_[columns_ - 1 - distance] == 0) return nullptr;
  return classes_.data() + (columns_ - 1 - distance) * rows_;
}

std::uint8_t* Neighbours::place(std::size_t count) {
  if (rows_ == 0 || count != rows_ || known_.back() != 0) return nullptr;
  known_.back() = 1;
  return classes_.data() + (columns_ - 1) * rows_;
}

void Neighbours::keep(std::size_t count, std::span<const std::uint64_t> misses, unsigned shift) {
  std::uint8_t* to = place(count);
  if (to == nullptr) return;
  to += count - misses.size();
  for (const std::uint64_t miss : misses) *to++ = class_of(miss, shift);
}

void Neighbours::add_key(std::span<const std::uint64_t> numbers, std::size_t entries) {
  if (rows_ == 0 || numbers.size() != rows_) return;
  const std::size_t before = key_count_ == 0 ? 1 : key_count_;
  if (entries > kKeysMax / before) return;
  if (keys_.empty()) keys_.assign(rows_, 0);
  numbers_.assign(before * entries, 0);
  key_count_ = 0;
  for (std::size_t row = 0; row < rows_; ++row) {
    std::uint32_t& number = numbers_[keys_[row] * entries + static_cast<std::size_t>(numbers[row])];
    if (number == 0) number = static_cast<std::uint32_t>(++key_count_);
    keys_[row] = number - 1;
  }
}

std::span<const std::uint32_t> Neighbours::keys(std::size_t count) const {
  return count == rows_ ? std::span(keys_) : std::span<const std::uint32_t>();
}

}  // namespace pinaflux::seal
