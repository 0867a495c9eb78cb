#include "agent/seal/column.h"

// A column begins with its types: one type for all cells, or runs of (type, length) where they change.
// Then come the values of each kind that occurs, in row order: booleans as bits, integers (int64, and
// uint64 as its bits) as one integer column, doubles, texts (with bytes) as a dictionary or as lengths
// and characters.
//
// A double that was typed, printed or scaled by a sensor is a short decimal: v is written as the integer
// m with v == m / 10^e for one e of the column, tested with the correctly rounded division and a
// comparison of bits, so that -0.0, NaN and 0.1+0.2 fail the test. A column with a few such misfits lists
// them apart; a column of misfits is written as byte planes (all first bytes, all second bytes, ...).

#include <array>
#include <bit>
#include <cmath>

#include "agent/seal/integers.h"

namespace pinaflux::seal {

namespace {

constexpr std::uint8_t kTypesInRuns = 0x80;
constexpr int kScaleMax = 15;
constexpr double kMantissaMax = 9007199254740992.0;  // 2^53: integers are exact up to here.
constexpr std::array<double, kScaleMax + 1> kPower = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                      1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
enum DoubleMode : std::uint8_t { kDecimal = 0, kPlanes = 1 };
enum TextMode : std::uint8_t { kLengths = 0, kDictionary = 1 };

bool decimal(double v, int scale, std::int64_t& mantissa) {
  const double m = std::nearbyint(v * kPower[static_cast<std::size_t>(scale)]);
  if (!(std::fabs(m) <= kMantissaMax)) return false;
  const auto whole = static_cast<std::int64_t>(m);  // Loses the sign of -0.0: the test below sees it.
  const double back = static_cast<double>(whole) / kPower[static_cast<std::size_t>(scale)];
  if (std::bit_cast<std::uint64_t>(back) != std::bit_cast<std::uint64_t>(v)) return false;
  mantissa = whole;
  return true;
}

// The smallest scale that fits v, from `low` upward; -1 if none does.
int scale_of(double v, int low) {
  std::int64_t m;
  for (int scale = low; scale <= kScaleMax; ++scale) {
    if (decimal(v, scale, m)) return scale;
  }
  return -1;
}

bool is_integer(Type t) { return t == Type::int64 || t == Type::uint64; }

void write_booleans(std::span<const Value> cells, Writer& to) {
  std::uint8_t byte = 0;
  unsigned bits = 0;
  for (const Value& v : cells) {
    if (v.type() != Type::boolean) continue;
    byte = static_cast<std::uint8_t>(byte | (v.as_boolean() ? 1u << bits : 0u));
    if (++bits == 8) {
      to.u8(byte);
      byte = 0;
      bits = 0;
    }
  }
  if (bits > 0) to.u8(byte);
}

}  // namespace

void ColumnWriter::write_types(std::span<const Value> cells, Writer& to) {
  std::size_t same = 0;
  while (same < cells.size() && cells[same].type() == cells[0].type()) ++same;
  if (same == cells.size()) {
    to.u8(cells.empty() ? 0 : static_cast<std::uint8_t>(cells[0].type()));
    return;
  }
  to.u8(kTypesInRuns);
  for (std::size_t i = 0; i < cells.size();) {
    std::size_t end = i;
    while (end < cells.size() && cells[end].type() == cells[i].type()) ++end;
    to.u8(static_cast<std::uint8_t>(cells[i].type()));
    to.varint(end - i);
    i = end;
  }
}

void ColumnWriter::write(std::span<const Value> cells, int& scale_hint, Writer& to) {
  integers_.clear();
  doubles_.clear();
  texts_.clear();
  bool booleans = false;
  for (const Value& v : cells) {
    if (is_integer(v.type())) integers_.push_back(v.as_int64());
    if (v.type() == Type::float64) doubles_.push_back(v.as_float64());
    if (v.is_view()) texts_.push_back(v.as_text());
    booleans = booleans || v.type() == Type::boolean;
  }
  write_types(cells, to);
  if (booleans) write_booleans(cells, to);
  if (!integers_.empty()) write_integers(integers_, to);
  if (!doubles_.empty()) write_doubles(scale_hint, to);
  if (!texts_.empty()) write_texts(to);
}

// Misfits are numbered by their distance from the one before; where more than a quarter misfit, planes.
void ColumnWriter::write_doubles(int& scale_hint, Writer& to) {
  int scale = scale_hint;
  for (double v : doubles_) {
    std::int64_t m;
    if (decimal(v, scale, m)) continue;
    if (const int larger = scale_of(v, scale); larger >= 0) scale = larger;
  }
  integers_.clear();
  std::vector<std::uint32_t> misfits;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < doubles_.size(); ++i) {
    std::int64_t m = last;
    if (!decimal(doubles_[i], scale, m)) misfits.push_back(static_cast<std::uint32_t>(i));
    integers_.push_back(m);
    last = m;
  }
  if (misfits.size() * 4 > doubles_.size()) {
    to.u8(kPlanes);
    for (unsigned plane = 0; plane < 8; ++plane) {
      for (double v : doubles_) {
        to.u8(static_cast<std::uint8_t>(std::bit_cast<std::uint64_t>(v) >> (56 - 8 * plane)));
      }
    }
    scale_hint = 0;
    return;
  }
  scale_hint = scale;
  to.u8(kDecimal);
  to.u8(static_cast<std::uint8_t>(scale));
  to.varint(misfits.size());
  std::uint32_t previous = 0;
  for (std::uint32_t i : misfits) {
    to.varint(i - previous);
    to.u64(std::bit_cast<std::uint64_t>(doubles_[i]));
    previous = i;
  }
  write_integers(integers_, to);
}

