// An envelope has no length in front: its line ends with the first newline, its frame where zstd's own lengths lead. When
// these are damaged they lead anywhere, often into the next envelope; so what does not open ends at the next thing that
// looks like a header line: the magic, a version, a blank, printable letters, a newline. Compressed bytes look like
// that once in 2^100; a text that somebody stored might, and only costs what was damaged anyway.

#include "agent/cli/envelope_file.h"

#include <algorithm>
#include <array>

#include "agent/data/limits.h"
#include "agent/seal/compress.h"
#include "agent/seal/line.h"
#include "agent/spool/export_file.h"

namespace pinaflux {

namespace {

constexpr std::string_view kMagic = "pinaflux-env/", kDictionaryMagic = "pinaflux-dictionary/";
// What has one zstd frame behind its line.
constexpr std::array<std::string_view, 3> kOurMagics = {"pinaflux-env/1 ", "pinaflux-env/2 ",
                                                        "pinaflux-dictionary/1 "};
constexpr std::string_view kExportMagic = "pinaflux-export/",
                           kExportEndMagic = "pinaflux-export-end/",
                           kArchiveMagic = "pinaflux-archive/";
constexpr std::string_view kWord = "pinaflux-";  // All of them begin with it.
constexpr std::string_view kExportEnd = "pinaflux-export-end/1";
constexpr std::size_t kLineBytesMax = 1024;
constexpr std::size_t kLengthDigitsMax = 7;
constexpr std::size_t kBlockBytes = 64 * 1024;
// An envelope whose body has the size that is allowed, and cannot be compressed.
constexpr std::size_t kWindowBytesMax =
    limits::kOpenedBytesMax + limits::kOpenedBytesMax / 128 + kLineBytesMax;

// The line that `text` begins with, or nothing.
std::optional<std::string_view> line_of(std::string_view text) {
  const auto end = text.substr(0, kLineBytesMax).find('\n');
  return end == std::string_view::npos ? std::nullopt : std::optional(text.substr(0, end));
}

bool begins_entry(std::string_view text) {
  return text.starts_with(kMagic) || text.starts_with(kDictionaryMagic);
}

bool is_ours(std::string_view text) {
  return std::ranges::any_of(kOurMagics, [&](auto magic) { return text.starts_with(magic); });
}

// A header line, or the last one of an export.
bool looks_like_line(std::string_view text) {
  if (!begins_entry(text) && !text.starts_with(kExportEndMagic)) return false;
  const auto line = line_of(text);
  if (!line) return false;
  const auto digit = line->find('/') + 1, blank = line->find_first_not_of("0123456789", digit);
  return blank != std::string_view::npos && blank > digit && (*line)[blank] == ' ' &&
         std::ranges::all_of(*line, [](char c) { return c >= ' ' && c < 0x7f; });
}

// Bytes of an export's length line that `text` begins with, if an entry follows.
std::size_t length_line(std::string_view text) {
  const auto digits = text.find_first_not_of("0123456789");
  const bool is_one = digits != std::string_view::npos && digits > 0 &&
                      digits <= kLengthDigitsMax && text[digits] == '\n' &&
                      begins_entry(text.substr(digits + 1));
  return is_one ? digits + 1 : 0;
}

}  // namespace

Status EnvelopeFile::fill(std::size_t count) {
  while (!ended_ && ahead().size() < count) {
    if (begin_ > window_.size() / 2) {
      window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(begin_));
      begin_ = 0;
    }
    const std::size_t before = window_.size();
    window_.resize(before + kBlockBytes);
    const auto got = read_(MutableBytes(window_).subspan(before));
    window_.resize(before + got.value_or(0));
    if (!got) return std::unexpected(got.error());
    ended_ = *got == 0;
  }
  return {};
}

void EnvelopeFile::consume(std::size_t count) {
  begin_ += count;
  at_ += count;
}

Status EnvelopeFile::begin_export(std::string_view line) {
  if (const auto title = parse_title(line); !title) return std::unexpected(title.error());
  export_ = Export{.at = at_, .entries_before = count_ + dictionaries_};
  return {};
}

void EnvelopeFile::end_export(std::string_view line) {
  if (!export_) export_ = Export{};
  export_->ended = true;
  seal::LineReader reader(line, kExportEnd);
  std::string_view key, value;
  while (reader.next(key, value)) {
    const std::uint64_t number = seal::parse_number(value).value_or(0);
    if (key == "n") export_->counted &= number == count_ + dictionaries_ - export_->entries_before;
    if (key == "b") export_->counted &= number == at_ - export_->at;
  }
  export_->counted &= !reader.failed();
}

