// Configuration: what every station is told, read from strict YAML; and how it is read.
//
// Promise    All findings of one run at once, each with file, line and column; a configuration comes out
//            only when none of them is an error. Nothing is changed, started or written.
// Merging    `conf.d/*.yaml` beside the file are read after it, by name. What is named in two files is an
//            error that names both; the rules of `mask` follow one another.
// Limits     limits.h; kConfigurationFilesMax files in conf.d; what yaml.h allows in one of them.
// Threads    Pure but for the files that are read; any.
// Tests      tests/agent/config/
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/clock_rule.h"
#include "agent/config/control_options.h"
#include "agent/config/finding.h"
#include "agent/data/raw_lane.h"
#include "agent/ingest/factory.h"
#include "agent/mask/masker.h"
#include "agent/pipeline/pipeline.h"
#include "agent/spool/spool.h"
#include "agent/uplink/uplink.h"
#include "agent/vault/vault.h"
#include "platform/files.h"

namespace pinaflux {

// What `pinaflux config test` runs without a file; the agent does not.
struct ConfigurationTest {
  std::string name;
  std::string lines;             // As agent/agent/rehearsal.h has them.
  std::string file;              // Where they stand,
  std::uint32_t line_first = 1;  // and from which line on.
};

struct Configuration {
  std::string gateway;
  ClockRule clock = ClockRule::synchronised;
  SpoolOptions spool;
  std::vector<AnySourceOptions> sources;  // SourceOptions::index is the position.
  MaskOptions mask;
  PipelineOptions pipeline;
  std::optional<RawLane> raw_lane;     // The spool's last lane, if a source keeps its records.
  std::vector<UplinkOptions> uplinks;  // The first one first; each with the lanes that are its own.
  ControlOptions control;
  std::vector<Vault::Reference> keys;
  std::vector<ConfigurationTest> tests;
  Duration commit_every = Duration::seconds(1);
  std::string digest;            // 16 hex digits of SHA-256 over all files, in their order.
  std::uint64_t generation = 0;  // 0: from this machine's own files, not from a rollout.
};

struct Loaded {
  std::optional<Configuration> configuration;  // None when a finding is an error.
  std::vector<Finding> findings;
};

inline constexpr std::size_t kConfigurationFilesMax = 256;

// A file that cannot be read is a finding, too.
Loaded load_configuration(Files& files, const std::string& path);
// As if `path` held `text`; conf.d is read from beside `path`.
Loaded load_configuration_text(Files& files, const std::string& path, std::string_view text);

}  // namespace pinaflux