void ColumnWriter::write_texts(Writer& to) {
  dictionary_.clear();
  integers_.clear();
  std::vector<std::string_view> entries;
  for (std::string_view t : texts_) {
    const auto [at, added] = dictionary_.emplace(t, static_cast<std::int64_t>(entries.size()));
    if (added) entries.push_back(t);
    integers_.push_back(at->second);
  }
  if (entries.size() * 2 <= texts_.size() || entries.size() == 1) {
    to.u8(kDictionary);
    to.varint(entries.size());
    for (std::string_view e : entries) to.text(e);
    if (entries.size() > 1) write_integers(integers_, to);
    return;
  }
  to.u8(kLengths);
  integers_.clear();
  for (std::string_view t : texts_) integers_.push_back(static_cast<std::int64_t>(t.size()));
  write_integers(integers_, to);
  for (std::string_view t : texts_) to.raw(as_bytes(t));
}

namespace {

// Reading: what is known after the types.
struct Counts {
  std::size_t booleans = 0, integers = 0, doubles = 0, texts = 0;
};

bool read_types(Reader& from, Value* cells, std::size_t count, std::size_t stride, Counts& counts) {
  const auto put = [&](std::size_t begin, std::size_t n, std::uint8_t type) {
    if (type > static_cast<std::uint8_t>(Type::bytes)) return false;
    const auto t = static_cast<Type>(type);
    if (t == Type::boolean) counts.booleans += n;
    if (is_integer(t)) counts.integers += n;
    if (t == Type::float64) counts.doubles += n;
    if (t == Type::text || t == Type::bytes) counts.texts += n;
    for (std::size_t i = begin; i < begin + n; ++i) cells[i * stride] = Value::placeholder(t);
    return true;
  };
  const std::uint8_t head = from.u8();
  if (head != kTypesInRuns) return put(0, count, head);
  for (std::size_t i = 0; i < count;) {
    const std::uint8_t type = from.u8();
    const std::uint64_t n = from.varint();
    if (from.failed() || n == 0 || n > count - i || !put(i, static_cast<std::size_t>(n), type)) {
      return false;
    }
    i += static_cast<std::size_t>(n);
  }
  return true;
}

// Calls fill(cell, i) for the cells whose type is wanted, in order.
template <class Wanted, class Fill>
void for_each_of(Value* cells, std::size_t count, std::size_t stride, Wanted wanted, Fill fill) {
  std::size_t i = 0;
  for (std::size_t row = 0; row < count; ++row) {
    Value& cell = cells[row * stride];
    if (wanted(cell.type())) fill(cell, i++);
  }
}

constexpr auto kIsDouble = [](Type t) { return t == Type::float64; };
constexpr auto kIsText = [](Type t) { return t == Type::text || t == Type::bytes; };
constexpr auto kIsBoolean = [](Type t) { return t == Type::boolean; };

void read_doubles(Reader& from, Value* cells, std::size_t count, std::size_t stride,
                  std::size_t doubles, std::vector<std::int64_t>& scratch) {
  const std::uint8_t mode = from.u8();
  if (mode == kPlanes) {
    const Bytes planes = doubles > from.left() / 8 ? Bytes() : from.raw(doubles * 8);
    if (planes.size() != doubles * 8) return from.fail();
    for_each_of(cells, count, stride, kIsDouble, [&](Value& cell, std::size_t i) {
      std::uint64_t bits = 0;
      for (std::size_t plane = 0; plane < 8; ++plane) bits = bits << 8 | planes[plane * doubles + i];
      cell = Value::float64(std::bit_cast<double>(bits));
    });
    return;
  }
  const std::uint8_t scale = from.u8();
  const std::uint64_t misfit_count = from.varint();
  if (mode != kDecimal || scale > kScaleMax || misfit_count > doubles) return from.fail();
  std::vector<std::pair<std::size_t, double>> misfits;
  std::uint64_t at = 0;
  for (std::uint64_t n = 0; n < misfit_count; ++n) {
    at += from.varint();
    const double v = std::bit_cast<double>(from.u64());
    if (from.failed() || at >= doubles) return from.fail();
    misfits.emplace_back(static_cast<std::size_t>(at), v);
  }
  scratch.resize(doubles);
  read_integers(from, scratch);
  std::size_t next = 0;
  for_each_of(cells, count, stride, kIsDouble, [&](Value& cell, std::size_t i) {
    cell = Value::float64(static_cast<double>(scratch[i]) / kPower[scale]);
    if (next < misfits.size() && misfits[next].first == i) {
      cell = Value::float64(misfits[next++].second);
    }
  });
}

Value text_or_bytes(Type type, std::string_view t) {
  return type == Type::text ? Value::text(t) : Value::bytes(as_bytes(t));
}

bool read_dictionary(Reader& from, Value* cells, std::size_t count, std::size_t stride,
                     std::size_t texts, Arena& arena, std::vector<std::int64_t>& scratch) {
  const std::uint64_t size = from.varint();
  if (size == 0 || size > texts || size > from.left()) {
    from.fail();
    return true;
  }
  std::vector<std::string_view> entries;
  for (std::uint64_t n = 0; n < size; ++n) {
    entries.push_back(arena.copy(from.text()));
    if (entries.back().data() == nullptr) return false;
  }
  scratch.assign(texts, 0);
  if (size > 1) read_integers(from, scratch);
  for_each_of(cells, count, stride, kIsText, [&](Value& cell, std::size_t i) {
    if (scratch[i] < 0 || static_cast<std::uint64_t>(scratch[i]) >= size) return from.fail();
    cell = text_or_bytes(cell.type(), entries[static_cast<std::size_t>(scratch[i])]);
  });
  return true;
}

bool read_texts(Reader& from, Value* cells, std::size_t count, std::size_t stride,
                std::size_t texts, Arena& arena, std::vector<std::int64_t>& scratch) {
  const std::uint8_t mode = from.u8();
  if (mode == kDictionary) {
    return read_dictionary(from, cells, count, stride, texts, arena, scratch);
  }
  if (mode != kLengths) from.fail();
  if (from.failed()) return true;
  scratch.resize(texts);
  read_integers(from, scratch);
  std::uint64_t total = 0;
  for (std::int64_t n : scratch) {
    if (n < 0 || static_cast<std::uint64_t>(n) > from.left()) return from.fail(), true;
    total += static_cast<std::uint64_t>(n);
  }
  if (from.failed() || total > from.left()) return from.fail(), true;
  const std::string_view all = arena.copy(as_text(from.raw(static_cast<std::size_t>(total))));
  if (all.data() == nullptr) return false;
  std::size_t at = 0;
  for_each_of(cells, count, stride, kIsText, [&](Value& cell, std::size_t i) {
    const auto n = static_cast<std::size_t>(scratch[i]);
    cell = text_or_bytes(cell.type(), all.substr(at, n));
    at += n;
  });
  return true;
}

}  // namespace

