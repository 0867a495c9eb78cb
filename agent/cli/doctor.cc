#include "agent/cli/doctor.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <variant>

#include "agent/cli/control_client.h"
#include "agent/cli/exit_status.h"
#include "agent/cli/visitor.h"
#include "agent/config/load.h"
#include "agent/data/identity.h"
#include "agent/pipeline/node_kinds.h"
#include "platform/base/json_writer.h"
#include "platform/http/link.h"
#include "platform/http/url.h"
#include "platform/linux/children.h"
#include "platform/linux/linux.h"
#include "platform/mqtt/session.h"
#include "version.h"

namespace pinaflux {

namespace {

constexpr Duration kCheckTimeout = Duration::seconds(10);

const char* verdict_name(Check::Verdict verdict) {
  switch (verdict) {
    case Check::Verdict::ok: return "ok";
    case Check::Verdict::warning: return "warning";
    case Check::Verdict::failed: return "failed";
  }
  return "?";
}

// One connection to a broker, as far as CONNACK.
class BrokerVisit : private mqtt::Session::Events {
 public:
  explicit BrokerVisit(Loop& loop) : loop_(loop) {}

  Check visit(Network& network, const mqtt::Options& options) {
    auto timer = loop_.timer([this] { end(Check::Verdict::failed, "no answer in time"); });
    timer->start(kCheckTimeout);
    auto session = mqtt::Session::connect(network, loop_, options, *this);
    if (!session) {
      end(Check::Verdict::failed, session.error().what);
      return check_;
    }
    session_ = std::move(*session);
    loop_.run([] { return false; });
    session_.reset();
    return check_;
  }
  bool unsupported() const { return unsupported_; }

 private:
  void connected(const mqtt::Accepted& accepted) override {
    end(Check::Verdict::ok, accepted.version == 5 ? "answers MQTT 5" : "answers MQTT 3.1.1");
  }
  void subscribed(std::string_view, int) override {}
  void message(const mqtt::Message&) override {}
  void published(std::uint16_t, int) override {}
  void mark_reached(std::uint64_t) override {}
  void closed(Error reason, int) override {
    unsupported_ = reason.code == Code::unsupported;
    const std::string why = session_ != nullptr ? session_->why() : std::string();
    end(Check::Verdict::failed, why.empty() ? reason.what : why);
  }
  void end(Check::Verdict verdict, const std::string& text) {
    if (!check_.text.empty()) return;
    check_.verdict = verdict;
    check_.text = text;
    loop_.stop();
  }

  Loop& loop_;
  Check check_;
  bool unsupported_ = false;
  std::unique_ptr<mqtt::Session> session_;
};

// One connection to a server that is posted to.
class ServerVisit : private MqttClient::Events {
 public:
  Check visit(Network& network, Loop& loop, const MqttConnect& to) {
    auto timer = loop.timer([&] { end(loop, Check::Verdict::failed, "no answer in time"); });
    timer->start(kCheckTimeout);
    loop_ = &loop;
    const auto link = with_http({}, network, loop)(*this);
    link->connect(to);
    loop.run([] { return false; });
    return check_;
  }

 private:
  void connected(const MqttSession&) override {
    end(*loop_, Check::Verdict::ok, "takes connections");
  }
  void lost(int, const std::string& why) override { end(*loop_, Check::Verdict::failed, why); }
  void published(std::uint64_t, int) override {}
  void message(const std::string&, Bytes) override {}
  void end(Loop& loop, Check::Verdict verdict, const std::string& text) {
    if (!check_.text.empty()) return;
    check_.verdict = verdict;
    check_.text = text;
    loop.stop();
  }

  Loop* loop_ = nullptr;
  Check check_;
};

class Doctor {
 public:
  Doctor(const DoctorOptions& options, LinuxPlatform& platform)
      : options_(options), platform_(platform) {}

  int examine();

 private:
  using Examination = std::function<void(Check&)>;

  void check(const std::string& name, const Examination& examination);
  void clock(Check& c);
  void spool(Check& c);
  void agent(Check& c);
  bool asks_processes() const;
  void sandbox(Check& c);
  template <class Peer>  // UplinkOptions, MqttSourceOptions.
  void broker(Check& c, const Peer& peer);
  void source(const AnySourceOptions& source);
  void file(Check& c, const std::string& path);
  int finish();

