// Translator: what an envelope holds, as messages for receivers that know no envelopes: JSON or line protocol.
//
// Promise    Each record in one message, in order; what an envelope declares lost is said, too.
// Formats    json    {"_gateway":..,"_epoch":..,"_lane":..,"_seq":..,"_stream":..,"_time":..,<fields>}: a line each, an
//                    array, or a message each. The first four name a record: who gets it twice knows it by them.
//            influx  lines of line protocol.
// Topics     A template with {gateway}, {lane} and {stream}; what a topic cannot hold becomes '_'.
// Limits     kMessageBytesMax a message, but one record always fits; memory for one opened envelope.
// Threads    Loop.
// Tests      tests/agent/uplink/translator_test.cc
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/seal/envelope.h"
#include "agent/seal/row_json.h"
#include "platform/base/arena.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

enum class OutputFormat : std::uint8_t { envelope, json, influx };
enum class JsonShape : std::uint8_t { lines, array, message };

struct OutputOptions {
  OutputFormat format = OutputFormat::envelope;
  JsonShape shape = JsonShape::lines;
  std::string topic;  // The template.
  bool gzip = false;
};

struct OutMessage {
  std::string topic;
  std::string payload;
};

// What stands for a name in a topic.
std::string in_topic(std::string_view name);
// Whether a template can be a topic: known names in braces, and else what a topic may hold. What is wrong; nullptr: nothing.
const char* wrong_topic_template(std::string_view topic);

class Translator {
 public:
  static constexpr std::size_t kMessageBytesMax = 64 * 1024;

  explicit Translator(OutputOptions options) : options_(std::move(options)) {}
  const char* content_type() const;
  // A dictionary message: of what envelopes may have been packed with.
  void know(Bytes message);
  // Errors: corrupt, newer.
  Result<std::vector<OutMessage>> translate(Bytes envelope);

 private:
  std::string topic_for(const Header& header, std::string_view stream) const;
  bool is_array() const;
  void begin(OutMessage& message) const;
  bool add(OutMessage& message, const RowIdentity& identity, const Row& row) const;
  void end(OutMessage& message) const;
  void tell_lost(const Header& header, std::vector<OutMessage>& messages) const;

  const OutputOptions options_;
  Opener opener_;
  Dictionaries dictionaries_;
};

}  // namespace pinaflux
