#include "agent/seal/compress.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <zstd.h>
#include <zstd_errors.h>

#include "platform/base/assert.h"

namespace pinaflux {

namespace {

// Above this level zstd would take twice the memory, for a window of that size and bodies that are coded already.
constexpr int kLevelLean = 9;
constexpr int kHashLog = 16, kChainLog = 16;

// Noise repeats nothing and is the same everywhere: a search through it takes longest of all, and finds nothing. A quick
// level tells the first, when it comes to no less than the bytes' counts do; the counts of pieces tell the second.
constexpr int kLevelQuick = 1;
constexpr std::size_t kNoiseBytesMin = 16 * 1024, kPieceBytes = 8 * 1024;
constexpr double kSameEverywhere = 0.998;

constexpr std::size_t kFrameBeginBytes = 5;  // What zstd asks for first.

// Empty: none is used for the next frame, nor what was meant for one that was broken off.
Bytes content_of(const Dictionary* dictionary) {
  return dictionary == nullptr ? Bytes() : dictionary->bytes();
}

// What a code for the bytes, each for itself, takes at least.
double entropy_bytes(Bytes bytes) {
  std::array<std::uint32_t, 256> counts{};
  for (const std::uint8_t byte : bytes) ++counts[byte];
  double bits = 0;
  for (const std::uint32_t count : counts) {
    if (count > 0) bits += count * std::log2(static_cast<double>(bytes.size()) / count);
  }
  return bits / 8;
}

double entropy_bytes_by_piece(Bytes bytes) {
  double sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += kPieceBytes) {
    sum += entropy_bytes(bytes.subspan(at, std::min(kPieceBytes, bytes.size() - at)));
  }
  return sum;
}

}  // namespace

struct Compressor::State {
  ZSTD_CCtx* context = nullptr;  // Made when it is used first.
  ~State() { ZSTD_freeCCtx(context); }
  Status compress(Bytes bytes, int level, Buffer& to, const Dictionary* dictionary);
};

Compressor::Compressor() : state_(std::make_unique<State>()) {}
Compressor::~Compressor() = default;

Status Compressor::State::compress(Bytes bytes, int level, Buffer& to,
                                   const Dictionary* dictionary) {
  if (context == nullptr) context = ZSTD_createCCtx();
  ASSERT(context != nullptr);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, dictionary == nullptr ? 1 : 0);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  // The search of the levels between costs more than it finds, and 150 KB: toolchains/left_out/zstd.cc.
  const bool between = level > kLevelQuick && level <= kLevelLean;
  ZSTD_CCtx_setParameter(context, ZSTD_c_strategy, between ? ZSTD_dfast : 0);
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, kWindowLog);
  ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, level > kLevelLean ? kHashLog : 0);
  ZSTD_CCtx_setParameter(context, ZSTD_c_chainLog, level > kLevelLean ? kChainLog : 0);
  ZSTD_CCtx_reset(context, ZSTD_reset_session_only);
  const Bytes content = content_of(dictionary);
  ASSERT(!ZSTD_isError(ZSTD_CCtx_refPrefix(context, content.data(), content.size())));
  const std::size_t before = to.size();
  to.resize(before + ZSTD_compressBound(bytes.size()));
  const std::size_t n =
      ZSTD_compress2(context, to.data() + before, to.size() - before, bytes.data(), bytes.size());
  to.resize(before + (ZSTD_isError(n) ? 0 : n));
  return ZSTD_isError(n) ? Status(fail(Code::internal, "zstd could not compress a batch"))
                         : Status();
}

Status Compressor::compress(Bytes bytes, int level, Buffer& to, const Dictionary* dictionary) {
  if (level > kLevelLean && bytes.size() >= kNoiseBytesMin) {
    const double least = entropy_bytes(bytes);
    if (entropy_bytes_by_piece(bytes) > least * kSameEverywhere) {
      const std::size_t before = to.size();
      if (Status s = state_->compress(bytes, kLevelQuick, to, dictionary); !s) return s;
      if (static_cast<double>(to.size() - before) > least) return {};
      to.resize(before);
    }
  }
  return state_->compress(bytes, level, to, dictionary);
}