  const DoctorOptions& options_;
  LinuxPlatform& platform_;
  std::optional<Configuration> configuration_;
  std::vector<Check> checks_;
};

void Doctor::check(const std::string& name, const Examination& examination) {
  Check c;
  c.name = name;
  const Instant begin = platform_.clock.now();
  examination(c);
  c.milliseconds = (platform_.clock.now() - begin).seconds() * 1e3;
  if (!options_.json) std::fputs(check_line(c).c_str(), stdout);
  checks_.push_back(std::move(c));
}

int Doctor::examine() {
  check("configuration", [this](Check& c) {
    auto loaded = load_configuration(platform_.files, options_.configuration);
    c.text = options_.configuration;
    if (!loaded.findings.empty()) {
      c.verdict = loaded.configuration ? Check::Verdict::warning : Check::Verdict::failed;
      c.text += "\n" + findings_text(loaded.findings);
      c.next = "correct the file: pinaflux config explain KEY says what a key means";
    }
    configuration_ = std::move(loaded.configuration);
  });
  if (!configuration_) {
    finish();
    return kExitConfiguration;
  }
  check("clock", [this](Check& c) { clock(c); });
  check("spool", [this](Check& c) { spool(c); });
  check("agent", [this](Check& c) { agent(c); });
  if (asks_processes()) check("sandbox", [this](Check& c) { sandbox(c); });
  for (const auto& s : configuration_->sources) source(s);
  for (const UplinkOptions& uplink : configuration_->uplinks) {
    check(uplink.is_first() ? "uplink broker" : "uplink " + uplink.name + " broker",
          [&](Check& c) { broker(c, uplink); });
  }
  return finish();
}

void Doctor::clock(Check& c) {
  const bool after_build = platform_.clock.wall().ns / 1'000'000'000 >= kBuildTimeUnixSeconds;
  if (!after_build) {
    c.verdict = Check::Verdict::failed;
    c.text =
        "the clock stands before the day this program was built: records carry time since boot";
    c.next = "set the clock, or start a time service (chrony, systemd-timesyncd)";
  } else if (configuration_->clock == ClockRule::plausible) {
    c.text = "plausible, and that is enough (gateway.clock)";
  } else if (!platform_.clock.synchronised()) {
    c.verdict = Check::Verdict::warning;
    c.text =
        "plausible, but the kernel does not know it to be synchronised: records carry time since "
        "boot, and get "
        "calendar time from the collector, or once it is";
    c.next =
        "start a time service (chrony, systemd-timesyncd); with a battery-backed clock and none, "
        "set "
        "gateway.clock: plausible";
  } else {
    c.text = "synchronised";
  }
}

void Doctor::spool(Check& c) {
  const auto& s = configuration_->spool;
  auto fs = platform_.files.file_system(s.directory);
  if (!fs) {
    const bool missing = fs.error().code == Code::not_found;
    c.verdict = missing ? Check::Verdict::warning : Check::Verdict::failed;
    c.text = s.directory + ": " + fs.error().what;
    c.next = missing ? "the first start makes it" : "give the agent's user access to it";
    return;
  }
  std::uint64_t own = 0;
  for (const char* name : {"/spool.db", "/spool.db-wal"}) {
    if (const auto info = platform_.files.info(s.directory + name)) own += info->bytes_on_disk;
  }
  c.text = s.directory + ": " + std::to_string(fs->bytes_free >> 20) + " MiB free, " +
           std::to_string(own >> 20) + " of up to " + std::to_string(s.bytes_max >> 20) +
           " MiB taken";
  if (fs->read_only) {
    c.verdict = Check::Verdict::failed;
    c.next = "it is read-only: remount it writable, or set spool.path elsewhere";
  } else if (fs->in_memory) {
    c.verdict = Check::Verdict::warning;
    c.next = "it is in memory and gone at a power cut: set spool.path on flash or disk";
  } else if (fs->bytes_free + own < s.bytes_max) {
    c.verdict = Check::Verdict::warning;
    c.next = "free some space, or lower spool.size_max";
  }
}

void Doctor::agent(Check& c) {
  std::string line;
  auto asked = ask_agent(*platform_.loop, platform_.network, configuration_->control.socket,
                         "status\n", [&](std::string_view l) {
                           line = l;
                           return false;
                         });
  if (asked && !line.empty()) {
    const bool healthy = line.find("\"healthy\":true") != std::string::npos;
    c.verdict = healthy ? Check::Verdict::ok : Check::Verdict::failed;
    c.text = healthy ? "runs and is healthy" : "runs and is not healthy";
    c.next = healthy ? "" : "pinaflux status says what is wrong";
  } else {
    c.verdict = Check::Verdict::warning;
    c.text = "does not run";
    c.next = "systemctl start pinaflux, or pinaflux run";
  }
}

bool Doctor::asks_processes() const {
  return std::ranges::any_of(configuration_->pipeline.nodes, [](const NodeOptions& node) {
    return std::holds_alternative<Execd>(node.kind);
  });
}

// Of the processes that nodes of the kind execd ask.
void Doctor::sandbox(Check& c) {
  const std::string missing = LinuxChildren(*platform_.loop).missing();
  c.text = missing.empty() ? "Landlock and seccomp confine the processes of the pipeline" : missing;
  if (missing.empty()) return;
  c.verdict = Check::Verdict::warning;
  c.next = "a kernel that has it, or programs that may do what it does not refuse";
}

template <class Peer>
void Doctor::broker(Check& c, const Peer& peer) {
  mqtt::Options options = visitor(peer, "doctor", platform_.entropy);
  for (int version : {5, 4}) {
    options.version = version;
    BrokerVisit visit(*platform_.loop);
    const Check seen =
        is_http(peer.broker)
            ? ServerVisit().visit(
                  platform_.network, *platform_.loop,
                  {.broker = options.broker, .tls = options.tls, .proxy = options.proxy})
            : visit.visit(platform_.network, options);
    c.verdict = seen.verdict;
    c.text = without_query(peer.broker) + ": " + seen.text;
    if (!visit.unsupported()) break;
  }
  if (c.verdict == Check::Verdict::failed) {
    c.next =
        "check address, port, firewall, user name and password of the broker; pinaflux test "
        "uplink goes the way step by step";
  }
}

void Doctor::file(Check& c, const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  auto info = platform_.files.info(directory.empty() ? "." : directory);
  c.text = path;
  if (!info) {
    c.verdict = Check::Verdict::warning;
    c.text += ": " + std::string(info.error().what);
    c.next = "the source waits until it is there";
  }
}

void Doctor::source(const AnySourceOptions& any) {
  const std::string name = "source " + source_name(any);
  if (const auto* m = std::get_if<MqttSourceOptions>(&any)) {
    check(name, [&](Check& c) {
      broker(c, *m);
      if (c.verdict == Check::Verdict::ok && c.text.find("3.1.1") != std::string::npos) {
        c.verdict = Check::Verdict::warning;
        c.next =
            "with Mosquitto, raise max_inflight_messages and max_queued_messages: beyond them "
            "an MQTT 3.1.1 broker stops or drops";
      }
    });
  } else if (const auto* f = std::get_if<FileSourceOptions>(&any)) {
    check(name, [&](Check& c) { file(c, f->path); });
  }
}

int Doctor::finish() {
  if (options_.json) std::fputs(checks_json(checks_).c_str(), stdout);
  for (const auto& c : checks_) {
    if (c.verdict == Check::Verdict::failed) return kExitUnavailable;
  }
  return kExitOk;
}

}  // namespace

std::string checks_json(const std::vector<Check>& checks) {
  JsonWriter j;
  bool healthy = true;
  for (const auto& c : checks) healthy = healthy && c.verdict != Check::Verdict::failed;
  j.begin_object().key("schema").string("pinaflux.doctor/1").key("healthy").boolean(healthy);
  j.key("checks").begin_array();
  for (const auto& c : checks) {
    j.begin_object().key("name").string(c.name).key("verdict").string(verdict_name(c.verdict));
    j.key("text").string(c.text).key("next").string(c.next);
    j.key("ms").number(c.milliseconds).end_object();
  }
  j.end_array().end_object();
  return j.take() + "\n";
}

std::string check_line(const Check& check) {
  std::string line = std::string(verdict_name(check.verdict));
  line.resize(9, ' ');
  line += check.name + ": " + check.text + "\n";
  if (!check.next.empty()) line += "         -> " + check.next + "\n";
  return line;
}

int doctor_command(const DoctorOptions& options) {
  configure_names();
  auto platform = LinuxPlatform::make();
  if (!platform) {
    std::fprintf(stderr, "pinaflux: %s\n", platform.error().what);
    return exit_status(platform.error());
  }
  return Doctor(options, **platform).examine();
}

}  // namespace pinaflux
