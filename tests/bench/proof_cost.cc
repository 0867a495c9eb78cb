// What tests/bench/proof measures: proves an envelope, or verifies one, so many times.
//
//   proof_cost mac|signature made|verified COUNT
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "agent/seal/proof.h"
#include "platform/base/assert.h"
#include "tests/kit/es256_keys.h"
#include "tests/kit/sealed_rows.h"

namespace pinaflux::tests {
namespace {

constexpr int kRounds = 5;

struct Pair {
  Prover prover;
  Verifier verifier;
};

Pair pair_of(bool mac) {
  const Buffer shared(32, 'k');
  if (mac) return {Prover("link", shared), Verifier("link", shared)};
  const auto blind = [](MutableBytes bytes) { std::ranges::fill(bytes, std::uint8_t{7}); };
  auto own = crypto::SigningKey::of_pem(as_bytes(kit::kSampleSec1), blind);
  auto known = crypto::VerifyingKey::of_pem(as_bytes(kit::kSamplePublic));
  ASSERT(own && known);
  return {Prover("gate", std::move(*own)), Verifier(std::move(*known))};
}

void work(const Pair& pair, bool makes, Bytes envelope, Bytes proved, int count) {
  for (int n = 0; n < count; ++n) {
    if (makes) ASSERT(pair.prover.signed_envelope(envelope).size() == proved.size());
    if (!makes) ASSERT(pair.verifier.proves_envelope(proved));
  }
}

void measure(bool mac, bool makes, int count) {
  const Pair pair = pair_of(mac);
  kit::SealedRows rows;
  rows.walk(500);
  const Buffer envelope = rows.envelope(), proved = pair.prover.signed_envelope(envelope);
  double best = 1e12;
  for (int round = 0; round < kRounds; ++round) {
    const auto begun = std::chrono::steady_clock::now();
    work(pair, makes, envelope, proved, count);
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
    best = std::min(best, took.count() / std::max(count, 1));
  }
  std::printf("%zu bytes, %.1f microseconds\n", envelope.size(), best);
}

}  // namespace
}  // namespace pinaflux::tests

int main(int argc, char** argv) {
  ASSERT(argc == 4);
  pinaflux::tests::measure(argv[1] == std::string_view("mac"), argv[2] == std::string_view("made"),
                           std::atoi(argv[3]));
  return 0;
}
