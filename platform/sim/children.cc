// All happens on the loop, in the order of the scheduler: one timer runs the program, one tells the
// agent, one thing at a time. Each takes kStep: a program that writes for ever does not stop time.

#include "platform/sim/children.h"

#include <algorithm>
#include <utility>

#include "platform/base/lifeline.h"

namespace pinaflux {

namespace {

constexpr std::size_t kPiece = 16 << 10;  // Of input and of output, at a time; as on Linux.

constexpr Duration kStep = Duration::microseconds(20);

// Asked for again while it waits, it happens once, and no later.
class Step {
 public:
  Step(SimLoop& loop, std::function<void()> step)
      : timer_(loop.timer([this, step = std::move(step)] {
          waits_ = false;
          step();
        })) {}
  void ask() {
    if (!std::exchange(waits_, true)) timer_->start(kStep);
  }

 private:
  bool waits_ = false;
  std::unique_ptr<Timer> timer_;
};

class SimChild final : public Child, public SimStdio {
 public:
  SimChild(SimLoop& loop, SimChildren::Program program, ChildEvents events, std::size_t& running)
      : running_(running),
        program_(std::move(program)),
        events_(std::move(events)),
        wish_(loop.timer([this] { run(); })),
        run_(loop, [this] { run(); }),
        deliver_(loop, [this] { deliver(); }) {
    ++running_;
    run_.ask();
  }
  ~SimChild() override {
    if (!ended_) --running_;
  }

  // ---- the agent's side
  std::size_t write(Bytes bytes) override {
    if (finished_ || ended_) return 0;
    const std::size_t taken = std::min(bytes.size(), kPipe - input_.size());
    append(input_, bytes.first(taken));
    if (taken < bytes.size()) wants_room_ = true;
    if (taken > 0 && reading_) run_.ask();
    return taken;
  }
  void finish() override {
    finished_ = true;
    run_.ask();
  }
  void pause(bool paused) override {
    paused_ = paused;
    if (!paused) deliver_.ask();
  }

  // ---- the program's side
  std::size_t print(Bytes bytes) override {
    const std::size_t taken = std::min(bytes.size(), kPipe - output_.size());
    append(output_, bytes.first(taken));
    if (taken < bytes.size()) output_full_ = true;
    if (taken > 0) deliver_.ask();
    return taken;
  }
  bool input_ended() const override { return finished_ && input_.empty(); }
  void read(bool reading) override {
    if (!std::exchange(reading_, reading) && reading) run_.ask();
  }
  void again(Duration after) override { wish_->start(after); }
  void end(std::string why) override {
    if (ended_) return;
    --running_;
    ended_ = true;
    why_ = std::move(why);
    deliver_.ask();
  }

 private:
  void run();
  void deliver();

  std::size_t& running_;
  SimChildren::Program program_;
  ChildEvents events_;
  Buffer input_, output_;
  bool started_ = false, reading_ = true, finished_ = false, paused_ = false, ended_ = false;
  bool wants_room_ = false, output_full_ = false;
  Lifeline life_;
  std::string why_;
  std::unique_ptr<Timer> wish_;
  Step run_, deliver_;
};

void SimChild::run() {
  if (ended_) return;
  Buffer piece;
  if (std::exchange(started_, true) && reading_) {
    const auto end = input_.begin() + static_cast<std::ptrdiff_t>(std::min(input_.size(), kPiece));
    piece.assign(input_.begin(), end);
    input_.erase(input_.begin(), end);
  }
  program_(*this, piece);
  if (ended_) return;
  if (reading_ && !input_.empty()) run_.ask();
  if (wants_room_ && input_.size() < kPipe) deliver_.ask();
}

void SimChild::deliver() {
  if (wants_room_ && !ended_ && input_.size() < kPipe) {
    wants_room_ = false;
    if (life_.gone_after(events_.writable)) return;
  }
  if (!output_.empty() && !paused_) {
    const auto end =
        output_.begin() + static_cast<std::ptrdiff_t>(std::min(output_.size(), kPiece));
    const Buffer piece(output_.begin(), end);
    output_.erase(output_.begin(), end);
    if (std::exchange(output_full_, false)) run_.ask();
    if (life_.gone_after(events_.output, Bytes(piece))) return;
  }
  if (!output_.empty()) {
    if (!paused_) deliver_.ask();
  } else if (ended_ && events_.ended) {
    const auto ended = std::exchange(events_.ended, {});  // It may destroy this.
    ended(std::move(why_));
  }
}

}  // namespace

Result<std::unique_ptr<Child>> SimChildren::start(const ChildOptions& options, ChildEvents events) {
  if (options.command.empty() || !options.command[0].starts_with('/'))
    return fail(Code::invalid, "the program must be named by an absolute path");
  const auto found = programs_.find(options.command[0]);
  if (found == programs_.end()) return fail(Code::not_found, "the program does not exist");
  if (!found->second) return fail(Code::denied, "the program is not executable: chmod a+x");
  return std::make_unique<SimChild>(loop_, found->second(options), std::move(events), running_);
}

}  // namespace pinaflux
