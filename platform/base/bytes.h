// Bytes: views of memory that somebody else owns, and the bounded writer and reader of our formats.
//
// Limits     Reader never reads past its view: after the first short read it is failed() and gives
//            zeros. All integers are little-endian; varints are LEB128 (unsigned) and zigzag (signed).
// Threads    Values; any.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace pinaflux {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;
using Buffer = std::vector<std::uint8_t>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline void append(Buffer& to, Bytes bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }
inline void append(Buffer& to, std::string_view text) { append(to, as_bytes(text)); }

// Overwrites memory in a way that the optimiser keeps. For raw values and keys.
void wipe(MutableBytes bytes);

// Of eight bytes at most, the first of most weight: how other people's formats have it.
inline std::uint64_t big_endian(Bytes bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

inline std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
inline std::int64_t unzigzag(std::uint64_t v) {
  return static_cast<std::int64_t>((v >> 1) ^ (~(v & 1) + 1));
}

class Writer {
 public:
  explicit Writer(Buffer& to) : to_(to) {}

  void u8(std::uint8_t v) { to_.push_back(v); }
  void u32(std::uint32_t v) { fixed(v); }
  void u64(std::uint64_t v) { fixed(v); }
  void varint(std::uint64_t v) {
    while (v >= 0x80) {
      to_.push_back(static_cast<std::uint8_t>(v | 0x80));
      v >>= 7;
    }
    to_.push_back(static_cast<std::uint8_t>(v));
  }
  void signed_varint(std::int64_t v) { varint(zigzag(v)); }
  void raw(Bytes bytes) { append(to_, bytes); }
  // Length as varint, then the bytes.
  void text(std::string_view t) {
    varint(t.size());
    append(to_, t);
  }

 private:
  template <class T>
  void fixed(T v) {
    for (std::size_t i = 0; i < sizeof v; ++i) {
      to_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
    }
  }
  Buffer& to_;
};

class Reader {
 public:
  explicit Reader(Bytes from) : from_(from) {}

  bool failed() const { return failed_; }
  void fail() { failed_ = true; }  // What was read makes no sense.
  std::size_t left() const { return from_.size() - at_; }
  std::size_t position() const { return at_; }

  std::uint8_t u8() { return need(1) ? from_[at_++] : std::uint8_t{0}; }
  std::uint32_t u32() { return fixed<std::uint32_t>(); }
  std::uint64_t u64() { return fixed<std::uint64_t>(); }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (!need(1)) return 0;
      const std::uint8_t b = from_[at_++];
      if (shift == 63 && b > 1) break;
      v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
      if ((b & 0x80) == 0) return v;
    }
    failed_ = true;
    return 0;
  }
  std::int64_t signed_varint() { return unzigzag(varint()); }
  Bytes raw(std::size_t n) {
    if (!need(n)) return {};
    at_ += n;
    return from_.subspan(at_ - n, n);
  }
  std::string_view text() { return as_text(raw(static_cast<std::size_t>(varint()))); }

 private:
  bool need(std::size_t n) {
    if (failed_ || n > left()) failed_ = true;
    return !failed_;
  }
  template <class T>
  T fixed() {
    if (!need(sizeof(T))) return 0;
    T v = 0;
    for (std::size_t i = 0; i < sizeof v; ++i) {
      v = static_cast<T>(v | (static_cast<T>(from_[at_ + i]) << (8 * i)));
    }
    at_ += sizeof v;
    return v;
  }
  Bytes from_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace pinaflux
