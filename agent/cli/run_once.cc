#include "agent/cli/run_once.h"

#include <algorithm>
#include <cstdio>

#include "agent/cli/csv_records.h"
#include "agent/cli/dry_host.h"
#include "agent/cli/exit_status.h"
#include "agent/cli/terminal_text.h"
#include "agent/ingest/format.h"
#include "agent/seal/row_json.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr int kExitMistake = 1;

const char* port_name(NodePort port) {
  return port == NodePort::late ? "late" : port == NodePort::drifted ? "drifted" : "main";
}

std::string text_of(const DryRun::Output& output) {
  using By = DryRun::Output::By;
  if (output.by == By::refusal) {
    std::string text = joined({"refused ", reason_name(output.reason)});
    if (!output.name.empty()) text += " by " + std::string(output.name);
    if (!output.why.empty()) text += ": " + std::string(output.why);
    return text + "\n";
  }
  JsonWriter record;
  append_json_record(record, output.record->row());
  const char* const by = output.by == By::source ? "source "
                         : output.by == By::node ? "node "
                                                 : "lane ";
  const bool main = output.port == NodePort::main;
  return joined({by, output.name, main ? "" : ".", main ? "" : port_name(output.port), " -> ",
                 terminal_text(as_bytes(record.text())), "\n"});
}

std::string json_of(const DryRun::Output& output) {
  using By = DryRun::Output::By;
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.run/1");
  switch (output.by) {
    case By::source: j.key("source").string(output.name); break;
    case By::node:
      j.key("node").string(output.name).key("port").string(port_name(output.port));
      break;
    case By::lane: j.key("lane").string(output.name); break;
    case By::refusal:
      j.key("refused").string(reason_name(output.reason));
      if (!output.name.empty()) j.key("node").string(output.name);
      if (!output.why.empty()) j.key("why").string(output.why);
      break;
  }
  if (output.record != nullptr) append_json_record(j.key("record"), output.record->row());
  return j.end_object().take() + "\n";
}

// What to do about a text that is no record.
const char* fix_of(Reason reason, Format format) {
  switch (reason) {
    case Reason::too_large: return "a record has at most 64 KiB, or what the source says";
    case Reason::too_many_fields: return "a record has at most 10000 fields";
    case Reason::too_deep: return "objects are nested at most 16 deep";
    case Reason::duplicate_field: return "a record has each field once";
    case Reason::bad_time: return "the source's 'time' says the field and the unit of times";
    case Reason::shapes_exhausted: return "names of fields do not depend on data";
    default: break;
  }
  return format == Format::influx ? "a line is MEASUREMENT,TAG=VALUE FIELD=VALUE TIME"
                                  : "a line is one JSON object: {\"temp\":21.5}";
}

// The first lines, of about as much as a source reads at once.
std::string_view block_of(std::string_view text) {
  if (text.size() <= limits::kPollBytesMax) return text;
  const std::size_t end = text.substr(0, limits::kPollBytesMax).rfind('\n');
  return text.substr(0, end != std::string_view::npos ? end + 1 : text.find('\n') + 1);
}

// Where lines part into two, about in the middle; 0: it is one line.
std::size_t parting_of(std::string_view lines) {
  const std::size_t behind = lines.find('\n', lines.size() / 2) + 1;
  if (behind > 0 && behind < lines.size()) return behind;
  return lines.substr(0, lines.size() / 2).rfind('\n') + 1;
}

Result<std::string> standard_input() {
  std::string text;
  char block[16 * 1024];
  for (std::size_t size = 0; (size = std::fread(block, 1, sizeof block, stdin)) > 0;) {
    if (text.size() + size > RunOnce::kFileBytesMax) return fail(Code::full, "it is too large");
    text.append(block, size);
  }
  if (std::ferror(stdin) != 0) return fail(Code::io, "it cannot be read");
  return text;
}

}  // namespace

Result<std::unique_ptr<RunOnce>> RunOnce::make(const Configuration& configuration,
                                               const Companions::Host& host,
                                               const RunOnceOptions& options, Stamp begin,
                                               Print print, Print tell, std::string& which) {
  const auto source = std::ranges::find_if(configuration.sources, [&](const auto& s) {
    return options.source.empty() || source_name(s) == options.source;
  });
  if (source == configuration.sources.end()) {
    which = options.source;
    return fail(Code::not_found, "no source has this name");
  }
  std::unique_ptr<RunOnce> run(new RunOnce(options, begin, std::move(print), std::move(tell)));
  run->source_ = common(*source);
  run->source_.index = static_cast<SourceIndex>(source - configuration.sources.begin());
  if (!options.stream.empty()) run->source_.stream = options.stream;
  run->stream_ = run->source_.stream.empty() ? run->source_.name : run->source_.stream;
  RunOnce* const self = run.get();
  if (Status s = run->vault_.load(host.files, configuration.keys, which); !s) {
    which = "keys." + which;
    return std::unexpected(s.error());
  }
  auto dry =
      DryRun::make(configuration, run->vault_, host, DryRun::ClockBy::records, WallTime{begin.ns},
                   [self](const DryRun::Output& output) { self->show(output); });
  if (!dry) return std::unexpected(dry.error());
  run->dry_ = std::move(*dry);
  run->intake_ = std::make_unique<Intake>(run->dry_->shapes());
  for (const auto& lane : configuration.pipeline.lanes) run->landed_.emplace_back(lane.name, 0);
  return run;
}

