#include "agent/collector/line_sink.h"

#include <algorithm>
#include <utility>

#include "agent/seal/row_lines.h"

namespace pinaflux {

namespace {

constexpr std::size_t kReasonMax = 400;  // Bytes of a server's answer that are kept.

bool refuses_lines(int status) { return status == 400 || status == 413 || status == 422; }

const char* advice(int status) {
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

// The end of the line in which the middle of the text lies.
std::size_t middle(std::string_view lines) {
  const std::size_t before = lines.rfind('\n', lines.size() / 2);
  if (before != std::string_view::npos && before + 1 < lines.size()) return before + 1;
  return lines.find('\n', lines.size() / 2) + 1;
}

}  // namespace

Status LineSink::append(const std::string& today, WallTime now, const RowIdentity& identity,
                        std::span<const Row> rows) {
  const Row* last = nullptr;
  std::uint64_t same = 0;
  RowIdentity each = identity;
  for (const Row& row : rows) {
    const bool again =
        last != nullptr && last->shape->stream() == row.shape->stream() && last->time == row.time;
    same = again ? same + 1 : 0;
    last = &row;
    append_point(text_, each, row, same, now.ns);
    each.seq += each.step;
    if (text_.size() < kPostBytes) continue;
    if (Status s = flush(today); !s) return s;
  }
  return {};
}

Status LineSink::flush(const std::string& today) {
  Status done = text_.empty() ? Status() : post(today, text_);
  text_.clear();
  if (done) trouble_.clear();
  return done;
}

Status LineSink::post(const std::string& today, std::string_view lines) {
  std::string why;
  const Result<Poster::Answer> answer = poster_.post(lines, why);
  if (!answer) {
    trouble_ = "line protocol: " + why;
    return std::unexpected(answer.error());
  }
  if (answer->status >= 200 && answer->status < 300) return {};
  if (!refuses_lines(answer->status)) {
    trouble_ = "line protocol: the server answers " + std::to_string(answer->status) + ": " +
               advice(answer->status);
    return fail(Code::io, "the database for line protocol takes nothing");
  }
  const std::size_t half = middle(lines);
  if (half >= lines.size()) return refuse(today, lines, *answer);
  if (Status s = post(today, lines.substr(0, half)); !s) return s;
  return post(today, lines.substr(half));
}

Status LineSink::refuse(const std::string& today, std::string_view line,
                        const Poster::Answer& answer) {
  const auto to = files_.to(refused_ + "/" + today, ".lines");
  if (!to) return std::unexpected(to.error());
  (*to)->text += "# " + std::to_string(answer.status) + " " + plain(answer.text) + "\n";
  (*to)->text += line;
  ++lines_refused_;
  return files_.grown(**to);
}

std::uint64_t LineSink::take_refused() { return std::exchange(lines_refused_, 0); }

}  // namespace pinaflux
