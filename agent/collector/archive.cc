#include "agent/collector/archive.h"

#include <algorithm>

#include "agent/data/limits.h"
#include "agent/seal/dictionary_message.h"
#include "agent/spool/export_file.h"

namespace pinaflux {

Status Archive::append(const std::string& today, Bytes envelope, const PackedWith& with) {
  const auto to = files_->to(directory_ + "/" + today, ".archive");
  if (!to) return std::unexpected(to.error());
  // One that begins may have the name of one that was moved away.
  if ((*to)->begins() || (*to)->path() != path_) forget();
  path_ = (*to)->path();
  if ((*to)->begins()) (*to)->text = archive_title(today);
  if (with.dictionary != nullptr) append_dictionary(**to, with);
  append_entry(envelope, (*to)->text);
  return files_->grown(**to);
}

void Archive::append_dictionary(DayFiles::Target& to, const PackedWith& with) {
  if (note(with)) return;
  append_entry(
      format_dictionary(with.lane.gateway, with.lane.lane, with.lane.epoch, *with.dictionary),
      to.text);
}

// True: it is among those that who lands the file still has, for that one keeps no more of a lane than we do.
bool Archive::note(const PackedWith& with) {
  if (known_.size() >= kLanesMax) forget();
  auto& ids = known_[with.lane.gateway + '\n' + hex(with.lane.epoch) + with.lane.lane];
  if (std::ranges::contains(ids, with.dictionary->id())) return true;
  ids.push_back(with.dictionary->id());
  if (ids.size() > limits::kDictionariesMax) ids.erase(ids.begin());
  return false;
}

}  // namespace pinaflux
