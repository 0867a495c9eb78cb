// LinesServer: a server for line protocol as the command line names it, with the loop on which the storage worker waits for it.
//
// Threads    open() on any; then whoever lands.
// Tests      tests/collector/influx
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "agent/collector/http_poster.h"
#include "agent/collector/store.h"
#include "platform/linux/linux.h"

namespace pinaflux {

class LinesServer {
 public:
  struct Options {
    std::string url;  // Empty: there is none.
    std::string ca;   // A PEM file or a folder of them.
    std::string authorization_file;
  };

  // Has the store post there, if there is a server; it must outlive the store. On an error `at` is what is wrong.
  static Result<std::unique_ptr<LinesServer>> open(const Options& options,
                                                   CollectorStore::Options& store, std::string& at);

 private:
  explicit LinesServer(std::unique_ptr<LinuxPlatform> platform) : platform_(std::move(platform)) {}

  std::unique_ptr<LinuxPlatform> platform_;
  std::unique_ptr<HttpPoster> poster_;
};

}  // namespace pinaflux
