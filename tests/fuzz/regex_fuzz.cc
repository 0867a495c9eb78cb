// Regular expressions, with and without captures: any bytes as an expression and a text; and an expression drawn from the bytes,
// compared with another engine.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "platform/base/regex.h"
#include "platform/base/regex_captures.h"
#include "tests/platform/base/captures_reference.h"
#include "tests/platform/base/regex_reference.h"

namespace pinaflux {
namespace {

void run(std::string_view pattern, std::string_view text) {
  const Regex regex(pattern);
  RegexFinder finder(regex, text);
  std::size_t end = 0;
  for (TextSpan span; finder.next(span); end = span.end) {
    if (span.begin < end || span.end <= span.begin || span.end > text.size()) std::abort();
  }
}

void run_captures(std::string_view pattern, std::string_view text) {
  RegexCaptures regex(pattern);
  const auto found = regex.find(text);
  if (regex.steps() > RegexProgram::kStepsPerByte * text.size() + RegexProgram::kStepsAlways +
                          2 * RegexProgram::kStatesMax)
    std::abort();
  if (found != RegexCaptures::Found::yes) return;
  for (std::size_t i = 0; i < regex.names().size(); ++i) {
    const std::string_view group = regex.group(i);
    if (group.data() == nullptr) continue;
    if (group.data() < text.data() || group.data() + group.size() > text.data() + text.size())
      std::abort();
  }
}

reference::Draw draw_of(std::string_view& bytes) {
  return [&](unsigned below) {
    if (bytes.empty()) return 0u;
    const unsigned drawn = static_cast<unsigned char>(bytes[0]) % below;
    bytes.remove_prefix(1);
    return drawn;
  };
}

void compare_captures(std::string_view bytes) {
  const reference::Draw draw = draw_of(bytes);
  reference::Captures theirs(draw);
  RegexCaptures ours(theirs.pattern());
  if (ours.fault().what != nullptr) return;
  std::string text;
  while (!bytes.empty() && text.size() < 12) text += "aab-\n"[draw(5)];
  const auto spans = theirs.find(text);
  if (theirs.tired()) return;
  if ((ours.find(text) == RegexCaptures::Found::yes) == spans.empty()) std::abort();
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const std::string_view group = ours.group(i);
    if ((group.data() == nullptr) != (spans[i].first == reference::kNowhere)) std::abort();
    if (group.data() == nullptr) continue;
    const auto begin = static_cast<std::size_t>(group.data() - text.data());
    if (begin != spans[i].first || begin + group.size() != spans[i].second) std::abort();
  }
}

void compare(std::string_view bytes) {
  const reference::Draw draw = draw_of(bytes);
  const reference::Expression expression = reference::draw_expression(draw, 5);
  const Regex regex(expression.text);
  if (regex.fault().what != nullptr) return;
  std::string text;
  while (!bytes.empty() && text.size() < 24) text += "aabB-\n"[draw(6)];
  std::size_t steps = 0;
  const TextSpan ours = regex.find(text, 0, steps);
  const TextSpan theirs = reference::find(expression, text, 0);
  if (steps > RegexProgram::kStepsPerByte * text.size() + RegexProgram::kStepsAlways) {
    // It may give up then: never with less than there is to be found.
    if (!theirs.empty() && (ours.begin > theirs.begin || ours.end < theirs.end)) std::abort();
    return;
  }
  if (ours.begin != theirs.begin || ours.end != theirs.end) std::abort();
}

}  // namespace
}  // namespace pinaflux

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = bytes.find('\0');
  if (cut != std::string_view::npos) {
    pinaflux::run(bytes.substr(0, cut), bytes.substr(cut + 1));
    pinaflux::run_captures(bytes.substr(0, cut), bytes.substr(cut + 1));
  }
  pinaflux::compare(bytes);
  pinaflux::compare_captures(bytes);
  return 0;
}
