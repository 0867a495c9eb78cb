#include "agent/agent/rehearsal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "agent/agent/dry_run.h"
#include "agent/config/units.h"
#include "agent/ingest/format.h"
#include "agent/seal/row_json.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr WallTime kBegin{1'767'225'600'000'000'000};  // 2026-01-01T00:00:00Z
constexpr std::string_view kArrow = "->";
constexpr double kExactMax = 0x1p53;

// What came of a record, or is expected of it; of a refusal only `lane`: "refused REASON NODE".
struct Outcome {
  std::string lane, stream;
  std::string time;                           // Empty: any.
  std::map<std::string, std::string> fields;  // Values as JSON.
  std::string why;                            // Of a refusal, if the node says it.

  // As a test expects it.
  std::string line() const {
    std::string text = std::string(kArrow) + " " + lane;
    if (stream.empty()) return text;
    text += " " + stream;
    if (!time.empty()) text += " @" + time;
    text += " {";
    for (const auto& [name, json] : fields) {
      if (text.back() != '{') text += ',';
      append_json_string(text, name);
      text += ":" + json;
    }
    return text + "}";
  }
  std::string spoken() const { return line() + (why.empty() ? "" : ": " + why); }
};

std::map<std::string, std::string> fields_of(const Row& row) {
  std::map<std::string, std::string> fields;
  for (std::size_t i = 0; i < row.shape->field_count(); ++i) {
    const Type type = row.values[i].type();
    if (type == Type::absent || type == Type::null) continue;
    JsonWriter json;
    append_json_value(json, row.values[i]);
    fields[row.shape->fields()[i]] = json.take();
  }
  return fields;
}

// "2026-07-25T06:14:09Z": no zeros that say nothing.
std::string spoken_time(std::int64_t ns) {
  std::string text = iso_time(ns);
  text.pop_back();
  text.resize(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text + "Z";
}

std::optional<double> number(std::string_view json) {
  double value = 0;
  const auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), value);
  if (error != std::errc() || end != json.data() + json.size()) return std::nullopt;
  return value;
}

bool same_value(std::string_view expected, std::string_view json) {
  if (expected == json) return true;
  if (expected.ends_with("*\"")) return json.starts_with(expected.substr(0, expected.size() - 2));
  const auto a = number(expected), b = number(json);
  return a && b && *a == *b && std::abs(*a) < kExactMax;
}

// Empty: they are the same.
std::string difference(const Outcome& expected, const Outcome& got) {
  if (expected.stream != got.stream) return "the stream is " + got.stream;
  if (!expected.time.empty() && expected.time != got.time) return "the time is " + got.time;
  for (const auto& [name, json] : expected.fields) {
    const auto at = got.fields.find(name);
    if (at == got.fields.end()) return "field '" + name + "' is missing";
    if (!same_value(json, at->second)) return "field '" + name + "' is " + at->second;
  }
  for (const auto& [name, json] : got.fields) {
    if (!expected.fields.contains(name)) return "field '" + name + "' is there, too: " + json;
  }
  return {};
}

// The text up to the next space; both sides of it are trimmed.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return word;
}

// A source that reads one JSON object: what is expected.
SourceOptions json_options() {
  SourceOptions options;
  options.format = Format::json;
  return options;
}

}  // namespace

struct Rehearsal::State {
  State(const Configuration& configuration, const Companions::Host& host)
      : configuration(configuration), host(host) {}

  Status begin();
  void line(std::string_view text);
  void wait(std::string_view rest);
  void give(std::string_view text);
  void expect(std::string_view rest);
  void close_block();
  std::optional<Row> decode(const SourceOptions& options, const Payload& payload);
  std::optional<std::string> take_time(std::string_view& rest);
  void mistake(std::string what) { mistake_at(number, std::move(what)); }
  void mistake_at(std::uint32_t line, std::string what);
  void shown(const DryRun::Output& output);
  void refused(Reason reason, std::string_view node = {}, std::string_view why = {});
  void came(Outcome outcome) {
    result.told += outcome.line() + "\n";
    if (!outcome.why.empty()) result.told += "# " + outcome.why + "\n";
    outcomes.push_back({number, std::move(outcome)});
  }