Result<bool> EnvelopeFile::pass_framing() {
  const std::string_view text = as_text(ahead());
  if (text[0] == '\n' || length_line(text) > 0) {
    consume(text[0] == '\n' ? 1 : length_line(text));
    return true;
  }
  const auto line = line_of(text);
  if (!line) return false;
  if (line->starts_with(kExportEndMagic)) {
    end_export(*line);
  } else if (line->starts_with(kExportMagic)) {
    if (Status s = begin_export(*line); !s && s.error().code == Code::newer) {
      return std::unexpected(s.error());
    }
  } else if (line->starts_with(kArchiveMagic)) {
    if (auto title = parse_title(*line); !title) return std::unexpected(title.error());
  } else {
    return false;
  }
  consume(line->size() + 1);
  return true;
}

// The next line that begins something, or all there is; the framing before it is not counted.
std::size_t EnvelopeFile::find_line(std::size_t from) const {
  const std::string_view text = as_text(ahead());
  std::size_t at = text.find(kWord, from);
  while (at != std::string_view::npos && !looks_like_line(text.substr(at))) {
    at = text.find(kWord, at + 1);
  }
  if (at == std::string_view::npos) return text.size();
  if (!export_) return at;
  const auto digits = text.substr(0, at - 1).find_last_not_of("0123456789") + 1;
  if (digits > 0 && length_line(text.substr(digits)) == at - digits) at = digits;
  return at > 1 && text[at - 1] == '\n' ? at - 1 : at;
}

Result<std::size_t> EnvelopeFile::length_of_envelope() {
  const auto line = line_of(as_text(ahead()));
  const std::size_t frame_at = line ? line->size() + 1 : 0;
  while (line && is_ours(as_text(ahead()))) {
    const auto length = Decompressor::frame_bytes(ahead().subspan(frame_at));
    if (length && *length > 0) return frame_at + *length;
    if (!length || ended_ || ahead().size() >= kWindowBytesMax) break;
    if (Status s = fill(ahead().size() + 1); !s) return std::unexpected(s.error());
  }
  if (Status s = fill(kWindowBytesMax); !s) return std::unexpected(s.error());
  return find_line(1);
}

Result<EnvelopePiece> EnvelopeFile::foreign() {
  EnvelopePiece piece{.kind = EnvelopePiece::Kind::foreign, .at = at_};
  for (;;) {
    if (Status s = fill(kBlockBytes); !s) return std::unexpected(s.error());
    const std::size_t size = ahead().size(), found = find_line(piece.size > 0 ? 0 : 1);
    const std::size_t taken = found < size || ended_ ? found : size - std::min(size, kLineBytesMax);
    consume(taken);
    piece.size += taken;
    if (found < size || ended_) return piece;
  }
}

Result<std::optional<EnvelopePiece>> EnvelopeFile::next() {
  if (last_.kind != EnvelopePiece::Kind::foreign) consume(static_cast<std::size_t>(last_.size));
  last_ = {.kind = EnvelopePiece::Kind::foreign};
  for (;;) {
    if (Status s = fill(kBlockBytes); !s) return std::unexpected(s.error());
    if (ahead().empty()) return std::nullopt;
    const Result<bool> passed = pass_framing();
    if (!passed) return std::unexpected(passed.error());
    if (!*passed) break;
  }
  if (!begins_entry(as_text(ahead()))) {
    const auto piece = foreign();
    if (!piece) return std::unexpected(piece.error());
    return *piece;
  }
  const auto length = length_of_envelope();
  if (!length) return std::unexpected(length.error());
  const bool dictionary = as_text(ahead()).starts_with(kDictionaryMagic);
  ++(dictionary ? dictionaries_ : count_);
  last_ = {dictionary ? EnvelopePiece::Kind::dictionary : EnvelopePiece::Kind::envelope,
           ahead().first(*length), at_, *length, count_ + (dictionary ? 1 : 0)};
  return last_;
}

EnvelopePiece EnvelopeFile::damaged() {
  const std::size_t next = find_line(1);
  if (next < last_.size) {
    last_.size = next;
    last_.bytes = last_.bytes.first(next);
  }
  return last_;
}

Status EnvelopeFile::ending() const {
  if (count_ + dictionaries_ == 0 && !export_) {
    return fail(Code::corrupt, "this is not a Pinaflux envelope, and there is none in it");
  }
  if (!export_) return {};
  if (!export_->ended) {
    return fail(Code::corrupt, "the export ends before its last line: this copy was cut off");
  }
  if (!export_->counted) {
    return fail(Code::corrupt, "the export's last line does not count what is before it");
  }
  return {};
}

}  // namespace pinaflux
