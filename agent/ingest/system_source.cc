#include "agent/ingest/system_source.h"

// One turn of the timer is one parcel. Ticks are kept on a grid from the start, so that readings of many
// days stay aligned; a tick that finds the last one still unpolled is a missed reading.
//
// Counters (bytes, sectors, operations) are given as the kernel counts them since boot: a rate is for the
// pipeline or the reader to take. Only the processor's share is computed here, from two looks, because
// nobody can read jiffies.

#include <algorithm>
#include <cmath>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::size_t kFileBytesMax = 256 * 1024;
constexpr std::uint64_t kSectorBytes = 512;  // Of /proc/diskstats, whatever the disk's own are.

// Cuts the next word off a line of words.
std::string_view word(std::string_view& line) {
  line = trim(line);
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view first = line.substr(0, end);
  line.remove_prefix(end);
  return first;
}

std::uint64_t number(std::string_view text) {
  return parse_integer<std::uint64_t>(trim(text)).value_or(0);
}

// Two decimals are more than the kernel's ticks can tell, and pack well.
double percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return 0.0;
  return std::round(static_cast<double>(part) / static_cast<double>(whole) * 1e4) / 1e2;
}

bool is_virtual_disk(std::string_view name) {
  return name.starts_with("loop") || name.starts_with("ram") || name.starts_with("zram");
}

struct HwmonKind {
  std::string_view prefix;
  std::string_view field;
  double scale;
};
constexpr HwmonKind kHwmonKinds[] = {
    {"temp", "celsius", 1e3}, {"in", "volt", 1e3},          {"curr", "ampere", 1e3},
    {"power", "watt", 1e6},   {"humidity", "percent", 1e3}, {"fan", "rpm", 1.0},
};

}  // namespace

// The parcel that is filled: one record after the other, until one does not fit.
class SystemSource::Readings {
 public:
  Readings(SystemSource& owner, Intake& intake, Stamp now)
      : owner_(owner), intake_(intake), now_(now) {}

  Readings& begin(std::string_view kind) {
    stream_ = owner_.options_.stream.empty() ? owner_.options_.name : owner_.options_.stream;
    stream_.append("/").append(kind);
    owner_.builder_.begin(intake_, stream_);
    good_ = true;
    return *this;
  }
  Readings& text(std::string_view name, std::string_view value) {
    const std::string_view kept = owner_.builder_.keep(value);
    if (kept.data() == nullptr) {
      good_ = fits_ = false;
      return *this;
    }
    return add(name, Value::text(kept));
  }
  Readings& count(std::string_view name, std::uint64_t value) {
    return add(name, value <= INT64_MAX ? Value::int64(static_cast<std::int64_t>(value))
                                        : Value::uint64(value));
  }
  Readings& real(std::string_view name, double value) { return add(name, Value::float64(value)); }
  void end() {
    if (good_) note(owner_.builder_.finish(now_));
    if (good_) ++records_;
  }
  bool fits() const { return fits_; }
  std::uint64_t records() const { return records_; }

 private:
  Readings& add(std::string_view name, Value value) {
    if (good_) note(owner_.builder_.add({}, name, value));
    return *this;
  }
  void note(const Built& built) {
    if (built) return;
    good_ = false;
    if (built.error().no_room) fits_ = false;
  }

  SystemSource& owner_;
  Intake& intake_;
  const Stamp now_;
  std::string stream_;
  bool good_ = true;
  bool fits_ = true;
  std::uint64_t records_ = 0;
};

SystemSource::SystemSource(SystemSourceOptions options, const SourceHost& host)
    : options_(std::move(options)),
      host_(host),
      builder_(TimeField{}),
      timer_(host.loop.timer([this] { tick(); })) {}

Status SystemSource::start() {
  if (options_.every <= Duration{0})
    return fail(Code::invalid, "`every` must be longer than nothing");
  if (auto stat = host_.files.read_text(options_.root + "/proc/stat", kFileBytesMax)) {
    (void)parse_cpu(*stat, cpu_last_);
  }
  next_ = host_.clock.now() + options_.every;
  timer_->start(options_.every);
  health_.state = SourceHealth::State::working;
  return {};
}

