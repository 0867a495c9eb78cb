// Reading a series (integers.cc tells how it is written).

#include <algorithm>

#include "agent/seal/integers.h"

namespace pinaflux::seal {

namespace {

void read_varints(Reader& from, std::span<std::uint64_t> misses) {
  for (std::uint64_t& m : misses) m = from.varint();
}

void read_planes(Reader& from, std::span<std::uint64_t> misses) {
  const unsigned width = from.u8();
  if (width == 0 || width > 8 || misses.size() > from.left() / width) return from.fail();
  std::ranges::fill(misses, 0);
  for (unsigned plane = 0; plane < width; ++plane) {
    const std::uint8_t* bytes = from.raw(misses.size()).data();
    for (std::uint64_t& m : misses) m |= static_cast<std::uint64_t>(*bytes++) << (8 * plane);
  }
}

// All values, then all lengths: two readers walk side by side.
void read_runs(Reader& from, std::span<std::uint64_t> misses) {
  const std::uint64_t runs = from.varint();
  if (from.failed() || runs > misses.size() || runs > from.left()) return from.fail();
  Reader values = from;
  for (std::uint64_t n = 0; n < runs; ++n) from.varint();
  std::size_t at = 0;
  for (std::uint64_t n = 0; n < runs && !from.failed(); ++n) {
    const std::uint64_t value = values.varint(), length = from.varint();
    if (from.failed() || length >= misses.size() - at) return from.fail();
    const auto end = at + static_cast<std::size_t>(length) + 1;
    std::fill(misses.begin() + static_cast<std::ptrdiff_t>(at),
              misses.begin() + static_cast<std::ptrdiff_t>(end), value);
    at = end;
  }
  if (at != misses.size()) from.fail();
}

void read_bits(Reader& from, std::span<std::uint64_t> misses) {
  const Bytes bits = from.raw((misses.size() + 7) / 8);
  if (from.failed()) return;
  for (std::size_t i = 0; i < misses.size(); ++i) misses[i] = bits[i / 8] >> (i % 8) & 1;
}

void read_sparse(Reader& from, std::span<std::uint64_t> misses) {
  const std::uint64_t count = from.varint();
  if (from.failed() || count > misses.size() || count > from.left()) return from.fail();
  std::ranges::fill(misses, 0);
  std::size_t at = 0;
  for (std::uint64_t n = 0; n < count; ++n, ++at) {
    const std::uint64_t gap = from.varint();
    if (from.failed() || gap >= misses.size() - at) return from.fail();
    at += static_cast<std::size_t>(gap);
    misses[at] = 1;
  }
  for (std::uint64_t& m : misses) {
    if (m != 0) m = from.varint() + 1;
  }
}

void undo(Predict how, std::span<std::uint64_t> series, std::uint64_t step) {
  std::uint64_t* const v = series.data();
  const std::size_t count = series.size();
  if (how == Predict::zigzag) {
    for (std::size_t i = 0; i < count; ++i) v[i] = unzigzag_of(v[i]);
  }
  if (how == Predict::delta) {
    for (std::size_t i = 1; i < count; ++i) v[i] = v[i - 1] + unzigzag_of(v[i]);
  }
  if (how == Predict::delta2) {
    for (std::size_t i = 2; i < count; ++i) {
      step += unzigzag_of(v[i]);
      v[i] = v[i - 1] + step;
    }
  }
}

}  // namespace

void IntegerReader::undo_keys(std::span<std::uint64_t> values) {
  const auto keys = neighbours_.keys(values.size());
  last_of_key_.assign(neighbours_.key_count(), values[0]);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint64_t& last = last_of_key_[keys[i]];
    if (i > 0) values[i] = last + unzigzag_of(values[i]);
    last = values[i];
  }
}

