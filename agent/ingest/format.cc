#include "agent/ingest/format.h"

// A payload that does not fit is taken back here, not by Intake::abandon(): the records before it in the
// same parcel stay, and the source tries the payload again with the next intake. The arena keeps the
// copies that were made until the intake is reset; so "can never fit" is said only when the arena was
// untouched before.

#include <algorithm>

#include "platform/base/text.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {
std::string_view without_byte_order_mark(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text;
}
}  // namespace

Decoder::Decoder(const SourceOptions& options, const InstallKey& key)
    : source_(options.index),
      record_bytes_max_(std::min(options.record_bytes_max, limits::kRecordBytesMax)),
      key_(key),
      keep_refused_(options.keep_refused),
      stream_(options.stream.empty() ? options.name : options.stream),
      builder_(options.time),
      format_(options.format) {}

void Decoder::begin(Intake& intake, std::string_view peer) {
  fresh_ = intake.pristine() && intake.arena().bytes_used() == 0;
  intake_ = &intake;
  intake.begin(source_, peer);
  refusals_begin_ = intake.refusals.size();
  together_ = {};
}

void Decoder::end(Ticket ticket) {
  for (std::size_t i = 0; i < together_.size(); ++i) {
    const Together& t = together_[i];
    if (t.count == 0) continue;
    intake_->reject(static_cast<Reason>(i), t.bytes, t.hash, 0);
    intake_->refusals.back().count = t.count;
  }
  intake_->end(ticket);
  intake_ = nullptr;
}

void Decoder::abandon() {
  intake_->abandon();
  intake_ = nullptr;
}

bool Decoder::decode(Format format, const Payload& payload, Tally& tally) {
  payload_ = &payload;
  payload_format_ = format;
  const bool fits = decode_whole(format, payload, tally);
  payload_ = nullptr;
  return fits;
}

bool Decoder::decode_whole(Format format, const Payload& payload, Tally& tally) {
  const std::size_t records = intake_->records.size();
  const std::size_t refusals = intake_->refusals.size();
  const TogetherByReason together = together_;
  const Tally before = tally;
  const bool fresh = fresh_;
  fresh_ = false;
  if (units(format, payload, tally)) return true;
  intake_->records.resize(records, RawRecord{});
  intake_->forget_refusals(refusals);
  together_ = together;
  tally = before;
  if (!fresh) return false;
  tally.too_large = true;
  refuse_bytes(Reason::too_large, payload.text, payload.text.size(), tally);
  return true;
}

bool Decoder::units(Format format, const Payload& payload, Tally& tally) {
  switch (format) {
    case Format::json: {
      const std::string_view text = trim(without_byte_order_mark(payload.text));
      if (text.starts_with('[')) return elements(payload, text, tally);
      return document(payload, text, 1, tally);
    }
    case Format::ndjson: return lines(payload, tally);
    case Format::influx: return influx(payload, tally);
    case Format::raw: return raw(payload, tally);
  }
  return true;
}

bool Decoder::lines(const Payload& payload, Tally& tally) {
  Split split(without_byte_order_mark(payload.text), '\n');
  std::string_view line;
  for (std::uint32_t number = 1; split.next(line); ++number) {
    line = trim(line);
    if (!line.empty() && !document(payload, line, number, tally)) return false;
  }
  return true;
}

bool Decoder::elements(const Payload& payload, std::string_view array, Tally& tally) {
  JsonElements elements(array);
  std::string_view element;
  for (std::uint32_t number = 1;; ++number) {
    const auto next = elements.next(element);
    if (next == JsonElements::Next::end) return true;
    if (next == JsonElements::Next::broken) {
      return settle(refuse(Reason::malformed), array.substr(elements.position()),
                    elements.position(), number, tally);
    }
    if (!element.starts_with('{')) {
      settle(refuse(Reason::bad_type), element, elements.position(), number, tally);
    } else if (!document(payload, trim(element), number, tally)) {
      return false;
    }
  }
}

bool Decoder::document(const Payload& payload, std::string_view text, std::uint32_t line,
                       Tally& tally) {
  const auto base = static_cast<std::size_t>(text.data() - payload.text.data());
  if (text.size() > record_bytes_max_) {
    return settle(refuse(Reason::too_large, record_bytes_max_), text, base, line, tally);
  }
  if (!intake_->room(0, 1)) return false;
  builder_.begin(*intake_, payload.stream);
  Built built = json_.read(text, builder_);
  if (built) built = builder_.finish(payload.arrival);
  return settle(built, text, base, line, tally);
}

