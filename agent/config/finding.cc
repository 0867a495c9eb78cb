// A line is shown as it stands in the file, so that the operator finds it again, but for what redact.h hides
// and for what a terminal would act upon: each such character is one '?', so that the caret stays in place.
#include "agent/config/finding.h"

#include <algorithm>
#include <array>

#include "agent/config/redact.h"
#include "platform/base/json_writer.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

const char* severity_name(Finding::Severity severity) {
  return severity == Finding::Severity::error ? "error" : "warning";
}

std::string padded_number(std::uint32_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < 5) digits.insert(0, 5 - digits.size(), ' ');
  return digits;
}

}  // namespace

std::string finding_text(const Finding& finding) {
  std::string out;
  if (!finding.file.empty()) {
    out += finding.file;
    if (finding.line > 0) {
      out += ':' + std::to_string(finding.line) + ':' + std::to_string(finding.column);
    }
    out += ": ";
  }
  out += std::string(severity_name(finding.severity)) + ": " + finding.what + '\n';
  if (!finding.text.empty()) {
    out += padded_number(finding.line) + " | " + finding.text + '\n';
    out += "      | " + std::string(finding.caret, ' ') + '^';
    if (finding.length > 1) out.append(finding.length - 1, '~');
    out += '\n';
  }
  if (!finding.fix.empty()) out += "      = " + finding.fix + '\n';
  return out;
}

std::string findings_text(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& finding : findings) out += finding_text(finding);
  return out;
}

std::string findings_json(const std::vector<Finding>& findings) {
  const auto errors = std::ranges::count(findings, Finding::Severity::error, &Finding::severity);
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.findings/1");
  j.key("errors").number(static_cast<std::uint64_t>(errors));
  j.key("warnings")
      .number(static_cast<std::uint64_t>(findings.size()) - static_cast<std::uint64_t>(errors));
  j.key("findings").begin_array();
  for (const Finding& f : findings) {
    j.begin_object().key("severity").string(severity_name(f.severity));
    j.key("file").string(f.file);
    j.key("line").number(std::uint64_t{f.line}).key("column").number(std::uint64_t{f.column});
    j.key("what").string(f.what).key("fix").string(f.fix).key("text").string(f.text);
    j.end_object();
  }
  j.end_array().end_object();
  return j.take() + '\n';
}

bool has_errors(const std::vector<Finding>& findings) {
  return std::ranges::any_of(
      findings, [](const Finding& f) { return f.severity == Finding::Severity::error; });
}

namespace config {

namespace {

// One character for each character: what a terminal would act upon becomes '?'.
std::string terminal_safe(std::string_view line) {
  std::string out;
  while (!line.empty()) {
    const std::size_t bytes = std::max<std::size_t>(utf8_bytes(line), 1);
    const std::string_view point = line.substr(0, bytes);
    const bool plain = point == "\"" || point == "\\" || printable(point) == point;
    out += plain ? point : point == "\t" ? " " : "?";
    line.remove_prefix(bytes);
  }
  return out;
}

}  // namespace

ConfigText::ConfigText(std::string name, std::string text, std::uint32_t index)
    : name_(std::move(name)), text_(std::move(text)), index_(index) {
  starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n' && i + 1 < text_.size()) {
      starts_.push_back(static_cast<std::uint32_t>(i + 1));
    }
  }
  Redaction redaction;
  for (std::uint32_t n = 1; n <= line_count(); ++n) shown_.push_back(redaction.shown(line(n)));
}

std::string_view ConfigText::line(std::uint32_t number) const {
  if (number < 1 || number > starts_.size()) return {};
  const std::size_t begin = starts_[number - 1];
  std::size_t end = number < starts_.size() ? starts_[number] : text_.size();
  while (end > begin && (text_[end - 1] == '\n' || text_[end - 1] == '\r')) --end;
  return std::string_view(text_).substr(begin, end - begin);
}

std::string ConfigText::shown_line(std::uint32_t number) const {
  const std::string_view here = line(number);
  if (here.empty()) return {};
  const std::size_t shown = shown_[number - 1];
  return terminal_safe(without_credentials(here.substr(0, shown))) +
         (shown < here.size() ? "***" : "");
}

Place Place::at(const ConfigText& text, std::uint32_t line, std::size_t bytes,
                std::uint32_t length) {
  std::string_view before = text.line(line).substr(0, bytes);
  std::uint32_t column = 1;
  for (; !before.empty(); ++column) {
    before.remove_prefix(std::max<std::size_t>(utf8_bytes(before), 1));
  }
  return {&text, line, column, length};
}

std::string Place::spoken() const {
  if (text == nullptr) return "?";
  return text->name() + ':' + std::to_string(line);
}

void Findings::error(const Place& place, std::string what, std::string fix) {
  add(Finding::Severity::error, place, std::move(what), std::move(fix));
}

void Findings::warning(const Place& place, std::string what, std::string fix) {
  add(Finding::Severity::warning, place, std::move(what), std::move(fix));
}

void Findings::add(Finding::Severity severity, const Place& place, std::string what,
                   std::string fix) {
  if (severity == Finding::Severity::error) ++errors_;
  if (entries_.size() >= kFindingsMax) {
    ++beyond_;
    return;
  }
  Finding f;
  f.severity = severity;
  f.what = std::move(what);
  f.fix = std::move(fix);
  if (place.text != nullptr) {
    f.file = place.text->name();
    f.line = place.line;
    f.column = place.column;
    f.text = place.text->shown_line(place.line);
    f.caret = place.column > 0 ? place.column - 1 : 0;
    f.length = std::max<std::uint32_t>(place.length, 1);
    // A long line is shown from a little before the caret.
    if (f.caret >= kLineShownMax * 3 / 4) {
      const std::size_t cut = f.caret - kLineShownMax / 2;
      f.text = "..." + f.text.substr(utf8_prefix(f.text, cut).size());
      f.caret = static_cast<std::uint32_t>(f.caret - cut + 3);
    }
    f.text = utf8_prefix(f.text, kLineShownMax);
    std::uint32_t shown = 0;
    for (std::string_view rest = f.text; !rest.empty(); ++shown) {
      rest.remove_prefix(std::max<std::size_t>(utf8_bytes(rest), 1));
    }
    f.caret = std::min(f.caret, shown);
    f.length = std::max<std::uint32_t>(std::min(f.length, shown - f.caret), 1);
  }
  entries_.push_back({place.text == nullptr ? ~0u : place.text->index(), std::move(f)});
}

std::vector<Finding> Findings::take() {
  std::ranges::stable_sort(entries_, [](const Entry& a, const Entry& b) {
    return std::tuple(a.file, a.finding.line, a.finding.column) <
           std::tuple(b.file, b.finding.line, b.finding.column);
  });
  std::vector<Finding> out;
  for (Entry& entry : entries_) out.push_back(std::move(entry.finding));
  if (beyond_ > 0) {
    Finding more;
    more.severity = errors_ > 0 ? Finding::Severity::error : Finding::Severity::warning;
    more.what = std::to_string(beyond_) + " more findings are not shown";
    out.push_back(std::move(more));
  }
  *this = Findings();
  return out;
}

}  // namespace config
}  // namespace pinaflux
