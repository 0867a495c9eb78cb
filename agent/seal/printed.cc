#include "agent/seal/printed.h"

// A gateway's decimals are often younger than its data. An inertial unit computes in float32, and somebody prints it
// with ten digits: -0.602765441 is 31 bits as a decimal, but its float32 has 24, and the printing gives it back. An
// engine's throttle is 45 of 255 steps of 100 %, printed as 17.647058: 6 bits instead of 25.
//
// The step of a converter is found as one finds a comb's: the smallest distance between two values is one step or a
// few; larger and larger distances then say it more and more exactly, as long as the error so far leaves no
// doubt how many steps they are; and if a round number is as good (1/n, 100/n, a short decimal), it is that.

#include <algorithm>
#include <bit>
#include <cmath>

namespace pinaflux::seal {

namespace {

constexpr std::size_t kPrintedSamples = 64;
constexpr int kDigitsFew = 6;  // Decimals of so few digits need no guess.
constexpr double kStepsMax = 0x1p21;
constexpr double kDoubt = 0.2;  // Of a step.
constexpr int kDividersMax = 4;

// Digits and decimals of the shortest decimal that is `v`; false: none.
bool shape_of(double v, int& digits, int& decimals) {
  for (int scale = 0; scale <= 15; ++scale) {
    const double m = std::round(std::fabs(v) * kPower[static_cast<std::size_t>(scale)]);
    if (!(m <= kWholeMax)) return false;
    if (m / kPower[static_cast<std::size_t>(scale)] != std::fabs(v)) continue;
    decimals = scale;
    digits = 1;
    while (digits < kDigitsMax && m >= kPower[static_cast<std::size_t>(digits)]) ++digits;
    return true;
  }
  return false;
}

// How wrong a value may be that was rounded so.
double tolerance_of(double v, const Printing& how) {
  const double of_float = how.single ? std::fabs(v) * 0x1p-24 : std::fabs(v) * 0x1p-52;
  const double of_text = how.digits > 0 ? 0.5 / kPower[how.decimals] : 0;
  return how.single ? of_float : std::max(of_float, of_text);
}

struct Comb {
  double step = 0, error = 0;

