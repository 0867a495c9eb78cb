#include "agent/control/queue_answer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::size_t kSliceBytes = 64 * 1024;            // What is handed to the stream at once.
constexpr std::size_t kPieceBytesMax = 64 * 1024 * 1024;  // More is no answer of ours.
constexpr std::size_t kLineBytesMax = 512;

Code code_named(std::string_view name) {
  for (auto c = static_cast<int>(Code::invalid); c <= static_cast<int>(Code::internal); ++c) {
    if (name == code_name(static_cast<Code>(c))) return static_cast<Code>(c);
  }
  return Code::internal;
}

}  // namespace

QueueAnswer::QueueAnswer(std::unique_ptr<Operation> operation, Stream& stream, const RunStep& work)
    : operation_(std::move(operation)), stream_(&stream), work_(work) {}

void QueueAnswer::start() {
  if (operation_) return step();
  fail_with({Code::unsupported, 0, "the agent does not know this request: is it older?"});
}

void QueueAnswer::step() {
  made_.clear();
  stepping_ = true;
  if (work_(*operation_, made_, [this](Result<bool> more) { stepped(more); })) return;
  stepping_ = false;
  fail_with({Code::busy, 0, "the agent is restarting: try again"});
}

void QueueAnswer::stepped(Result<bool> more) {
  stepping_ = false;
  if (freed_) {
    const auto freed = std::move(freed_);
    return freed();  // Destroys this.
  }
  if (!more) return fail_with(more.error());
  const auto progress = operation_->progress();
  frame("piece " + std::to_string(progress.done) + " " + std::to_string(progress.total) + " " +
            std::to_string(made_.size()),
        made_);
  if (!*more) {
    ended_ = true;
    frame(operation_->damaged() ? "end damaged" : "end ok", {});
  }
  pump();
}

void QueueAnswer::fail_with(const Error& error) {
  ended_ = true;
  frame(std::string("error ") + code_name(error.code) + " " + error.what, {});
  pump();
}

void QueueAnswer::frame(std::string_view line, Bytes bytes) {
  append(waiting_, line);
  append(waiting_, "\n");
  append(waiting_, bytes);
}

void QueueAnswer::drained() {
  if (!stepping_ && !waiting_.empty()) pump();
}

void QueueAnswer::pump() {
  while (taken_ < waiting_.size()) {
    const auto slice = Bytes(waiting_).subspan(taken_);
    const auto part = slice.first(std::min(slice.size(), kSliceBytes));
    if (!stream_->write(part)) return;  // drained() follows.
    taken_ += part.size();
  }
  waiting_.clear();
  taken_ = 0;
  if (ended_) return stream_->finish();
  step();
}

void QueueAnswer::leave(std::function<void()> freed) { freed_ = std::move(freed); }

Result<bool> AnswerReader::feed(Bytes bytes) {
  append(pending_, bytes);
  std::size_t at = 0;
  Result<bool> over = false;
  while (over && !*over) {
    const Bytes rest = Bytes(pending_).subspan(at);
    if (in_body_) {
      if (rest.size() < body_) break;
      in_body_ = false;
      at += body_;
      if (Status s = take_({progress_, rest.first(body_)}); !s) return std::unexpected(s.error());
      continue;
    }
    const auto end = std::ranges::find(rest, std::uint8_t{'\n'});
    if (end == rest.end()) {
      if (rest.size() > kLineBytesMax) return fail(Code::invalid, "this is no answer of an agent");
      break;
    }
    const auto length = static_cast<std::size_t>(end - rest.begin());
    at += length + 1;
    over = take_line(as_text(rest.first(length)));
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(at));
  return over;
}

Result<bool> AnswerReader::take_line(std::string_view line) {
  const auto words = split(line, ' ');
  if (words[0] == "piece" && words.size() == 4) {
    const auto done = parse_integer<std::uint64_t>(words[1]);
    const auto total = parse_integer<std::uint64_t>(words[2]);
    const auto size = parse_integer<std::size_t>(words[3]);
    if (done && total && size && *size <= kPieceBytesMax) {
      progress_ = {*done, *total};
      body_ = *size;
      in_body_ = true;
      return false;
    }
  } else if (words[0] == "end" && words.size() == 2) {
    damaged_ = words[1] == "damaged";
    return true;
  } else if (words[0] == "error" && words.size() >= 3) {
    text_ = line.substr(words[0].size() + words[1].size() + 2);
    return fail(code_named(words[1]), "the agent refused");
  }
  return fail(Code::unsupported, "the running agent does not know this request: is it older?");
}

}  // namespace pinaflux