void SystemSource::tick() {
  if (due_) ++health_.missed;
  due_ = true;
  const Instant now = host_.clock.now();
  next_ = next_ + options_.every;
  while (next_ <= now) {
    next_ = next_ + options_.every;
    ++health_.missed;
  }
  timer_->start(next_ - now);
}

void SystemSource::poll(Intake& intake) {
  if (!due_) return;
  intake.begin(options_.index);
  Readings out(*this, intake, host_.stamp());
  cpu(out);
  memory(out);
  disks(out);
  file_systems(out);
  networks(out);
  thermal(out);
  hwmon(out);
  if (!out.fits() || out.records() == 0) {
    intake.abandon();
    due_ = !out.fits();
    if (out.records() == 0 && out.fits()) {
      health_.state = SourceHealth::State::failed;
      health_.text = "neither /proc nor /sys can be read";
    }
    return;
  }
  due_ = false;
  intake.end(++ticket_);
  ++health_.parcels;
  health_.records += out.records();
  health_.state = SourceHealth::State::working;
  health_.text.clear();
}

std::string SystemSource::text_of(const std::string& path) {
  return host_.files.read_text(options_.root + path, kFileBytesMax).value_or(std::string());
}

std::vector<std::string> SystemSource::names_in(const std::string& path) {
  auto names = host_.files.list(options_.root + path).value_or(std::vector<std::string>());
  if (names.size() > kDevicesMax) names.resize(kDevicesMax);
  return names;
}

// "cpu  user nice system idle iowait irq softirq steal ..."
bool SystemSource::parse_cpu(std::string_view stat, CpuTimes& times) {
  std::string_view line = stat.substr(0, stat.find('\n'));
  if (word(line) != "cpu") return false;
  std::uint64_t t[8] = {};
  for (std::uint64_t& value : t) value = number(word(line));
  times = {.user = t[0] + t[1], .system = t[2] + t[5] + t[6], .idle = t[3], .iowait = t[4]};
  for (std::uint64_t value : t) times.total += value;
  return times.total > 0;
}

void SystemSource::cpu(Readings& out) {
  CpuTimes now;
  if (!parse_cpu(text_of("/proc/stat"), now)) return;
  const CpuTimes last = std::exchange(cpu_last_, now);
  // The kernel's idle time may go back a little; such a look says nothing.
  if (now.total <= last.total || now.idle < last.idle || now.iowait < last.iowait) return;
  const std::uint64_t total = now.total - last.total;
  const std::uint64_t resting = std::min(total, now.idle - last.idle + now.iowait - last.iowait);
  out.begin("cpu")
      .real("busy_percent", percent(total - resting, total))
      .real("user_percent", percent(now.user - std::min(now.user, last.user), total))
      .real("system_percent", percent(now.system - std::min(now.system, last.system), total))
      .real("iowait_percent", percent(now.iowait - last.iowait, total));
  const std::string load = text_of("/proc/loadavg");
  std::string_view rest = load;
  for (std::string_view name : {"load_1m", "load_5m", "load_15m"}) {
    if (const auto value = parse_double(word(rest))) out.real(name, *value);
  }
  out.end();
}

void SystemSource::memory(Readings& out) {
  const std::string text = text_of("/proc/meminfo");
  if (text.empty()) return;
  std::uint64_t total = 0, available = 0, swap_total = 0, swap_free = 0;
  for (std::string_view line : split(text, '\n')) {
    const std::string_view name = word(line);
    std::uint64_t* field = name == "MemTotal:"       ? &total
                           : name == "MemAvailable:" ? &available
                           : name == "SwapTotal:"    ? &swap_total
                           : name == "SwapFree:"     ? &swap_free
                                                     : nullptr;
    if (field != nullptr) *field = number(word(line)) * 1024;
  }
  if (total == 0) return;
  out.begin("memory")
      .count("total_bytes", total)
      .count("available_bytes", available)
      .real("used_percent", percent(total - std::min(total, available), total))
      .count("swap_total_bytes", swap_total)
      .count("swap_free_bytes", swap_free)
      .end();
}

