#include "agent/control/queue_request.h"

#include <string>
#include <vector>

#include "agent/spool/audit.h"
#include "agent/spool/export.h"
#include "agent/spool/inspect.h"
#include "agent/spool/purge.h"
#include "platform/base/text.h"
#include "version.h"

namespace pinaflux {

namespace {

using Words = std::vector<std::string_view>;

std::string lane_of(std::string_view word) { return word == "*" ? "" : std::string(word); }

bool names_form(const Words& words) {
  return words.size() == 2 && (words[1] == "json" || words[1] == "text");
}

std::unique_ptr<Operation> make_survey(const Words& words) {
  if (!names_form(words)) return nullptr;
  return std::make_unique<Survey>(words[1] == "json" ? Survey::Form::json : Survey::Form::text);
}

std::unique_ptr<Operation> make_audit(const Words& words) {
  if (!names_form(words)) return nullptr;
  return std::make_unique<Audit>(words[1] == "json" ? Audit::Form::json : Audit::Form::text);
}

std::unique_ptr<Operation> make_peek(const Words& words) {
  if (words.size() != 3) return nullptr;
  const auto count = parse_integer<std::uint64_t>(words[2]);
  if (!count || *count == 0) return nullptr;
  return std::make_unique<Peek>(lane_of(words[1]), *count);
}

std::unique_ptr<Operation> make_export(const Words& words) {
  if (words.size() != 3) return nullptr;
  const auto seconds = parse_integer<std::uint64_t>(words[2]);
  if (!seconds) return nullptr;
  return std::make_unique<Export>(ExportTitle{.gateway = "",
                                              .lane = lane_of(words[1]),
                                              .version = std::string(kVersion),
                                              .made_s = *seconds});
}

std::unique_ptr<Operation> make_purge(const Words& words) {
  if (words.size() != 4 || words[1] == "*" || (words[3] != "json" && words[3] != "text")) {
    return nullptr;
  }
  const auto before = parse_integer<std::int64_t>(words[2]);
  if (!before && words[2] != "all") return nullptr;
  return std::make_unique<Purge>(std::string(words[1]), before,
                                 words[3] == "json" ? Purge::Form::json : Purge::Form::text);
}

}  // namespace

std::unique_ptr<Operation> make_operation(std::string_view request) {
  const Words words = split(request, ' ');
  if (words[0] == "stats") return make_survey(words);
  if (words[0] == "peek") return make_peek(words);
  if (words[0] == "export") return make_export(words);
  if (words[0] == "purge") return make_purge(words);
  if (words[0] == "verify") return make_audit(words);
  return nullptr;
}

}  // namespace pinaflux