  const Configuration& configuration;
  const Companions::Host host;
  Vault vault;
  // Made anew for each test.
  std::unique_ptr<DryRun> dry;
  std::unique_ptr<Intake> intake;

  struct Came {
    std::uint32_t line;  // That gave it.
    Outcome outcome;
  };
  std::deque<Came> outcomes;  // Not expected yet.
  bool expecting = false;     // The last line was one that expects.
  std::uint32_t number = 0;
  Rehearsed result;
};

Result<std::unique_ptr<Rehearsal>> Rehearsal::make(const Configuration& configuration,
                                                   const Companions::Host& host,
                                                   std::string& which) {
  auto state = std::make_unique<State>(configuration, host);
  if (Status s = state->vault.load(host.files, configuration.keys, which); !s) {
    which = "keys." + which;
    return std::unexpected(s.error());
  }
  if (Status s = state->begin(); !s) return std::unexpected(s.error());
  return std::unique_ptr<Rehearsal>(new Rehearsal(std::move(state)));
}

Rehearsal::Rehearsal(std::unique_ptr<State> state) : state_(std::move(state)) {}
Rehearsal::~Rehearsal() = default;

Status Rehearsal::State::begin() {
  intake.reset();
  auto made = DryRun::make(configuration, vault, host, DryRun::ClockBy::caller, kBegin,
                           [this](const DryRun::Output& output) { shown(output); });
  if (!made) return std::unexpected(made.error());
  dry = std::move(*made);
  intake = std::make_unique<Intake>(dry->shapes());
  outcomes.clear();
  expecting = false;
  number = 0;
  result = Rehearsed{};
  return {};
}

Result<Rehearsed> Rehearsal::run(std::string_view test) {
  State& state = *state_;
  if (Status s = state.begin(); !s) return std::unexpected(s.error());
  while (!test.empty()) {
    std::string_view text = test.substr(0, test.find('\n'));
    test.remove_prefix(std::min(text.size() + 1, test.size()));
    if (text.ends_with('\r')) text.remove_suffix(1);
    ++state.number;
    state.line(text);
  }
  state.close_block();
  return std::move(state.result);
}

void Rehearsal::State::line(std::string_view text) {
  std::string_view rest = text;
  const std::string_view first = take_word(rest);
  if (first != kArrow) result.told += std::string(text) + "\n";
  if (first.empty() || first.starts_with('#')) return;
  if (first == kArrow) {
    expecting = true;
    ++result.expected;
    return expect(rest);
  }
  if (std::exchange(expecting, false)) close_block();
  first == "wait" ? wait(rest) : give(text);
}

void Rehearsal::State::wait(std::string_view rest) {
  const auto duration = config::parse_duration(rest);
  if (!duration || duration->ns < 0) return mistake("'wait' takes a duration such as 90s or 10m");
  dry->wait(*duration);
}

void Rehearsal::State::give(std::string_view text) {
  const std::string_view stream = take_word(text);
  const std::string_view name = stream.substr(0, stream.find('/'));
  const auto source = std::ranges::find_if(configuration.sources,
                                           [&](const auto& s) { return source_name(s) == name; });
  if (source == configuration.sources.end()) {
    return mistake("no source is named '" + printable(name, 40) +
                   "': a line begins with a stream, ->, wait or #");
  }
  if (const auto time = take_time(text)) {
    const auto ns = parse_rfc3339(*time);
    if (!ns) return mistake("what stands behind @ is no time such as 2026-07-25T06:14:09Z");
    dry->set(WallTime{*ns});
  }
  const auto index = static_cast<SourceIndex>(source - configuration.sources.begin());
  SourceOptions options = common(*source);
  options.index = index;
  intake->reset();
  Decoder decoder(options, InstallKey{});
  Tally tally;
  std::string padded(text);
  padded.append(kParsePadding, '\0');
  decoder.begin(*intake);
  const bool fits = decoder.decode(
      options.format,
      {std::string_view(padded).substr(0, text.size()), stream, Stamp::wall(dry->clock())}, tally);
  decoder.end(1);
  if (!fits || tally.refused > 0) refused(tally.fault);
  for (const RawRecord& raw : intake->records) {
    ++result.given;
    dry->give(index, raw);
  }
  wipe(MutableBytes(reinterpret_cast<std::uint8_t*>(padded.data()), padded.size()));
  intake->reset();
}

