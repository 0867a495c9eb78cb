// `pinaflux-collector run`: what the command line says, and the service that it starts.
//
// The composition root of the collector: it alone makes platform/linux for it.
// Threads    The caller's, until SIGTERM.
// Tests      tests/e2e/run, tests/collector/
#pragma once

#include <string>

#include "agent/cli/lines_server.h"
#include "agent/collector/collector.h"
#include "agent/collector/store.h"

namespace pinaflux {

struct CollectorRun {
  CollectorOptions collector;
  CollectorStore::Options store;
  std::string password_file;
  std::string ca;  // A PEM file or a folder of them.
  std::string key_password_file, psk_file;
  std::string keys;  // Folder of the gateways' keys.
  std::string sign_key;
  bool keys_optional = false;
  std::string listen;
  std::string gap_limit = "24h";
  LinesServer::Options lines;
  std::string file_size;
};

// Exit statuses: agent/collector/README.md.
int collector_run(const CollectorRun& options);

}  // namespace pinaflux
