#include "agent/ingest/answers.h"

// Row "key/<slot>": number (u64, rises), key (u64), accepted (u64), refused (u64), fault line (u32),
// fault (u8). The slot is number modulo kKeysMax, so a new row replaces the oldest.

#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {

constexpr std::string_view kKey = "key/";

const char* code_of(const IngestAnswer& answer) {
  return answer.accepted > 0 ? "partial write" : "invalid";
}

}  // namespace

std::string error_body(std::string_view code, std::string_view message) {
  JsonWriter json;
  json.begin_object();
  json.key("error").string(message).key("code").string(code).key("message").string(message);
  json.end_object();
  return json.take();
}

HttpAnswer IngestAnswer::http() const {
  if (refused == 0) return {.status = 204, .body = {}, .headers = {}};
  const std::string message = std::string(code_of(*this)) + ": line " + std::to_string(fault_line) +
                              ": " + reason_name(fault) + "; accepted " + std::to_string(accepted) +
                              ", refused " + std::to_string(refused) +
                              ": send again only the refused lines, corrected";
  JsonWriter json;
  json.begin_object();
  json.key("error").string(message).key("code").string("invalid").key("message").string(message);
  json.key("accepted").number(accepted).key("refused").number(refused);
  json.key("first_error").begin_object();
  json.key("line").number(std::uint64_t{fault_line}).key("reason").string(reason_name(fault));
  json.end_object().end_object();
  return {.status = 400, .body = json.take(), .headers = {{"Content-Type", "application/json"}}};
}

void IdempotencyKeys::restore(const std::vector<Cursor>& rows) {
  for (const Cursor& row : rows) {
    if (!row.key.starts_with(kKey)) continue;
    Reader reader(row.value);
    const std::uint64_t number = reader.u64();
    IngestAnswer answer;
    answer.key = reader.u64();
    answer.accepted = reader.u64();
    answer.refused = reader.u64();
    answer.fault_line = reader.u32();
    answer.fault = static_cast<Reason>(reader.u8());
    if (reader.failed() || answer.key == 0) continue;
    place(number, answer);
    next_ = std::max(next_, number + 1);
  }
}

const IngestAnswer* IdempotencyKeys::find(std::uint64_t key) const {
  const auto found = answers_.find(key);
  return key == 0 || found == answers_.end() ? nullptr : &found->second;
}

void IdempotencyKeys::place(std::uint64_t number, const IngestAnswer& answer) {
  std::uint64_t& slot = slots_[number % kKeysMax];
  if (slot != 0) answers_.erase(slot);
  slot = answer.key;
  answers_[answer.key] = answer;
}

void IdempotencyKeys::remember(const IngestAnswer& answer, Intake& intake) {
  if (answer.key == 0) return;
  const std::uint64_t number = next_++;
  Buffer row;
  Writer writer(row);
  writer.u64(number);
  writer.u64(answer.key);
  writer.u64(answer.accepted);
  writer.u64(answer.refused);
  writer.u32(answer.fault_line);
  writer.u8(static_cast<std::uint8_t>(answer.fault));
  intake.cursor(std::string(kKey) + std::to_string(number % kKeysMax), row);
  place(number, answer);
}

}  // namespace pinaflux
