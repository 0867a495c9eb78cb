#include "agent/control/queue_request.h"

#include <algorithm>
#include <string>
#include <vector>

#include "agent/pipeline/stream_schema.h"
#include "agent/spool/audit.h"
#include "agent/spool/export.h"
#include "agent/spool/inspect.h"
#include "agent/spool/letter_operations.h"
#include "agent/spool/purge.h"
#include "agent/spool/raw_operations.h"
#include "agent/spool/state_list.h"
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

std::unique_ptr<Operation> make_replay(const Words& words) {
  if (words.size() != 3 || (words[2] != "json" && words[2] != "text")) return nullptr;
  const auto since = parse_integer<std::int64_t>(words[1]);
  if (!since && words[1] != "all") return nullptr;
  return std::make_unique<BeginReplay>(
      since, words[2] == "json" ? BeginReplay::Form::json : BeginReplay::Form::text);
}

std::optional<LetterForm> letter_form(std::string_view word) {
  if (word == "json") return LetterForm::json;
  return word == "text" ? std::optional(LetterForm::text) : std::nullopt;
}

// Each once, in rising order; empty: these are none.
std::vector<LetterId> letter_ids(std::string_view word) {
  std::vector<LetterId> ids;
  for (const std::string_view part : split(word, ',')) {
    const auto id = parse_integer<LetterId>(part);
    if (!id || *id <= 0) return {};
    ids.push_back(*id);
  }
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  if (ids.size() > kLetterIdsMax) ids.clear();
  return ids;
}

bool is_edit(const Words& words) {
  return words.size() == 5 && words[0] == "letters" && words[1] == "edit";
}

std::unique_ptr<Operation> make_letters(const Words& words, std::string_view content) {
  const auto form = letter_form(words.back());
  if (!form || words.size() < 3) return nullptr;
  if (words[1] == "list" && words.size() == 3) return std::make_unique<ListLetters>(*form);
  std::vector<LetterId> ids = letter_ids(words[2]);
  if (ids.empty()) return nullptr;
  if (is_edit(words)) {
    if (ids.size() > 1 || content.empty()) return nullptr;
    return std::make_unique<ReplayLetters>(std::move(ids), std::string(content), *form);
  }
  if (words.size() != 4) return nullptr;
  if (words[1] == "show" && ids.size() == 1) return std::make_unique<ShowLetter>(ids[0], *form);
  if (words[1] == "drop") return std::make_unique<DropLetters>(std::move(ids), *form);
  if (words[1] == "replay") return std::make_unique<ReplayLetters>(std::move(ids), "", *form);
  return nullptr;
}

}  // namespace

std::optional<std::size_t> request_content_bytes(std::string_view request) {
  const Words words = split(request, ' ');
  return is_edit(words) ? parse_integer<std::size_t>(words[3]) : 0;
}

std::unique_ptr<Operation> make_operation(std::string_view request, std::string_view content) {
  const Words words = split(request, ' ');
  if (words[0] == "stats") return make_survey(words);
  if (words[0] == "peek") return make_peek(words);
  if (words[0] == "export") return make_export(words);
  if (words[0] == "purge") return make_purge(words);
  if (words[0] == "replay") return make_replay(words);
  if (words[0] == "verify") return make_audit(words);
  if (words[0] == "letters") return make_letters(words, content);
  if (request == "schemas") {
    return std::make_unique<ListStates>("pipeline/", std::string(StreamSchema::kMark));
  }
  return nullptr;
}

}  // namespace pinaflux
