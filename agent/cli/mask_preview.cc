#include "agent/cli/mask_preview.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

#include "agent/cli/exit_status.h"
#include "agent/cli/heard_source.h"
#include "agent/cli/terminal_text.h"
#include "agent/config/load.h"
#include "agent/seal/row_json.h"
#include "platform/base/text.h"
#include "platform/linux/linux.h"

namespace pinaflux {

namespace {

constexpr std::size_t kLinesAtOnce = limits::kPollBytesMax;
constexpr std::uint64_t kHeardMax = 1'000;  // Records of a source that is listened to.

bool same(const Record& a, const Record& b) {
  return a.time() == b.time() && a.shape().stream() == b.shape().stream() &&
         std::ranges::equal(a.shape().fields(), b.shape().fields()) &&
         std::ranges::equal(a.cells(), b.cells(),
                            [](const Value& x, const Value& y) { return identical(x, y); });
}

// Where lines part into two, about in the middle; 0: it is one line.
std::size_t middle_of(std::string_view lines) {
  const std::size_t behind = lines.find('\n', lines.size() / 2) + 1;
  if (behind > 0 && behind < lines.size()) return behind;
  return lines.substr(0, lines.size() / 2).rfind('\n') + 1;
}

std::string json_of(const Row& row) {
  JsonWriter j;
  append_json_record(j, row);
  return j.take();
}

}  // namespace

Result<std::unique_ptr<MaskPreview>> MaskPreview::make(const MaskOptions& options,
                                                       const Vault& vault, bool raw) {
  std::unique_ptr<MaskPreview> preview(new MaskPreview(raw));
  for (std::size_t count = 0; count <= options.rules.size(); ++count) {
    auto stage = std::make_unique<Stage>();
    const auto end = options.rules.begin() + static_cast<std::ptrdiff_t>(count);
    auto masker = Masker::make({{options.rules.begin(), end}}, stage->shapes, vault);
    if (!masker) return std::unexpected(masker.error());
    stage->masker = std::move(*masker);
    preview->stages_.push_back(std::move(stage));
  }
  return preview;
}

void MaskPreview::add_lines(const SourceOptions& source, Format format, std::string_view lines,
                            Stamp arrival) {
  std::string padded(lines);
  padded.append(kParsePadding, '\0');
  Decoder decoder(source, InstallKey{});
  decoder.begin(intake_);
  Tally tally;
  const std::string stream = source.stream.empty() ? source.name : source.stream;
  const Payload payload{std::string_view(padded).substr(0, lines.size()), stream, arrival};
  const bool fits = decoder.decode(format, payload, tally) && !tally.too_large;
  decoder.end(1);
  const std::size_t middle = fits ? 0 : middle_of(lines);
  if (middle == 0) add_intake();
  intake_.reset();
  wipe({reinterpret_cast<std::uint8_t*>(padded.data()), padded.size()});
  if (middle == 0) return;
  add_lines(source, format, lines.substr(0, middle), arrival);
  add_lines(source, format, lines.substr(middle), arrival);
}

void MaskPreview::add_from(Source& source) {
  source.poll(intake_);
  add_intake();
  intake_.reset();
}

void MaskPreview::add_intake() {
  for (const Refusal& refusal : intake_.refusals) unread_ += refusal.count;
  for (const RawRecord& record : intake_.records) add(record);
}

void MaskPreview::add(const RawRecord& record) {
  ++records_;
  std::vector<Masker::Outcome> outcomes;
  for (const auto& stage : stages_) {
    stage->arena.reset(true);
    outcomes.push_back(stage->masker->mask(record, stage->arena));
    if (outcomes.size() == 1) continue;
    const auto& before = outcomes[outcomes.size() - 2].record;
    const auto& after = outcomes.back().record;
    if (before && !after) ++stage->refused;
    if (before && after && !same(*before, *after)) ++stage->changed;
  }
  const Masker::Outcome& last = outcomes.back();
  if (!last.record) ++refused_;
  if (shown_.size() == kShownMax) return;
  shown_.push_back({raw_ ? json_of(record.row) : "", last.record ? json_of(last.record->row()) : "",
                    last.reason});
}

std::string MaskPreview::json() const {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.mask_preview/1");
  j.key("records").number(records_).key("refused").number(refused_).key("unread").number(unread_);
  j.key("rules").begin_array();
  for (std::size_t i = 1; i < stages_.size(); ++i) {
    j.begin_object().key("rule").number(std::uint64_t{i});
    j.key("changed").number(stages_[i]->changed).key("refused").number(stages_[i]->refused);
    j.end_object();
  }
  j.end_array().key("shown").begin_array();
  for (const Shown& shown : shown_) {
    j.begin_object();
    if (!shown.before.empty()) j.key("before").raw(shown.before);
    if (shown.after.empty()) {
      j.key("after").null().key("reason").string(reason_name(shown.reason));
    } else {
      j.key("after").raw(shown.after);
    }
    j.end_object();
  }
  j.end_array().end_object();
  return j.take() + '\n';
}

std::string MaskPreview::text() const {
  std::string out;
  const auto line = [&](std::initializer_list<std::string_view> pieces) {
    out += joined(pieces) + '\n';
  };
  line({"records ", std::to_string(records_), ", of them refused ", std::to_string(refused_),
        "; no records ", std::to_string(unread_)});
  for (std::size_t i = 1; i < stages_.size(); ++i) {
    line({"rule ", std::to_string(i), ": changed ", std::to_string(stages_[i]->changed),
          ", refused ", std::to_string(stages_[i]->refused)});
  }
  for (const Shown& shown : shown_) {
    if (!shown.before.empty()) line({"before ", terminal_text(as_bytes(shown.before))});
    if (shown.after.empty()) {
      line({"after  refused: ", reason_name(shown.reason)});
    } else {
      line({"after  ", terminal_text(as_bytes(shown.after))});
    }
  }
  return out;
}

namespace {

int wrong(const std::string& at, const char* what, int status) {
  std::fprintf(stderr, "pinaflux: %s: %s\n", at.c_str(), what);
  return status;
}

// Blocks of whole lines, of about kLinesAtOnce.
class Lines {
 public:
  explicit Lines(std::FILE* file) : file_(file) {}
  ~Lines() { std::free(line_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  bool next(std::string& block) {
    block.clear();
    ssize_t size = 0;
    while (block.size() < kLinesAtOnce && (size = ::getline(&line_, &room_, file_)) > 0)
      block.append(line_, static_cast<std::size_t>(size));
    return !block.empty();
  }

 private:
  std::FILE* file_;
  char* line_ = nullptr;
  std::size_t room_ = 0;
};

const AnySourceOptions* source_of(const Configuration& configuration, const std::string& name) {
  for (const auto& source : configuration.sources) {
    if (name.empty() || common(source).name == name) return &source;
  }
  return nullptr;
}

// One document or one point a line; what begins like a document is NDJSON.
Format format_of(std::string_view lines) {
  const std::string_view text = trim(lines);
  return text.starts_with('{') || text.starts_with('[') ? Format::ndjson : Format::influx;
}

int preview_source(const AnySourceOptions& options, Duration wait, MaskPreview& preview) {
  auto platform = LinuxPlatform::make();
  if (!platform) return wrong("this machine", platform.error().what, exit_status(platform.error()));
  Loop& loop = *(*platform)->loop;
  auto source = heard_source(**platform, options);
  if (!source) {
    return wrong(source_name(options),
                 (std::string(source.error().what) +
                  "\n  -> stop the agent while it is previewed, or name a FILE")
                     .c_str(),
                 exit_status(source.error()));
  }
  const auto end = loop.timer([&loop] { loop.stop(); });
  end->start(wait);
  loop.run([&] {
    preview.add_from(**source);
    if (preview.records() >= kHeardMax) loop.stop();
    return (*source)->ready();
  });
  if (preview.records() > 0) return kExitOk;
  const std::string health = (*source)->health().text;
  return wrong(source_name(options),
               ("nothing came" + (health.empty() ? "" : " (" + health + ")") +
                "\n  -> wait longer with --for, or name a FILE")
                   .c_str(),
               kExitNoInput);
}

int preview_file(const MaskPreviewOptions& options, const SourceOptions& source,
                 MaskPreview& preview) {
  const bool piped = options.file == "-";
  std::FILE* in = piped ? stdin : std::fopen(options.file.c_str(), "rbe");
  if (in == nullptr) return wrong(options.file, "it cannot be read", kExitNoInput);
  const Stamp arrival = Stamp::wall(LinuxClock().wall());
  Lines lines(in);
  for (std::string block; lines.next(block);)
    preview.add_lines(source, format_of(block), block, arrival);
  if (!piped) std::fclose(in);
  return kExitOk;
}

}  // namespace

int mask_preview_command(const MaskPreviewOptions& options) {
  LinuxFiles files;
  const Loaded loaded = load_configuration(files, options.configuration);
  if (!loaded.configuration) {
    std::fputs(findings_text(loaded.findings).c_str(), stderr);
    return kExitConfiguration;
  }
  const AnySourceOptions* found = source_of(*loaded.configuration, options.source);
  if (found == nullptr) return wrong(options.source, "no source has this name", kExitUsage);
  Vault vault;
  std::string which;
  if (auto ok = vault.load(files, loaded.configuration->keys, which); !ok)
    return wrong("keys." + which, ok.error().what, exit_status(ok.error()));
  const bool raw = ::isatty(STDOUT_FILENO) == 1 && ::geteuid() == 0;
  auto preview = MaskPreview::make(loaded.configuration->mask, vault, raw);
  if (!preview) return wrong("mask", preview.error().what, exit_status(preview.error()));

  AnySourceOptions source = *found;
  if (!options.stream.empty()) common(source).stream = options.stream;
  const int done = options.file.empty()
                       ? preview_source(source, Duration::seconds(options.seconds), **preview)
                       : preview_file(options, common(source), **preview);
  if (done != kExitOk) return done;
  std::fputs((options.json ? (*preview)->json() : (*preview)->text()).c_str(), stdout);
  return kExitOk;
}

}  // namespace pinaflux
