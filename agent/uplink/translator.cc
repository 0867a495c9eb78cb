#include "agent/uplink/translator.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/data/identity.h"
#include "agent/data/limits.h"
#include "agent/seal/dictionary_message.h"
#include "agent/seal/row_lines.h"
#include "platform/base/json_writer.h"
#include "platform/base/text.h"
#include "platform/mqtt/packet.h"

namespace pinaflux {

namespace {

constexpr std::size_t kArenaBytes = std::size_t{10}
                                    << 20;  // What envelope.h promises to be enough.
constexpr std::array<std::string_view, 3> kNames = {"gateway", "lane", "stream"};
constexpr std::string_view kLostStream = "pinaflux/lost";

// Brokers hang up on control characters, on what is no character, and on more levels than this.
constexpr std::size_t kLevelsMax = 100;

bool fits_topic(std::string_view point) {
  if (point.size() == 1)
    return point[0] >= 0x20 && point[0] != 0x7f && point[0] != '+' && point[0] != '#';
  char32_t code = static_cast<unsigned char>(point[0]) & (0x7fu >> point.size());
  for (const char c : point.substr(1)) code = (code << 6) | (static_cast<unsigned char>(c) & 0x3fu);
  return code >= 0xa0 && !(code >= 0xfdd0 && code <= 0xfdef) && (code & 0xfffe) != 0xfffe;
}

// Calls `text` with what stands between names, and `name` with them. False: a brace without its other half.
template <class Text, class Name>
bool walk(std::string_view topic, const Text& text, const Name& name) {
  while (!topic.empty()) {
    const std::size_t open = std::min(topic.find_first_of("{}"), topic.size());
    text(topic.substr(0, open));
    topic.remove_prefix(open);
    if (topic.empty()) break;
    const std::size_t close = topic.find('}');
    if (topic[0] != '{' || close == std::string_view::npos) return false;
    name(topic.substr(1, close - 1));
    topic.remove_prefix(close + 1);
  }
  return true;
}

}  // namespace

std::string in_topic(std::string_view name) {
  std::string text;
  std::size_t levels = 0;
  while (!name.empty()) {
    const std::string_view point = name.substr(0, std::max<std::size_t>(utf8_bytes(name), 1));
    const bool fits =
        utf8_bytes(point) > 0 && fits_topic(point) && (point != "/" || ++levels < kLevelsMax);
    text += fits ? std::string(point) : "_";
    name.remove_prefix(point.size());
  }
  return text;
}

const char* wrong_topic_template(std::string_view topic) {
  bool known = true;
  std::string without;
  const bool whole = walk(
      topic, [&](std::string_view text) { without += text; },
      [&](std::string_view name) {
        known = known && std::ranges::contains(kNames, name);
        without += 'x';
      });
  if (!whole) return "a brace has no other half";
  if (!known) return "a topic knows {gateway}, {lane} and {stream} only";
  if (!mqtt::valid_topic_name(without) || without.starts_with('$'))
    return "no topic can be like this";
  return nullptr;
}

const char* Translator::content_type() const {
  if (options_.format == OutputFormat::influx) return "text/plain";
  return options_.shape == JsonShape::lines ? "application/x-ndjson" : "application/json";
}

std::string Translator::topic_for(const Header& header, std::string_view stream) const {
  std::string topic;
  walk(
      options_.topic, [&](std::string_view text) { topic += text; },
      [&](std::string_view name) {
        topic += name == "gateway" ? header.gateway
                 : name == "lane"  ? header.lane
                                   : in_topic(stream);
      });
  if (topic.empty() || topic[0] == '$')
    topic = "_" + topic.substr(topic.empty() ? 0 : 1);  // The broker's own.
  return topic;
}

bool Translator::is_array() const {
  return options_.format == OutputFormat::json && options_.shape == JsonShape::array;
}

void Translator::begin(OutMessage& message) const {
  if (is_array()) message.payload = "[";
}

bool Translator::add(OutMessage& message, const RowIdentity& identity, const Row& row) const {
  std::string& to = message.payload;
  if (options_.format == OutputFormat::influx)
    return append_line_protocol(to, identity, row, LineTypes::influx1);
  if (options_.shape == JsonShape::array && to.size() > 1) to += ',';
  append_json_message(to, identity, row);
  if (options_.shape == JsonShape::lines) to += '\n';
  return true;
}

void Translator::end(OutMessage& message) const {
  if (is_array()) message.payload += ']';
}

void Translator::tell_lost(const Header& header, std::vector<OutMessage>& messages) const {
  const auto lost =
      std::ranges::find(header.extra, "lost", [](const auto& pair) { return pair.first; });
  if (lost == header.extra.end()) return;
  OutMessage message{topic_for(header, kLostStream), {}};
  begin(message);
  if (options_.format == OutputFormat::influx) {
    message.payload +=
        "pinaflux/lost lane=\"" + header.lane + "\",ranges=\"" + lost->second + "\"\n";
  } else {
    JsonWriter json;
    json.begin_object()
        .key("_gateway")
        .string(header.gateway)
        .key("_epoch")
        .string(hex(header.epoch));
    json.key("_lane").string(header.lane).key("_lost").string(lost->second).end_object();
    message.payload += json.text();
    if (options_.shape == JsonShape::lines) message.payload += '\n';
  }
  end(message);
  messages.push_back(std::move(message));
}

void Translator::know(Bytes message) {
  if (auto parsed = parse_dictionary(message)) dictionaries_.add(std::move(parsed->dictionary));
}

Result<std::vector<OutMessage>> Translator::translate(Bytes envelope) {
  Shapes shapes;
  Arena arena(kArenaBytes);
  std::vector<Row> rows;
  opener_.look_in(&dictionaries_);
  const auto header = opener_.open(envelope, shapes, arena, rows);
  if (!header) return std::unexpected(header.error());
  std::vector<OutMessage> messages;
  tell_lost(*header, messages);
  const std::string epoch = hex(header->epoch);
  RowIdentity identity{.gateway = header->gateway, .epoch = epoch, .lane = header->lane};
  const Shape* shape = nullptr;
  OutMessage message;
  bool holds = false;
  const auto finish = [&] {
    if (std::exchange(holds, false)) {
      end(message);
      messages.push_back(std::move(message));
    }
    message = {};
  };
  std::string topic;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].shape != shape) {
      shape = rows[i].shape;
      if (std::string next = topic_for(*header, shape->stream()); next != topic) {
        finish();
        topic = std::move(next);
      }
    }
    if (message.payload.empty()) {
      message.topic = topic;
      begin(message);
    }
    identity.seq = header->range.nth(i, header->every);
    const std::size_t before = message.payload.size();
    const bool added = add(message, identity, rows[i]);
    if (holds && message.payload.size() > kMessageBytesMax) {
      message.payload.resize(before);
      finish();
      message.topic = topic;
      begin(message);
      add(message, identity, rows[i]);
    }
    holds = added || holds;
    if (options_.format == OutputFormat::json && options_.shape == JsonShape::message) finish();
  }
  finish();
  return messages;
}

}  // namespace pinaflux