  // `distance`, wrong by at most `wrong`, is a whole number of steps, and may say the step more exactly.
  bool take(double distance, double wrong) {
    const double k = nearest_whole(distance / step);
    if (k == 0) return std::fabs(distance) <= wrong;
    const double doubt = std::fabs(k) * error + wrong;
    if (doubt > kDoubt * step || std::fabs(k) > kStepsMax) return false;
    if (std::fabs(distance - k * step) > doubt) return false;
    if (wrong / std::fabs(k) < error) {
      step = distance / k;
      error = wrong / std::fabs(k);
    }
    return true;
  }
};

std::size_t misfits(std::span<const double> values, Printing how) {
  const Printer printed(how);
  return static_cast<std::size_t>(std::ranges::count_if(values, [&](double v) {
    const double k = nearest_whole(v / how.step);
    const double back = stepped(static_cast<std::uint64_t>(static_cast<std::int64_t>(k)), how);
    return (how.single ? back : printed(back)) != v;
  }));
}

// Of steps that are all as exact as the data says, the one that gives back the most values.
double rounded_step(std::span<const double> values, const Printing& how, const Comb& comb) {
  const double decimals =
      std::clamp(std::ceil(-std::log10(std::max(comb.error, 1e-15))) - 1, 0.0, 15.0);
  const double power = kPower[static_cast<std::size_t>(decimals)];
  const double guesses[] = {1 / nearest_whole(1 / comb.step), 100 / nearest_whole(100 / comb.step),
                            nearest_whole(comb.step * power) / power, comb.step};
  double best = comb.step;
  std::size_t least = values.size() + 1;
  for (const double guess : guesses) {
    if (!std::isfinite(guess) || guess == 0 ||
        std::fabs(guess - comb.step) > 4 * comb.error + comb.step * 1e-12)
      continue;
    Printing attempt = how;
    attempt.step = guess;
    const std::size_t count = misfits(values, attempt);
    if (count >= least) continue;
    least = count;
    best = guess;
  }
  return best;
}

// `values` are different, in order. 0: no step.
double find_step(std::span<const double> values, const Printing& how) {
  if (values.size() < 3) return 0;
  const double wrong =
      2 * std::max(tolerance_of(values.front(), how), tolerance_of(values.back(), how));
  double least = values.back() - values.front();
  for (std::size_t i = 1; i < values.size(); ++i)
    least = std::min(least, values[i] - values[i - 1]);
  if (!(least > wrong * 4)) return 0;
  for (int divider = 1; divider <= kDividersMax; ++divider) {
    Comb comb{least / divider, wrong / divider};
    bool whole = true;
    for (const double v : values) whole = whole && comb.take(v - values.front(), wrong);
    for (const double v : values) whole = whole && comb.take(v, wrong / 2);
    if (whole) return rounded_step(values, how, comb);
  }
  return 0;
}

void guess_steps(std::span<const std::uint64_t> bits, Printing how,
                 std::vector<Printing>& guesses) {
  std::vector<double> values;
  values.reserve(bits.size());
  for (const std::uint64_t b : bits) {
    const double v = double_of(b);
    if (!std::isfinite(v)) return;
    values.push_back(how.single ? static_cast<double>(static_cast<float>(v)) : v);
  }
  std::ranges::sort(values);
  const auto rest = std::ranges::unique(values);
  values.erase(rest.begin(), rest.end());
  how.step = find_step(values, how);
  if (how.step == 0) return;
  // Decimals with a common unit say the same without a step.
  const double units = how.step * kPower[how.decimals];
  if (!how.single && std::fabs(units - nearest_whole(units)) < 1e-6 * units) return;
  if (misfits(values, how) * 2 <= values.size()) guesses.push_back(how);
}

}  // namespace

void guess_printing(std::span<const std::uint64_t> bits, std::vector<Printing>& guesses) {
  int digits = 0, decimals = 0;
  std::size_t samples = 0, texts = 0, floats = 0;
  const std::size_t stride = std::max<std::size_t>(1, bits.size() / kPrintedSamples);
  for (std::size_t i = 0; i < bits.size(); i += stride, ++samples) {
    const double v = double_of(bits[i]);
    int its_digits = 0, its_decimals = 0;
    if (std::fabs(v) <= 0x1.fffffep127)
      floats += static_cast<double>(static_cast<float>(v)) == v ? 1 : 0;
    if (!shape_of(v, its_digits, its_decimals)) continue;
    ++texts;
    digits = std::max(digits, its_digits);
    decimals = std::max(decimals, its_decimals);
  }
  Printing how;
  if (floats == samples) {
    guesses.push_back(how);
    guess_steps(bits, how, guesses);
  }
  if (texts * 10 < samples * 9 || decimals == 0) return;
  how.decimals = static_cast<std::uint8_t>(decimals);
  const auto of_float = [&](std::uint8_t most) {
    how.digits = most;
    const Printer printed(how);
    std::size_t fit = 0;
    for (std::size_t i = 0; i < bits.size(); i += stride) {
      const double v = double_of(bits[i]);
      const bool small = std::fabs(v) <= 0x1.fffffep127;
      fit += small && printed(static_cast<double>(static_cast<float>(v))) == v ? 1 : 0;
    }
    if (fit * 10 < samples * 9) return false;
    guesses.push_back(how);
    guess_steps(bits, how, guesses);
    return true;
  };
  how.single = true;
  if (digits > kDigitsFew && !of_float(kDigitsMax)) of_float(static_cast<std::uint8_t>(digits));
  how.single = false;
  how.digits = kDigitsMax;
  if (guesses.empty() || guesses.back().step == 0) guess_steps(bits, how, guesses);
}

}  // namespace pinaflux::seal
