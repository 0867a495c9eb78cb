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

std::unique_ptr<Source> make_source(const AnySourceOptions& options, const SourceHost& host) {
  return std::visit(Maker{host}, options);
}

}  // namespace pinaflux
