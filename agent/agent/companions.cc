// A process proves itself by an answer: only that resets its back-off. That the pipeline holds back is usual where sources bring more than
// a process answers: they are polled less. Only when nothing is answered any more it is a state of the gateway's.

#include "agent/agent/companions.h"

#include <algorithm>
#include <string>
#include <utility>

#include "agent/agent/said.h"
#include "agent/pipeline/outside.h"
#include "platform/base/backoff.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

// What may be an edited program: its files, by the words of its command that name one.
std::vector<FileInfo> files_of(const std::vector<std::string>& command, Files& files) {
  std::vector<FileInfo> all;
  for (const std::string& word : command) {
    if (word.starts_with('/')) all.push_back(files.info(word).value_or(FileInfo{}));
  }
  return all;
}

bool same_file(const FileInfo& a, const FileInfo& b) {
  return a.device == b.device && a.inode == b.inode && a.bytes == b.bytes &&
         a.modified == b.modified;
}

}  // namespace

class Companions::Companion {
 public:
  Companion(const Pipeline::Asking& asking, const Host& host)
      : node_(asking.node),
        outside_(*asking.outside),
        host_(host),
        backoff_(kRetryMin, kRetryMax),
        retry_(host.loop.timer([this] { start(); })),
        late_(host.loop.timer([this] { late(); })) {
    start();
  }

  void feed();
  void look();
  std::uint64_t answers() const { return outside_.answers(); }
  std::string_view node() const { return node_; }
  std::string_view failure() const { return child_ == nullptr ? std::string_view(text_) : ""; }
  CompanionStatus status() const;

 private:
  void start();
  void heard(Bytes bytes);
  void watch();
  void late();
  void ended(const std::string& why);
  void retry(std::string why);
  void tell();

  const std::string node_;
  Outside& outside_;
  const Host& host_;
  Backoff backoff_;
  std::unique_ptr<Timer> retry_, late_;
  std::unique_ptr<Child> child_;  // None: it is to be started again.
  std::vector<FileInfo> files_;   // As it was started.
  bool full_ = false;             // Its input takes no more before it says so.
  bool watched_ = false;          // It is to answer before late_.
  std::uint64_t answers_ = 0;     // By then.
  std::uint64_t restarts_ = 0;
  std::string text_;
  Said said_;
};

void Companions::Companion::start() {
  const Execd& options = outside_.options();
  outside_.began();
  full_ = watched_ = false;
  late_->stop();
  answers_ = outside_.answers();
  files_ = files_of(options.command, host_.files);
  if (host_.children == nullptr) {
    text_ = "processes cannot be started here";
    return tell();
  }
  auto child = host_.children->start({options.command, options.memory_max},
                                     {.output = [this](Bytes bytes) { heard(bytes); },
                                      .writable =
                                          [this] {
                                            full_ = false;
                                            feed();
                                          },
                                      .ended = [this](const std::string& why) { ended(why); }});
  if (!child) return retry("it cannot be started: " + std::string(child.error().what));
  child_ = std::move(*child);
  feed();
}

void Companions::Companion::feed() {
  while (child_ != nullptr && !full_) {
    const Bytes bytes = outside_.unwritten();
    if (bytes.empty()) break;
    const std::size_t taken = child_->write(bytes);
    outside_.wrote(taken);
    full_ = taken < bytes.size();
  }
  if (child_ != nullptr) watch();
}

void Companions::Companion::heard(Bytes bytes) {
  const char* const why = outside_.answered(bytes);
  if (outside_.answers() != answers_) {
    backoff_.reset();
    text_.clear();
    tell();
  }
  if (why != nullptr) return ended(joined({"it was ended, for its line is no answer: ", why}));
  feed();
}

// Its time begins with the first question, and anew with each answer.
void Companions::Companion::watch() {
  if (outside_.asked() == 0) {
    watched_ = false;
    late_->stop();
  } else if (!watched_ || outside_.answers() != answers_) {
    watched_ = true;
    late_->start(outside_.options().answer_within);
  }
  answers_ = outside_.answers();
}

void Companions::Companion::late() {
  std::string seconds;
  append_double(seconds, outside_.options().answer_within.seconds());
  ended("it was ended, for it answered nothing for " + seconds + " s");
}

void Companions::Companion::ended(const std::string& why) {
  child_.reset();
  outside_.failed(why);
  retry(why);
}

void Companions::Companion::retry(std::string why) {
  ++restarts_;
  text_ = std::move(why);
  late_->stop();
  watched_ = false;
  retry_->start(kRetryMin + backoff_.next(host_.random));
  tell();
}

void Companions::Companion::look() {
  if (child_ == nullptr) return;
  if (std::ranges::equal(files_, files_of(outside_.options().command, host_.files), same_file)) {
    return;
  }
  host_.log.notice("node." + node_, "its program changed: the process is started again");
  child_.reset();
  ++restarts_;
  start();
}

CompanionStatus Companions::Companion::status() const {
  CompanionStatus s{node_, child_ != nullptr ? "running" : "restarting", text_, restarts_,
                    outside_.unanswered()};
  if (host_.children == nullptr) s.state = "stopped";
  if (outside_.holds_back()) {
    if (!s.text.empty()) s.text += "; ";
    s.text += "nothing more is taken until it answers";
  }
  return s;
}

void Companions::Companion::tell() {
  const CompanionStatus s = status();
  said_.tell(host_.log, child_ != nullptr ? Log::Level::info : Log::Level::warning, "node." + node_,
             "process", {child_ != nullptr ? "working" : s.state, text_});
}

Companions::Companions(const Pipeline& pipeline, const Host& host)
    : pipeline_(pipeline), host_(host), look_(host.loop.timer([this] { look(); })) {
  for (const Pipeline::Asking& asking : pipeline.outsides()) {
    companions_.push_back(std::make_unique<Companion>(asking, host_));
  }
  if (companions_.empty()) return;
  look_->start(kLookEvery);
  const std::string missing = host.children != nullptr ? host.children->missing() : "";
  if (missing.empty()) return;
  host.log.warning("companions.sandbox",
                   "the sandbox of the processes that nodes ask has gaps: " + missing);
}
Companions::~Companions() = default;

void Companions::turn() {
  std::uint64_t answers = 0;
  for (const auto& companion : companions_) {
    companion->feed();
    answers += companion->answers();
  }
  const bool answered = std::exchange(answers_, answers) != answers;
  if (!pipeline_.holds_back()) {
    held_since_ = Instant::never();
  } else if (answered || held_since_ == Instant::never()) {
    held_since_ = host_.clock.now();
  }
}

void Companions::look() {
  for (const auto& companion : companions_) companion->look();
  look_->start(kLookEvery);
}

bool Companions::hold() const {
  return held_since_ != Instant::never() && host_.clock.now() - held_since_ >= kHeldMin;
}

std::string_view Companions::failure(std::string_view node) const {
  const auto its = std::ranges::find(companions_, node, [](const auto& c) { return c->node(); });
  return (*its)->failure();
}

std::vector<CompanionStatus> Companions::status() const {
  std::vector<CompanionStatus> all;
  for (const auto& companion : companions_) all.push_back(companion->status());
  return all;
}

}  // namespace pinaflux
