// Mask preview: what mask rules make of records, and how much each rule does, before anything is stored.
//
// Promise    Records as they came are shown only to root at a terminal (`raw`); without it nothing of them is, not
//            even their shape. Nothing is stored or sent.
// Counts     A rule changed or refused a record if the rules up to it do and those before it do not.
// JSON       {"schema":"pinaflux.mask_preview/1","records":..,"refused":..,"unread":..,
//            "rules":[{"rule":1,"changed":..,"refused":..},..],
//            "shown":[{"before":{..},"after":{..}},..]}: `before` with `raw` only, `after` null and `reason` beside it when
//            it was refused. `unread` counts what is no record at all.
// Limits     The first kShownMax records are shown.
// Threads    One owner.
// Tests      tests/agent/cli/mask_preview_test.cc
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ingest/format.h"
#include "agent/ingest/source.h"
#include "agent/mask/masker.h"

namespace pinaflux {

class MaskPreview {
 public:
  static constexpr std::size_t kShownMax = 20;

  // Errors: those of Masker::make.
  static Result<std::unique_ptr<MaskPreview>> make(const MaskOptions& options, const Vault& vault,
                                                   bool raw);

  // Whole lines of NDJSON or of line protocol, as the source would read them; what is more than one intake holds is
  // read in parts.
  void add_lines(const SourceOptions& source, Format format, std::string_view lines, Stamp arrival);
  // What it brings now.
  void add_from(Source& source);
  std::uint64_t records() const { return records_; }
  std::string json() const;
  std::string text() const;

 private:
  struct Stage {  // The rules up to one.
    Shapes shapes;
    std::unique_ptr<Masker> masker;
    Arena arena{limits::kGroupBytesMax};
    std::uint64_t changed = 0, refused = 0;
  };
  struct Shown {
    std::string before, after;  // JSON; empty: not to be shown, refused.
    Reason reason = Reason::malformed;
  };

  explicit MaskPreview(bool raw) : raw_(raw), intake_(shapes_) {}
  void add_intake();
  void add(const RawRecord& record);

  bool raw_;
  Shapes shapes_;
  Intake intake_;
  std::vector<std::unique_ptr<Stage>> stages_;  // The first without a rule.
  std::vector<Shown> shown_;
  std::uint64_t records_ = 0, refused_ = 0, unread_ = 0;
};

struct MaskPreviewOptions {
  std::string configuration;
  std::string file;  // "-": standard input. Empty: what comes to `source`, for so long:
  int seconds = 10;
  std::string source;  // Empty: the first.
  std::string stream;
  bool json = false;
};
// `pinaflux mask preview`. Exit status: by sysexits.
int mask_preview_command(const MaskPreviewOptions& options);

}  // namespace pinaflux
