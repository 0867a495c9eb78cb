// Reading a column (column.cc tells how it is written). Nothing in it is believed: every count is
// known from the rows before the first byte is read, and every length is compared with the bytes
// that are left.

#include <algorithm>

#include "agent/seal/column.h"
#include "agent/seal/kinds.h"

namespace pinaflux::seal {

namespace {

constexpr std::uint8_t kTypeLast = static_cast<std::uint8_t>(Type::bytes);

Value number_of(double v) {
  return is_whole(v) ? Value::int64(static_cast<std::int64_t>(v)) : Value::float64(v);
}

}  // namespace

Read ColumnReader::read(Reader& from, std::span<Value* const> cells, Arena& arena) {
  neighbours_.begin_column();
  const std::uint8_t kind = from.u8();
  if (from.failed()) return Read::damaged;
  if (kind != kKindMixed) return read_kind(from, kind, cells, arena);
  kinds_.resize(cells.size());
  if (const Read r = integers_.read(from, kinds_); r != Read::ok) return r;
  unsigned mask = 0;
  for (std::uint64_t k : kinds_) {
    if (k > kKindNumber) return Read::newer;
    mask |= 1u << k;
  }
  for (std::uint8_t k = 0; k <= kKindNumber; ++k) {
    if ((mask >> k & 1) == 0) continue;
    some_.clear();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (kinds_[i] == k) some_.push_back(cells[i]);
    }
    if (const Read r = read_kind(from, k, some_, arena); r != Read::ok) return r;
  }
  return Read::ok;
}

Read ColumnReader::read_kind(Reader& from, std::uint8_t kind, std::span<Value* const> cells,
                             Arena& arena) {
  if (kind > kTypeLast && kind != kKindNumber) return Read::newer;
  const auto type = static_cast<Type>(kind);
  if (type == Type::absent || type == Type::null) {
    for (Value* cell : cells) *cell = type == Type::null ? Value::null() : Value();
    return Read::ok;
  }
  if (type == Type::text || type == Type::bytes) return read_texts(from, kind, cells, arena);
  if (type == Type::float64 || kind == kKindNumber) {
    if (const Read r = read_doubles(from, cells.size()); r != Read::ok) return r;
    const std::uint64_t* bits = first_.data();
    for (Value* cell : cells) {
      const double v = double_of(*bits++);
      *cell = kind == kKindNumber ? number_of(v) : Value::float64(v);
    }
    return Read::ok;
  }
  first_.resize(cells.size());
  if (const Read r = integers_.read(from, first_); r != Read::ok) return r;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::uint64_t v = first_[i];
    if (type == Type::boolean && v > 1) return Read::damaged;
    *cells[i] = type == Type::boolean ? Value::boolean(v != 0)
                : type == Type::int64 ? Value::int64(static_cast<std::int64_t>(v))
                                      : Value::uint64(v);
  }
  return Read::ok;
}

// Leaves the bits of `count` doubles in first_.
Read ColumnReader::read_doubles(Reader& from, std::size_t count) {
  first_.resize(count);
  const std::uint8_t mode = from.u8();
  if (from.failed()) return Read::damaged;
  if (mode == kPrintedFloats || mode == kPrintedSteps)
    return read_printed(from, mode == kPrintedFloats);
  const bool is_decimal = mode >= kDecimal && mode <= kDecimal + kScaleMax;
  if (mode != kBits64 && mode != kBits32 && !is_decimal) return Read::newer;
  if (const Read r = integers_.read(from, first_); r != Read::ok) return r;
  if (is_decimal) return read_decimals(from, mode - kDecimal);
  return mode == kBits32 ? read_bits32() : Read::ok;
}

Read ColumnReader::read_bits32() {
  for (std::uint64_t& v : first_) {
    if (v >> 32 != 0) return Read::damaged;
    v = bits_of(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(v))));
  }
  return Read::ok;
}

