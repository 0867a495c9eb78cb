// Finding: what is wrong with a configuration, where, and what to do about it.
//
// Promise    A finding names file, line and column, shows the line with a caret and says how to fix it.
//            No value of a secret key is shown, in the line or in the message; nor is one whose key looks
//            like a misspelt secret.
// Order      By file, line and column.
// Limits     kFindingsMax; what is beyond is counted. A shown line has kLineShownMax characters.
// Ownership  Findings are values. A Place views its ConfigText, which must outlive it.
// Tests      tests/agent/config/yaml_test.cc, tests/agent/config/bad_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pinaflux {

struct Finding {
  enum class Severity { error, warning };
  Severity severity = Severity::error;
  std::string file;          // As it was named to us; empty: no file is at fault.
  std::uint32_t line = 0;    // From 1; 0: the file as a whole.
  std::uint32_t column = 0;  // From 1, in characters.
  std::string what;
  std::string fix;
  std::string text;          // The line, secrets masked; empty when there is none.
  std::uint32_t caret = 0;   // Characters of `text` before the caret.
  std::uint32_t length = 1;  // Characters under the caret.
};

// A finding as a person reads it, each line ended:
//
//   pinaflux.yaml:3:5: error: unknown key 'brokr'
//       3 |     brokr: tcp://127.0.0.1:1883
//         |     ^~~~~
//         = did you mean 'broker'?
std::string finding_text(const Finding& finding);
std::string findings_text(const std::vector<Finding>& findings);
// {"schema":"pinaflux.findings/1","errors":1,"warnings":0,"findings":[...]} and a newline.
std::string findings_json(const std::vector<Finding>& findings);
bool has_errors(const std::vector<Finding>& findings);

namespace config {

inline constexpr std::size_t kFindingsMax = 100;
inline constexpr std::size_t kLineShownMax = 120;

// A configuration file as it was read, and the lines of it that may be shown.
class ConfigText {
 public:
  ConfigText(std::string name, std::string text, std::uint32_t index);

  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }
  std::uint32_t index() const { return index_; }  // Order among the files of one configuration.
  std::uint32_t line_count() const { return static_cast<std::uint32_t>(starts_.size()); }
  std::string_view line(std::uint32_t number) const;  // From 1; empty beyond the end.
  // The line with secrets as ***; the characters before a secret keep their columns.
  std::string shown_line(std::uint32_t number) const;

 private:
  std::string name_;
  std::string text_;
  std::uint32_t index_;
  std::vector<std::uint32_t> starts_;
  std::vector<std::size_t> shown_;  // By line: bytes of it that may be shown.
};

struct Place {
  const ConfigText* text = nullptr;
  std::uint32_t line = 0;
  std::uint32_t column = 0;  // From 1, in characters.
  std::uint32_t length = 1;

  // `bytes` counts from 0 within the line.
  static Place at(const ConfigText& text, std::uint32_t line, std::size_t bytes,
                  std::uint32_t length = 1);
  std::string spoken() const;  // "pinaflux.yaml:3"
};

class Findings {
 public:
  void error(const Place& place, std::string what, std::string fix = {});
  void warning(const Place& place, std::string what, std::string fix = {});
  bool failed() const { return errors_ > 0; }
  std::vector<Finding> take();  // In order; and begins again.

 private:
  struct Entry {
    std::uint32_t file = 0;
    Finding finding;
  };
  void add(Finding::Severity severity, const Place& place, std::string what, std::string fix);
  std::vector<Entry> entries_;
  std::size_t errors_ = 0;
  std::size_t beyond_ = 0;
};

}  // namespace config
}  // namespace pinaflux