bool Decoder::influx(const Payload& payload, Tally& tally) {
  std::string_view rest = payload.text;
  for (std::uint32_t number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (const auto bare = trim(line); bare.empty() || bare.starts_with('#')) {
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      continue;
    }
    if (!intake_->room(0, 1)) return false;
    const auto base = static_cast<std::size_t>(rest.data() - payload.text.data());
    std::size_t used = 0;
    const bool long_line = line.size() > record_bytes_max_;
    Built built = refuse(Reason::too_large, record_bytes_max_);
    if (long_line) {
      used = std::min(rest.size(), line.size() + 1);
    } else {
      built = line_protocol_.read(rest.substr(0, record_bytes_max_ + 1), payload.stream,
                                  payload.ns_per_tick, *intake_, builder_, used);
      if (built) built = builder_.finish(payload.arrival);
    }
    const std::string_view text = rest.substr(0, used);
    if (!settle(built, text, base, number, tally)) return false;
    number += static_cast<std::uint32_t>(std::ranges::count(text.substr(0, used - 1), '\n'));
    rest.remove_prefix(used);
  }
  return true;
}

bool Decoder::raw(const Payload& payload, Tally& tally) {
  const std::string_view text = payload.text;
  if (text.size() > record_bytes_max_) {
    return settle(refuse(Reason::too_large, record_bytes_max_), text, 0, 1, tally);
  }
  builder_.begin(*intake_, payload.stream);
  const std::string_view kept = builder_.keep(text);
  if (kept.data() == nullptr) return false;
  const Value value = utf8_valid(kept) ? Value::text(kept) : Value::bytes(as_bytes(kept));
  Built built = builder_.add({}, "value", value);
  if (built) built = builder_.finish(payload.arrival);
  return settle(built, text, 0, 1, tally);
}

// Counts a unit as a record or as refused; false: there was no room for it.
bool Decoder::settle(const Built& built, std::string_view text, std::size_t base,
                     std::uint32_t line, Tally& tally) {
  if (built) {
    ++tally.records;
    return true;
  }
  if (built.error().no_room) return false;
  if (tally.refused++ == 0) {
    tally.fault_line = line;
    tally.fault = built.error().reason;
  }
  reject(built.error().reason, text, text.size(), base + built.error().position);
  return true;
}

void Decoder::refuse_bytes(Reason reason, std::string_view text, std::uint64_t byte_count,
                           Tally& tally) {
  if (tally.refused++ == 0) {
    tally.fault_line = 1;
    tally.fault = reason;
  }
  reject(reason, text, byte_count, 0);
}

void Decoder::reject(Reason reason, std::string_view text, std::uint64_t byte_count,
                     std::size_t position) {
  if (intake_->refusals.size() - refusals_begin_ < kRefusalsApart) {
    intake_->reject(reason, byte_count, crypto::siphash(key_, as_bytes(text)),
                    static_cast<std::uint32_t>(std::min<std::size_t>(position, UINT32_MAX)));
    if (keep_refused_) keep(text);
    return;
  }
  Together& together = together_[static_cast<std::size_t>(reason)];
  if (together.count++ == 0) together.hash = crypto::siphash(key_, as_bytes(text));
  together.bytes += byte_count;
}

// With what the source would read it by, so that it can be read again when it was mended.
void Decoder::keep(std::string_view text) {
  RefusedBytes refused{.format = static_cast<std::uint8_t>(format_), .stream = stream_};
  if (payload_ != nullptr) {
    refused = {.format = static_cast<std::uint8_t>(payload_format_),
               .ns_per_tick = payload_->ns_per_tick,
               .arrival = payload_->arrival,
               .stream = payload_->stream};
  }
  refused.bytes = as_bytes(text);
  intake_->keep(refused);
}

// An object spread over lines shows in its first line, which does not end what it begins, while the
// next line begins no object. A first line that is merely broken is followed by one that does.
Format sniff_json(std::string_view body) {
  body = trim(without_byte_order_mark(body));
  if (body.starts_with('[')) return Format::json;
  const std::size_t newline = body.find('\n');
  if (newline == std::string_view::npos) return Format::json;
  if (json_balanced(body.substr(0, newline))) return Format::ndjson;
  return trim(body.substr(newline)).starts_with('{') ? Format::ndjson : Format::json;
}

}  // namespace pinaflux
