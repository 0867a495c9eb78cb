// make_source: the one place that knows every kind of source.
//
// Ownership  What the host names must outlive the source.
// Threads    Loop.
#pragma once

#include <memory>
#include <variant>

#include "agent/ingest/file_source.h"
#include "agent/ingest/http_source.h"
#include "agent/ingest/lines_source.h"
#include "agent/ingest/mqtt_source.h"
#include "agent/ingest/system_source.h"

namespace pinaflux {

using AnySourceOptions = std::variant<MqttSourceOptions, HttpSourceOptions, LinesSourceOptions,
                                      FileSourceOptions, SystemSourceOptions>;

inline const SourceOptions& common(const AnySourceOptions& options) {
  return std::visit([](const auto& o) -> const SourceOptions& { return o; }, options);
}
inline SourceOptions& common(AnySourceOptions& options) {
  return std::visit([](auto& o) -> SourceOptions& { return o; }, options);
}

inline const std::string& source_name(const AnySourceOptions& options) {
  return common(options).name;
}

// Not started: restore() and start() are the caller's. Errors: options that no start can heal.
Result<std::unique_ptr<Source>> make_source(const AnySourceOptions& options,
                                            const SourceHost& host);

}  // namespace pinaflux