bool RunOnce::run(std::string text) {
  const std::size_t size = text.size();
  text.append(kParsePadding, '\0');
  text_ = std::string_view(text).substr(0, size);
  if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  const std::string_view begin = trim(text_);
  const bool json = begin.starts_with('{') || begin.starts_with('[');
  const std::string& format = options_.format;
  if (format == "csv" || (format.empty() && options_.file.ends_with(".csv"))) {
    read_csv();
  } else if (format == "lines" || (format.empty() && !json)) {
    read_lines(text_, Format::influx);
  } else if (begin.starts_with('[') || sniff_json(text_) == Format::json) {
    read_whole(text_, Format::json);
  } else {
    read_lines(text_, Format::ndjson);
  }
  dry_->finish();
  if (!options_.print && !options_.json) summary();
  if (mistakes_ > kMistakesMax) {
    tell_(joined({options_.file, ": and ", std::to_string(mistakes_ - kMistakesMax), " more\n"}));
  }
  wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return mistakes_ == 0;
}

void RunOnce::read_lines(std::string_view lines, Format format) {
  while (!lines.empty()) {
    const std::string_view block = block_of(lines);
    read_whole(block, format);
    lines.remove_prefix(block.size());
  }
}

// What does not fit into an intake is read in two parts.
void RunOnce::read_whole(std::string_view text, Format format) {
  Decoder decoder(source_, InstallKey{});
  Tally tally;
  decoder.begin(*intake_);
  const bool fits = decoder.decode(format, {text, stream_, begin_}, tally) && !tally.too_large;
  decoder.end(1);
  const std::size_t parting = fits || format == Format::json ? 0 : parting_of(text);
  if (parting == 0) {
    for (const Refusal& refusal : intake_->refusals) {
      const auto at = static_cast<std::size_t>(text.data() - text_.data()) + refusal.position;
      mistake(at, reason_name(refusal.reason), fix_of(refusal.reason, format));
      mistakes_ += refusal.count - 1;
    }
    for (const RawRecord& record : intake_->records) {
      ++records_;
      dry_->give(source_.index, record);
    }
  }
  intake_->reset();
  if (parting == 0) return;
  read_whole(text.substr(0, parting), format);
  read_whole(text.substr(parting), format);
}

void RunOnce::read_csv() {
  CsvRecords csv(text_, source_, stream_, *intake_);
  for (auto next = csv.next(begin_); next != CsvRecords::Next::end; next = csv.next(begin_)) {
    if (next == CsvRecords::Next::mistake) {
      mistake(offset_of(csv.line()) + csv.at(), csv.what(), csv.fix());
    } else {
      ++records_;
      dry_->give(source_.index, intake_->records.front());
    }
    intake_->reset();
  }
  intake_->reset();
}

// Of a line's begin.
std::size_t RunOnce::offset_of(std::uint32_t line) const {
  std::size_t at = 0;
  while (--line > 0) at = text_.find('\n', at) + 1;
  return at;
}

void RunOnce::show(const DryRun::Output& output) {
  if (output.by == DryRun::Output::By::refusal) ++refused_;
  if (output.by == DryRun::Output::By::lane) {
    ++std::ranges::find(landed_, output.name, [](const auto& l) {
        return std::string_view(l.first);
      })->second;
  }
  if (options_.json) {
    print_(json_of(output));
  } else if (options_.print) {
    print_(text_of(output));
  }
}

// FILE:LINE:COLUMN, in characters.
void RunOnce::mistake(std::size_t at, std::string_view what, std::string_view fix) {
  if (++mistakes_ > kMistakesMax) return;
  std::string_view before = text_.substr(0, at);
  const auto line = 1 + std::ranges::count(before, '\n');
  before.remove_prefix(before.rfind('\n') + 1);
  std::size_t column = 1;
  for (; !before.empty(); ++column) {
    before.remove_prefix(std::max<std::size_t>(utf8_bytes(before), 1));
  }
  tell_(joined({options_.file, ":", std::to_string(line), ":", std::to_string(column),
                ": this is no record: ", what, "\n  -> ", fix, "\n"}));
}

void RunOnce::summary() {
  std::string text = joined({"records ", std::to_string(records_), ", refused ",
                             std::to_string(refused_), "; to lanes:"});
  for (const auto& [lane, count] : landed_) text += " " + lane + " " + std::to_string(count);
  print_(text + "\n");
}

int run_once_command(const std::string& configuration, const RunOnceOptions& options) {
  const auto host = DryHost::make();
  if (!host) {
    std::fprintf(stderr, "pinaflux: %s\n", host.error().what);
    return exit_status(host.error());
  }
  LinuxPlatform& platform = (*host)->platform();
  const Loaded loaded = load_configuration(platform.files, configuration);
  std::fputs(findings_text(loaded.findings).c_str(), stderr);
  if (!loaded.configuration) return kExitConfiguration;
  const auto to = [](std::FILE* file) {
    return [file](std::string_view line) { std::fwrite(line.data(), 1, line.size(), file); };
  };
  std::string which;
  auto once = RunOnce::make(*loaded.configuration, (*host)->companions(), options,
                            Stamp::wall(platform.clock.wall()), to(stdout), to(stderr), which);
  if (!once) {
    std::fprintf(stderr, "pinaflux: %s%s%s\n", which.c_str(), which.empty() ? "" : ": ",
                 once.error().what);
    return which == options.source && !which.empty() ? kExitUsage : exit_status(once.error());
  }
  auto text = options.file == "-" ? standard_input()
                                  : platform.files.read_text(options.file, RunOnce::kFileBytesMax);
  if (!text) {
    std::fprintf(
        stderr,
        "pinaflux: %s: %s\n  -> name a file of NDJSON, CSV or line protocol, of at most 64 MiB\n",
        options.file.c_str(), text.error().what);
    return exit_status(text.error());
  }
  return (*once)->run(std::move(*text)) ? kExitOk : kExitMistake;
}

}  // namespace pinaflux
