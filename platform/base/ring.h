// Ring: a first-in-first-out queue with a capacity that is taken once and never grows.
//
// Limits     The capacity given; push() says false beyond it.
// Ownership  Values; a popped element is destroyed at once.
// Threads    One owner at a time.
// Tests      tests/platform/base/ring_test.cc
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "platform/base/assert.h"

namespace pinaflux {

template <class T>
class Ring {
 public:
  explicit Ring(std::size_t capacity) : slots_(capacity) {}

  std::size_t size() const { return size_; }
  std::size_t capacity() const { return slots_.size(); }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == slots_.size(); }

  [[nodiscard]] bool push(T value) {
    if (full()) return false;
    slots_[slot(size_)] = std::move(value);
    ++size_;
    return true;
  }
  T pop() {
    ASSERT(!empty());
    T value = std::exchange(slots_[first_], T{});
    first_ = slot(1);
    --size_;
    return value;
  }
  void clear() {
    while (!empty()) (void)pop();
  }

  // Oldest first.
  T& operator[](std::size_t index) {
    ASSERT(index < size_);
    return slots_[slot(index)];
  }
  const T& operator[](std::size_t index) const {
    ASSERT(index < size_);
    return slots_[slot(index)];
  }
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }

 private:
  std::size_t slot(std::size_t index) const {
    const std::size_t at = first_ + index;
    return at < slots_.size() ? at : at - slots_.size();
  }
  std::vector<T> slots_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace pinaflux