void Rehearsal::State::shown(const DryRun::Output& output) {
  using By = DryRun::Output::By;
  if (output.by == By::refusal) return refused(output.reason, output.name, output.why);
  if (output.by != By::lane) return;
  Outcome outcome{std::string(output.name),
                  std::string(output.record->shape().stream()),
                  {},
                  fields_of(output.record->row()),
                  {}};
  const Stamp time = output.record->time();
  if (time.boot == 0) outcome.time = spoken_time(time.ns);
  came(std::move(outcome));
}

// `node`: that refused it; empty: none did.
void Rehearsal::State::refused(Reason reason, std::string_view node, std::string_view why) {
  Outcome outcome;
  outcome.lane = "refused " + std::string(reason_name(reason));
  if (!node.empty()) outcome.lane += " " + std::string(node);
  outcome.why = why;
  came(std::move(outcome));
}

void Rehearsal::State::expect(std::string_view rest) {
  const std::string_view lane = take_word(rest);
  if (lane == "nothing") {
    if (!rest.empty()) mistake("nothing stands behind '-> nothing'");
    return close_block();
  }
  Outcome expected;
  expected.lane = lane;
  if (lane == "refused") {
    expected.lane += " " + std::string(rest);
  } else {
    const auto known = [&](const PipelineLane& l) { return l.name == lane; };
    if (std::ranges::none_of(configuration.pipeline.lanes, known)) {
      return mistake("no lane is named '" + printable(lane, 40) + "'");
    }
    expected.stream = take_word(rest);
    if (const auto time = take_time(rest)) {
      const auto ns = parse_rfc3339(*time);
      if (!ns) return mistake("what stands behind @ is no time such as 2026-07-25T06:14:09Z");
      expected.time = spoken_time(*ns);
    }
    const auto row = decode(json_options(), {rest, expected.stream, Stamp{}});
    if (!row) return mistake("a lane, a stream and a JSON object stand behind '->'");
    expected.fields = fields_of(*row);
  }
  const bool refused = lane == "refused";
  const auto at = std::ranges::find_if(outcomes, [&](const Came& came) {
    return refused ? came.outcome.lane.starts_with("refused ") : came.outcome.lane == lane;
  });
  if (at == outcomes.end()) {
    return mistake(refused ? "nothing was refused" : "nothing more came to lane " + expected.lane);
  }
  const Came came = std::move(*at);
  outcomes.erase(at);
  const bool same = refused ? (came.outcome.lane + " ").starts_with(expected.lane + " ")
                            : difference(expected, came.outcome).empty();
  if (same) return;
  mistake(refused ? "it was " + came.outcome.spoken().substr(kArrow.size() + 1)
                  : difference(expected, came.outcome) + "; it is: " + came.outcome.line());
}

// The row lives until the next one is decoded.
std::optional<Row> Rehearsal::State::decode(const SourceOptions& options, const Payload& payload) {
  std::string padded(payload.text);
  padded.append(kParsePadding, '\0');
  Payload read = payload;
  read.text = std::string_view(padded).substr(0, payload.text.size());
  intake->reset();
  Decoder decoder(options, InstallKey{});
  Tally tally;
  decoder.begin(*intake);
  const bool fits = decoder.decode(options.format, read, tally);
  decoder.end(1);
  if (!fits || tally.refused > 0 || intake->records.size() != 1) return std::nullopt;
  return intake->records.front().row;
}

std::optional<std::string> Rehearsal::State::take_time(std::string_view& rest) {
  if (!rest.starts_with('@')) return std::nullopt;
  return std::string(take_word(rest).substr(1));
}

void Rehearsal::State::close_block() {
  for (const Came& came : outcomes) {
    mistake_at(came.line, "not expected: " + came.outcome.spoken());
  }
  outcomes.clear();
}

void Rehearsal::State::mistake_at(std::uint32_t line, std::string what) {
  if (result.mistakes.size() < kMistakesMax) {
    result.mistakes.push_back({line, std::move(what)});
  } else {
    ++result.beyond;
  }
}

}  // namespace pinaflux