bool read_column(Reader& from, Value* cells, std::size_t count, std::size_t stride, Arena& arena,
                 std::vector<std::int64_t>& scratch) {
  Counts counts;
  if (!read_types(from, cells, count, stride, counts)) from.fail();
  // Every value takes at least a bit; a count beyond that is damage, whatever it says.
  if (counts.booleans / 8 > from.left()) from.fail();
  if (from.failed()) return true;
  if (counts.booleans > 0) {
    const Bytes bits = from.raw((counts.booleans + 7) / 8);
    if (from.failed()) return true;
    for_each_of(cells, count, stride, kIsBoolean, [&](Value& cell, std::size_t i) {
      cell = Value::boolean((bits[i / 8] >> (i % 8) & 1) != 0);
    });
  }
  if (counts.integers > 0) {
    scratch.resize(counts.integers);
    read_integers(from, scratch);
    for_each_of(cells, count, stride, is_integer, [&](Value& cell, std::size_t i) {
      cell = cell.type() == Type::int64 ? Value::int64(scratch[i])
                                        : Value::uint64(static_cast<std::uint64_t>(scratch[i]));
    });
  }
  if (counts.doubles > 0 && !from.failed()) {
    read_doubles(from, cells, count, stride, counts.doubles, scratch);
  }
  if (counts.texts > 0 && !from.failed()) {
    return read_texts(from, cells, count, stride, counts.texts, arena, scratch);
  }
  return true;
}

}  // namespace pinaflux::seal
