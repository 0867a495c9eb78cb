#include "agent/cli/letter_editor.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cli/exit_status.h"

namespace pinaflux {

namespace {

constexpr std::size_t kRecordBytesMax = 64 * 1024;

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::nullopt_t refuse(const std::string& what, const char* why, int status, int& to) {
  std::fprintf(stderr, "pinaflux: %s: %s\n", what.c_str(), why);
  to = status;
  return std::nullopt;
}

std::optional<std::string> read_all(std::FILE* from, const std::string& name, int& status) {
  std::string text(kRecordBytesMax + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), from));
  if (std::ferror(from) != 0) return refuse(name, "it cannot be read", kExitIo, status);
  if (text.size() > kRecordBytesMax) {
    return refuse(name, "a record has at most 64 KiB", kExitData, status);
  }
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return refuse(name, "it is empty: nothing was done", kExitData, status);
  }
  return text;
}

// A file of mkstemp's, deleted at the end.
class Draft {
 public:
  Draft() {
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder != nullptr ? folder : "/tmp") + "/pinaflux-record-XXXXXX";
    handle_ = ::mkstemp(path_.data());
  }
  ~Draft() {
    if (handle_ < 0) return;
    ::close(handle_);
    ::unlink(path_.c_str());
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  bool write(const std::string& text) const {
    return handle_ >= 0 &&
           ::write(handle_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int handle_ = -1;
};

}  // namespace

std::optional<std::string> read_record(const std::string& file, int& status) {
  if (file == "-") return read_all(stdin, "standard input", status);
  const std::unique_ptr<std::FILE, Close> opened(std::fopen(file.c_str(), "re"));
  if (!opened) {
    return refuse(file, std::strerror(errno), errno == ENOENT ? kExitNoInput : kExitPermission,
                  status);
  }
  return read_all(opened.get(), file, status);
}

std::optional<std::string> edit_record(const std::string& editor, const std::string& record,
                                       int& status) {
  const Draft draft;
  if (!draft.write(record)) {
    return refuse(draft.path(), "the record cannot be written there", kExitIo, status);
  }
  const int ended = std::system((editor + " '" + draft.path() + "'").c_str());
  if (ended == -1 || !WIFEXITED(ended) || WEXITSTATUS(ended) != 0) {
    return refuse(editor, "the editor did not end well: nothing was done", kExitSoftware, status);
  }
  auto text = read_record(draft.path(), status);
  if (text && *text == record) {
    return refuse("the record", "it was not changed: nothing was done", kExitData, status);
  }
  return text;
}

bool at_terminal() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1; }

std::string editor_command() {
  for (const char* name : {"VISUAL", "EDITOR"}) {
    if (const char* editor = std::getenv(name); editor != nullptr && *editor != '\0') return editor;
  }
  return "vi";
}

}  // namespace pinaflux