Read ColumnReader::read_decimals(Reader& from, int scale) {
  second_.resize(first_.size());
  if (const Read r = integers_.read(from, second_); r != Read::ok) return r;
  const std::uint64_t* k = second_.data();
  for (std::uint64_t& v : first_) v = bits_of(decimal(static_cast<std::int64_t>(v), scale)) + *k++;
  return Read::ok;
}

Read ColumnReader::read_printed(Reader& from, bool single) {
  Printing how{
      .single = single, .digits = from.u8(), .decimals = from.u8(), .step = double_of(from.u64())};
  if (from.failed() || how.digits > kDigitsMax || how.decimals > kScaleMax) return Read::damaged;
  const bool wrong = single && how.step != 0;
  second_.resize(first_.size());
  if (const Read r = integers_.read(from, first_); r != Read::ok) return r;
  if (wrong) {
    third_.resize(first_.size());
    if (const Read r = integers_.read(from, third_); r != Read::ok) return r;
  }
  if (const Read r = integers_.read(from, second_); r != Read::ok) return r;
  const Printer printed(how);
  const auto give_back = [&](auto value_of) {
    for (std::size_t i = 0; i < first_.size(); ++i)
      first_[i] = bits_of(printed(value_of(i))) + second_[i];
  };
  const std::uint64_t* const first = first_.data();
  const std::uint64_t* const misses = third_.data();
  if (how.step == 0 && single) {
    give_back([first](std::size_t i) { return static_cast<double>(float_of(first[i])); });
  } else if (wrong) {
    give_back([&](std::size_t i) {
      const auto whole = static_cast<float>(stepped(first[i], how));
      if (misses[i] == 0) return static_cast<double>(whole);
      const auto order = static_cast<std::uint64_t>(order_of(whole)) + misses[i];
      return static_cast<double>(float_of(order));
    });
  } else {
    give_back([&](std::size_t i) { return stepped(first[i], how); });
  }
  return Read::ok;
}

// `count` texts to entries_: their lengths, then all their bytes. One copy in the arena each.
Read ColumnReader::take_texts(Reader& from, std::size_t count, Arena& arena) {
  second_.resize(count);
  if (const Read r = integers_.read(from, second_); r != Read::ok) return r;
  entries_.clear();
  for (std::uint64_t size : second_) {
    if (size > from.left()) return Read::damaged;
    entries_.push_back(arena.copy(as_text(from.raw(static_cast<std::size_t>(size)))));
    if (entries_.back().data() == nullptr) return Read::no_memory;
  }
  return Read::ok;
}

Read ColumnReader::read_texts(Reader& from, std::uint8_t kind, std::span<Value* const> cells,
                              Arena& arena) {
  const auto value_of = [kind](std::string_view t) {
    return kind == static_cast<std::uint8_t>(Type::text) ? Value::text(t)
                                                         : Value::bytes(as_bytes(t));
  };
  const std::uint8_t mode = from.u8();
  if (from.failed()) return Read::damaged;
  if (mode != kTextsPlain && mode != kTextsDictionary) return Read::newer;
  const std::uint64_t count = mode == kTextsPlain ? cells.size() : from.varint();
  if (from.failed() || count > cells.size()) return Read::damaged;
  if (const Read r = take_texts(from, static_cast<std::size_t>(count), arena); r != Read::ok)
    return r;
  if (mode == kTextsPlain) {
    for (std::size_t i = 0; i < cells.size(); ++i) *cells[i] = value_of(entries_[i]);
    return Read::ok;
  }
  first_.resize(cells.size());
  if (const Read r = integers_.read(from, first_); r != Read::ok) return r;
  if (std::ranges::any_of(first_, [&](auto n) { return n >= entries_.size(); }))
    return Read::damaged;
  neighbours_.add_key(first_, entries_.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    *cells[i] = value_of(entries_[static_cast<std::size_t>(first_[i])]);
  }
  return Read::ok;
}

}  // namespace pinaflux::seal