// "major minor name reads merged sectors ms writes merged sectors ms in_flight busy_ms ..."
void SystemSource::disks(Readings& out) {
  const std::string text = text_of("/proc/diskstats");
  std::size_t devices = 0;
  for (std::string_view line : split(text, '\n')) {
    (void)word(line);
    (void)word(line);
    const std::string_view name = word(line);
    std::uint64_t t[10] = {};
    for (std::uint64_t& value : t) value = number(word(line));
    if (name.empty() || is_virtual_disk(name) || (t[0] == 0 && t[4] == 0)) continue;
    if (++devices > kDevicesMax) return;
    out.begin("disk")
        .text("device", name)
        .count("reads", t[0])
        .count("read_bytes", t[2] * kSectorBytes)
        .count("writes", t[4])
        .count("written_bytes", t[6] * kSectorBytes)
        .count("busy_ms", t[9])
        .end();
  }
}

void SystemSource::file_systems(Readings& out) {
  for (const std::string& mount : options_.mounts) {
    const auto fs = host_.files.file_system(options_.root + mount);
    if (!fs || fs->bytes_total == 0) continue;
    const std::uint64_t used = fs->bytes_total - std::min(fs->bytes_total, fs->bytes_free);
    out.begin("filesystem")
        .text("mount", mount)
        .count("total_bytes", fs->bytes_total)
        .count("free_bytes", fs->bytes_free)
        .real("used_percent", percent(used, fs->bytes_total))
        .end();
  }
}

// "name: rx_bytes packets errors drops fifo frame compressed multicast tx_bytes packets errors drops"
void SystemSource::networks(Readings& out) {
  const std::string text = text_of("/proc/net/dev");
  std::size_t devices = 0;
  for (std::string_view line : split(text, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = trim(line.substr(0, colon));
    line.remove_prefix(colon + 1);
    std::uint64_t t[12] = {};
    for (std::uint64_t& value : t) value = number(word(line));
    if (name == "lo") continue;
    if (++devices > kDevicesMax) return;
    out.begin("network")
        .text("interface", name)
        .count("received_bytes", t[0])
        .count("received_packets", t[1])
        .count("received_errors", t[2])
        .count("received_drops", t[3])
        .count("sent_bytes", t[8])
        .count("sent_packets", t[9])
        .count("sent_errors", t[10])
        .count("sent_drops", t[11])
        .end();
  }
}

void SystemSource::thermal(Readings& out) {
  const std::string base = "/sys/class/thermal/";
  for (const std::string& zone : names_in(base)) {
    if (!zone.starts_with("thermal_zone")) continue;
    const auto milli = parse_integer<std::int64_t>(trim(text_of(base + zone + "/temp")));
    if (!milli) continue;
    const std::string type = text_of(base + zone + "/type");
    out.begin("thermal")
        .text("zone", zone)
        .text("type", trim(type))
        .real("celsius", static_cast<double>(*milli) / 1e3)
        .end();
  }
}

void SystemSource::hwmon(Readings& out) {
  const std::string base = "/sys/class/hwmon/";
  for (const std::string& chip : names_in(base)) hwmon_chip(base + chip, out);
}

// Files such as temp1_input, with an optional temp1_label beside it.
void SystemSource::hwmon_chip(const std::string& folder, Readings& out) {
  const std::string chip = text_of(folder + "/name");
  auto files = host_.files.list(options_.root + folder).value_or(std::vector<std::string>());
  std::size_t sensors = 0;
  for (const std::string& file : files) {
    if (!file.ends_with("_input")) continue;
    const std::string sensor = file.substr(0, file.size() - std::string_view("_input").size());
    const auto kind = std::ranges::find_if(
        kHwmonKinds, [&](const HwmonKind& k) { return sensor.starts_with(k.prefix); });
    const auto value = parse_integer<std::int64_t>(trim(text_of(folder + "/" + file)));
    if (kind == std::end(kHwmonKinds) || !value || ++sensors > kDevicesMax) continue;
    const std::string label = text_of(folder + "/" + sensor + "_label");
    out.begin("hwmon")
        .text("chip", trim(chip))
        .text("sensor", trim(label).empty() ? std::string_view(sensor) : trim(label))
        .real(kind->field, static_cast<double>(*value) / kind->scale)
        .end();
  }
}

}  // namespace pinaflux
