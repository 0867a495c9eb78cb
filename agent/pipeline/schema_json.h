// Schema as JSON: what people's programs read of a stream's schema, printed and published.
//
// Threads    Pure functions; any.
// Tests      tests/agent/pipeline/schema_json_test.cc, tests/agent/cli/schema_commands_test.cc
#pragma once

#include <string>
#include <string_view>

#include "agent/pipeline/stream_schema.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

// "missing", of a field in a change.
const char* schema_item_name(StreamSchema::Item::Kind kind);

// Each a key of the object that is being written, and its value: "time", null before the clock was trusted; "fields"; "changes".
void put_schema_time(JsonWriter& j, Stamp time);
void put_schema_fields(JsonWriter& j, const StreamSchema& schema);
void put_schema_changes(JsonWriter& j, const StreamSchema& schema);

// "pinaflux.stream/1": what the far end is told of a schema. Fields that would take it beyond kSchemaNoticeBytesMax are counted only.
inline constexpr std::size_t kSchemaNoticeBytesMax = 60'000;
std::string schema_notice(std::string_view gateway, std::string_view node,
                          const StreamSchema& schema);

}  // namespace pinaflux
