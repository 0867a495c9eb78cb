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

// Where it listens, connects or reads; empty where that says nothing.
inline std::string source_place(const AnySourceOptions& options) {
  if (const auto* m = std::get_if<MqttSourceOptions>(&options)) return m->broker;
  if (const auto* h = std::get_if<HttpSourceOptions>(&options)) return h->listen;
  if (const auto* l = std::get_if<LinesSourceOptions>(&options)) return l->address;
  if (const auto* f = std::get_if<FileSourceOptions>(&options)) return f->path;
  return {};
}

// Not started: restore() and start() are the caller's. Errors: options that no start can heal.
Result<std::unique_ptr<Source>> make_source(const AnySourceOptions& options,
                                            const SourceHost& host);

}  // namespace pinaflux
