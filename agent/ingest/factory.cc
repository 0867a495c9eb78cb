#include "agent/ingest/factory.h"

namespace pinaflux {

namespace {

struct Maker {
  const SourceHost& host;

  std::unique_ptr<Source> operator()(const MqttSourceOptions& o) const {
    return std::make_unique<MqttSource>(o, host);
  }
  std::unique_ptr<Source> operator()(const HttpSourceOptions& o) const {
    return std::make_unique<HttpSource>(o, host);
  }
  std::unique_ptr<Source> operator()(const LinesSourceOptions& o) const {
    return std::make_unique<LinesSource>(o, host);
  }
  std::unique_ptr<Source> operator()(const FileSourceOptions& o) const {
    return std::make_unique<FileSource>(o, host);
  }
  std::unique_ptr<Source> operator()(const SystemSourceOptions& o) const {
    return std::make_unique<SystemSource>(o, host);
  }
};

}  // namespace

Result<std::unique_ptr<Source>> make_source(const AnySourceOptions& options,
                                            const SourceHost& host) {
  const SourceOptions& o = common(options);
  if (o.name.empty()) return fail(Code::invalid, "a source needs a name");
  if (o.record_bytes_max == 0 || o.record_bytes_max > limits::kRecordBytesMax) {
    return fail(Code::invalid, "record_bytes_max is at most 64 KiB");
  }
  return std::visit(Maker{host}, options);
}

}  // namespace pinaflux