Read IntegerReader::read_coded(Reader& from, std::size_t count, std::span<std::uint64_t> misses) {
  if (!code_.whole()) return Read::damaged;
  Coding code;
  code.shift = from.u8();
  code.context = from.u8();
  if (from.failed() || code.shift > Coding::kShiftMax) return Read::damaged;
  if (code.context >= Coding::kContexts) return Read::newer;
  if (code.context == Coding::reference || code.context == Coding::both) {
    const std::uint8_t distance = from.u8();
    code.classes = neighbours_.rows() == count ? neighbours_.classes(distance) : nullptr;
    if (from.failed() || code.classes == nullptr) return Read::damaged;
    code.classes += count - misses.size();
  }
  shift_ = code.shift;
  std::uint8_t* classes = neighbours_.place(count);
  if (classes != nullptr) classes += count - misses.size();
  code_.read_misses(from, misses, code, classes);
  return from.failed() ? Read::damaged : Read::ok;
}

Read IntegerReader::read_misses(Reader& from, std::uint8_t layout, std::size_t count,
                                std::span<std::uint64_t> misses) {
  shift_ = 0;
  switch (static_cast<Layout>(layout)) {
    case Layout::zeros: std::ranges::fill(misses, 0); return Read::ok;
    case Layout::varints: read_varints(from, misses); break;
    case Layout::planes: read_planes(from, misses); break;
    case Layout::runs: read_runs(from, misses); break;
    case Layout::bits: read_bits(from, misses); break;
    case Layout::sparse: read_sparse(from, misses); break;
    case Layout::prefix: read_prefix(from, misses, shift_); break;
    case Layout::coded: return read_coded(from, count, misses);
    default: return Read::newer;
  }
  return from.failed() ? Read::damaged : Read::ok;
}

// Each value's place becomes what stands there.
Read IntegerReader::read_listed(Reader& from, std::span<std::uint64_t> values) {
  const std::uint64_t count = from.varint();
  if (from.failed() || count == 0 || count > values.size()) return Read::damaged;
  numbers_.resize(static_cast<std::size_t>(count));
  if (const Read r = read_series(from, numbers_, false); r != Read::ok) return r;
  if (const Read r = read_series(from, values, false); r != Read::ok) return r;
  for (std::uint64_t& v : values) {
    if (v >= count) return Read::damaged;
    v = numbers_[static_cast<std::size_t>(v)];
  }
  return Read::ok;
}

Read IntegerReader::read_series(Reader& from, std::span<std::uint64_t> values, bool may_be_listed) {
  const std::uint8_t head = from.u8();
  const auto how = static_cast<Predict>(head & kPredictMask);
  if (from.failed()) return Read::damaged;
  if (how > Predict::listed) return Read::newer;
  if (how == Predict::listed && !may_be_listed) return Read::damaged;
  if (how == Predict::key && neighbours_.keys(values.size()).empty()) return Read::damaged;
  std::uint64_t unit = 1, base = 0, low = 0, step = 0;
  if ((head & kUnitFlag) != 0) {
    unit = from.varint();
    base = unzigzag_of(from.varint());
  }
  if (how == Predict::listed) {
    if (head >> 4 != 0) return Read::newer;
    if (const Read r = read_listed(from, values); r != Read::ok) return r;
  } else {
    std::size_t given = 0;
    if (how == Predict::delta || how == Predict::delta2 || how == Predict::key) {
      values[given++] = unzigzag_of(from.varint());
    }
    if (how == Predict::delta2 && values.size() > 1) {
      step = unzigzag_of(from.varint());
      values[given++] = values[0] + step;
    }
    if (how == Predict::offset) low = unzigzag_of(from.varint());
    if (from.failed()) return Read::damaged;
    const auto misses = values.subspan(given);
    if (const Read r = read_misses(from, head >> 4, values.size(), misses); r != Read::ok) return r;
    neighbours_.keep(values.size(), misses, shift_);
    undo(how, values, step);
    if (how == Predict::key) undo_keys(values);
  }
  if (low != 0 || unit != 1 || base != 0) {
    for (std::uint64_t& v : values) v = base + unit * (v + low);
  }
  return Read::ok;
}

Read IntegerReader::read(Reader& from, std::span<std::uint64_t> values) {
  return values.empty() ? Read::ok : read_series(from, values, true);
}

}  // namespace pinaflux::seal
