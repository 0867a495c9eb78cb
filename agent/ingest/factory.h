// make_source: the one place that knows every kind of source.
//
// Ownership  What the host names must outlive the source.
// Threads    Loop.
#pragma once

#include <iterator>
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

// As the configuration calls it: "mqtt", "http", "lines", "file" or "system".
inline const char* source_type(const AnySourceOptions& options) {
  constexpr const char* kTypes[] = {"mqtt", "http", "lines", "file", "system"};
  static_assert(std::size(kTypes) == std::variant_size_v<AnySourceOptions>);
  return kTypes[options.index()];
}

// Not started: restore() and start() are the caller's. Errors: options that no start can heal.
Result<std::unique_ptr<Source>> make_source(const AnySourceOptions& options,
                                            const SourceHost& host);

}  // namespace pinaflux
