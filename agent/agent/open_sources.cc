#include "agent/agent/open_sources.h"

#include <algorithm>

#include "agent/ingest/factory.h"
#include "agent/vault/vault.h"
#include "platform/base/assert.h"

namespace pinaflux {

Result<std::vector<std::unique_ptr<Source>>> open_sources(const Configuration& configuration,
                                                          SourceHost host,
                                                          const SourceCursors& cursors,
                                                          std::string& which) {
  which = configuration.spool.directory + "/install.key";
  const auto install_key = Vault::install_key(host.files, host.entropy, which);
  if (!install_key) return std::unexpected(install_key.error());
  ASSERT(install_key->size() >= host.install_key.size());
  std::copy_n(install_key->begin(), host.install_key.size(), host.install_key.begin());
  std::vector<std::unique_ptr<Source>> sources;
  for (const auto& options : configuration.sources) {
    auto made = make_source(options, host);
    which = "sources." + source_name(options) + " " + source_place(options);
    if (!made) return std::unexpected(made.error());
    std::vector<Cursor> mine;
    for (const auto& [name, entries] : cursors) {
      if (name != source_name(options)) continue;
      for (const auto& [key, value] : entries) mine.push_back({key, value});
    }
    (*made)->restore(std::move(mine));
    if (auto ok = (*made)->start(); !ok) return std::unexpected(ok.error());
    sources.push_back(std::move(*made));
  }
  return sources;
}

}  // namespace pinaflux