std::size_t Compressor::bytes_held() const { return ZSTD_sizeof_CCtx(state_->context); }

struct Decompressor::State {
  ZSTD_DCtx* context = nullptr;  // Made when it is used first.
  ~State() { ZSTD_freeDCtx(context); }
  // Before a frame.
  void begin(const Dictionary* dictionary) {
    if (context == nullptr) {
      context = ZSTD_createDCtx();
      ASSERT(context != nullptr);
      ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Compressor::kWindowLog + 5);
    }
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
    const Bytes content = content_of(dictionary);
    ASSERT(!ZSTD_isError(ZSTD_DCtx_refPrefix(context, content.data(), content.size())));
  }
};

Decompressor::Decompressor() : state_(std::make_unique<State>()) {}
Decompressor::~Decompressor() = default;

Status Decompressor::decompress(Bytes frame, std::size_t bytes_max, Buffer& to,
                                const Dictionary* dictionary) {
  to.clear();
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR) return fail(Code::corrupt, "the body is not a zstd frame");
  if (size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return fail(Code::corrupt, "the body's zstd frame does not declare its size");
  }
  if (size > bytes_max) return fail(Code::corrupt, "the body declares more than an envelope holds");
  if (ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size()) {
    return fail(Code::corrupt, "the body is cut short, or something follows it");
  }
  to.resize(static_cast<std::size_t>(size));
  state_->begin(dictionary);
  const std::size_t n =
      ZSTD_decompressDCtx(state_->context, to.data(), to.size(), frame.data(), frame.size());
  if (ZSTD_isError(n) || n != to.size()) {
    to.clear();
    return fail(Code::corrupt, "the body is damaged: zstd refuses it");
  }
  return {};
}

Result<std::size_t> Decompressor::frame_bytes(Bytes bytes) {
  const std::size_t n = ZSTD_findFrameCompressedSize(bytes.data(), bytes.size());
  if (ZSTD_isError(n) == 0) return n;
  if (ZSTD_getErrorCode(n) == ZSTD_error_srcSize_wrong) return 0;
  return fail(Code::corrupt, "the body is not a zstd frame, or it is damaged");
}

// A block at a time, as zstd asks for it: an error takes away what the same call had unpacked before.
Decompressor::Unpacked Decompressor::salvage(Bytes frame, std::size_t bytes_max, Buffer& to,
                                             const Dictionary* dictionary) {
  to.clear();
  Unpacked unpacked;
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > bytes_max) {
    const auto length = frame_bytes(frame);
    if (length && *length == 0) unpacked.ending = Unpacked::Ending::cut;  // Within its head.
    return unpacked;
  }
  unpacked.declared = static_cast<std::size_t>(size);
  to.resize(unpacked.declared);
  ZSTD_outBuffer out{to.data(), to.size(), 0};
  ZSTD_inBuffer in{frame.data(), 0, 0};
  state_->begin(dictionary);
  for (std::size_t asked = kFrameBeginBytes; asked != 0;) {
    if (in.pos == frame.size()) {
      unpacked.ending = Unpacked::Ending::cut;
      break;
    }
    in.size = std::min(frame.size(), in.pos + asked);
    asked = ZSTD_decompressStream(state_->context, &out, &in);
    if (ZSTD_isError(asked) != 0) {
      if (ZSTD_getErrorCode(asked) == ZSTD_error_checksum_wrong)
        unpacked.ending = Unpacked::Ending::checksum;
      break;
    }
    unpacked.frame_bytes = in.pos;
    if (asked == 0) unpacked.ending = Unpacked::Ending::whole;
  }
  to.resize(out.pos);
  return unpacked;
}

}  // namespace pinaflux
