#include "agent/cli/letter_commands.h"

#include <cstdio>
#include <unistd.h>

#include "agent/cli/exit_status.h"
#include "agent/cli/letter_editor.h"
#include "agent/cli/terminal_text.h"
#include "agent/spool/letter_operations.h"

namespace pinaflux {

namespace {

constexpr const char* kRecordMark = "\"record\":";

const char* form(bool json) { return json ? " json" : " text"; }

std::string words_of(const std::vector<long long>& ids) {
  std::string words;
  for (const long long id : ids) words += (words.empty() ? "" : ",") + std::to_string(id);
  return words;
}

int print_answer(const QueueTarget& target, const std::string& request) {
  int status = kExitOk;
  auto session = QueueSession::open(target, status);
  return session ? session->run(request, "reading", QueueSession::print) : status;
}

// What `show --json` says of the letter: its last member is the record. Empty: it was said why.
std::string record_of(QueueSession& session, long long id, int& status) {
  std::string answer;
  status = session.run_running({"letters show " + std::to_string(id) + " json", ""}, "reading",
                               [&](Bytes bytes) {
                                 answer += as_text(bytes);
                                 return Status();
                               });
  if (status != kExitOk) return {};
  const auto begin = answer.find(kRecordMark), end = answer.rfind("}]}");
  if (begin == std::string::npos || end == std::string::npos) return {};
  const auto from = begin + std::string_view(kRecordMark).size();
  return answer.substr(from, end - from);
}

std::optional<std::string> edited_record(QueueSession& session, long long id,
                                         const std::string& file, int& status) {
  if (!file.empty()) return read_record(file, status);
  if (!at_terminal()) return read_record("-", status);
  const std::string record = record_of(session, id, status);
  if (record.empty() && status != kExitOk) return std::nullopt;
  if (record.empty() || record == "null") {
    status = session.say({Code::not_found, 0,
                          "this letter holds no record that an editor could be given: look with "
                          "`pinaflux dead-letters show`; in place of bytes that are kept, send in "
                          "what you write with --file"});
    return std::nullopt;
  }
  return edit_record(editor_command(), record + "\n", status);
}

}  // namespace

int letters_list(const QueueTarget& target, bool json) {
  return print_answer(target, std::string("letters list") + form(json));
}

int letters_show(const QueueTarget& target, long long id, bool json) {
  return print_answer(target, "letters show " + std::to_string(id) + form(json));
}

int letters_show_raw(const QueueTarget& target, long long id) {
  if (::geteuid() != 0) {
    std::fputs("pinaflux: these bytes are not masked: they are shown to root only (sudo)\n",
               stderr);
    return kExitPermission;
  }
  int status = kExitOk;
  auto session = QueueSession::open(target, status);
  if (!session) return status;
  ShowBytes operation(id);
  std::uint64_t shown = 0;
  status = session->run_stopped(operation, "reading", [&](Bytes bytes) {
    shown += bytes.size();
    if (::isatty(STDOUT_FILENO) != 1) return QueueSession::print(bytes);
    return QueueSession::print(as_bytes(terminal_text(bytes) + "\n"));
  });
  if (status == kExitOk && shown < operation.bytes_whole()) {
    std::fprintf(stderr,
                 "pinaflux: these are the first %llu bytes of %llu: the rest was not kept\n",
                 static_cast<unsigned long long>(shown),
                 static_cast<unsigned long long>(operation.bytes_whole()));
  }
  return status;
}

int letters_drop(const QueueTarget& target, const std::vector<long long>& ids, bool json) {
  return print_answer(target, "letters drop " + words_of(ids) + form(json));
}

int letters_replay(const QueueTarget& target, const std::vector<long long>& ids, bool json) {
  int status = kExitOk;
  auto session = QueueSession::open(target, status);
  if (!session) return status;
  return session->run_running({"letters replay " + words_of(ids) + form(json), ""}, "replaying",
                              QueueSession::print);
}

int letters_edit(const QueueTarget& target, long long id, const std::string& file, bool json) {
  int status = kExitOk;
  auto session = QueueSession::open(target, status);
  if (!session) return status;
  const auto record = edited_record(*session, id, file, status);
  if (!record) return status;
  const std::string request =
      "letters edit " + std::to_string(id) + " " + std::to_string(record->size()) + form(json);
  return session->run_running({request, *record}, "replaying", QueueSession::print);
}

}  // namespace pinaflux
