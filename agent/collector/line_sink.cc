#include "agent/collector/line_sink.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "agent/seal/row_lines.h"

namespace pinaflux {

namespace {

constexpr std::size_t kReasonMax = 400;  // Bytes of a server's answer that are kept.

bool refuses_lines(int status) { return status == 400 || status == 413 || status == 422; }

// A login page says 200 to everything, and a server that takes lines has nothing to show.
bool takes(const Poster::Answer& answer) {
  return answer.status == 204 ||
         (answer.status >= 200 && answer.status < 300 && answer.text.empty());
}

const char* advice_of(int status) {
  switch (status) {
    case 401:
    case 403: return "check --lines-authorization-file";
    case 404: return "check the address, and that the database exists there";
    default: return status < 400 ? "check --lines-to" : "it is tried again";
  }
}

// An answer in one line, without what cannot be read.
std::string plain(std::string_view text) {
  std::string line(text.substr(0, kReasonMax));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

}  // namespace

Status LineSink::append(const std::string& today, const RowIdentity& identity,
                        std::span<const Row> rows) {
  trouble_.clear();
  std::map<std::tuple<std::string_view, std::uint64_t, std::int64_t>, std::uint64_t> met;
  RowIdentity each = identity;
  for (const Row& row : rows) {
    const std::uint64_t n = met[{row.shape->stream(), row.time.boot, row.time.ns}]++;
    const std::size_t start = text_.size();
    if (append_point(text_, each, row, n)) starts_.push_back(start);
    each.seq += each.step;
    if (text_.size() < kPostBytes) continue;
    if (Status s = send(today); !s) return s;
  }
  return {};
}

Status LineSink::flush(const std::string& today) {
  trouble_.clear();
  Status done = send(today);
  const bool doubtful = !has_taken_ && searched_ >= kDoubtAfter;
  searched_ = 0;
  if (done && doubtful) return wait(last_refusal_, "it refuses every line: check --lines-to");
  return done;
}

Status LineSink::send(const std::string& today) {
  Status done = starts_.empty() ? Status() : post(today, starts_);
  text_.clear();
  starts_.clear();
  return done;
}

void LineSink::abandon() {
  text_.clear();
  starts_.clear();
  searched_ = lines_refused_ = 0;
}

// The lines that begin there, one behind the other.
std::string_view LineSink::text_of(std::span<const std::size_t> starts) const {
  const std::size_t* behind = starts.data() + starts.size();
  const std::size_t end = behind == starts_.data() + starts_.size() ? text_.size() : *behind;
  return std::string_view(text_).substr(starts.front(), end - starts.front());
}

Status LineSink::post(const std::string& today, std::span<const std::size_t> starts) {
  std::string why;
  const std::string_view lines = text_of(starts);
  const Result<Poster::Answer> answer = poster_.post(lines, why);
  if (!answer) {
    trouble_ = "line protocol: " + why;
    return std::unexpected(answer.error());
  }
  if (takes(*answer)) {
    has_taken_ = true;
    return {};
  }
  if (!refuses_lines(answer->status)) return wait(answer->status, advice_of(answer->status));
  if (starts.size() == 1 || searched_ >= kSearchMax) {
    ++searched_;
    return refuse(today, lines, starts.size(), *answer);
  }
  const std::size_t half = starts.size() / 2;
  if (Status s = post(today, starts.first(half)); !s) return s;
  return post(today, starts.subspan(half));
}

Status LineSink::wait(int status, const char* advice) {
  trouble_ = "line protocol: the server answers " + std::to_string(status) + ": " + advice;
  return fail(Code::io, "the database for line protocol takes nothing");
}

Status LineSink::refuse(const std::string& today, std::string_view lines, std::size_t count,
                        const Poster::Answer& answer) {
  const auto to = files_.to(refused_ + "/" + today, ".lines");
  if (!to) return std::unexpected(to.error());
  (*to)->text += "# " + std::to_string(answer.status) + " " + plain(answer.text) + "\n";
  (*to)->text += lines;
  lines_refused_ += count;
  last_refusal_ = answer.status;
  return files_.grown(**to);
}

std::uint64_t LineSink::take_refused() { return std::exchange(lines_refused_, 0); }

}  // namespace pinaflux
