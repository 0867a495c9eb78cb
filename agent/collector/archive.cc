#include "agent/collector/archive.h"

#include "agent/spool/export_file.h"

namespace pinaflux {

Result<Archive> Archive::open(const std::string& directory, DayFiles& files) {
  if (Status s = files.make_directory(directory); !s) return std::unexpected(s.error());
  return Archive(directory, files);
}

Status Archive::append(const std::string& today, Bytes envelope) {
  const auto to = files_->to(directory_ + "/" + today, ".archive");
  if (!to) return std::unexpected(to.error());
  if ((*to)->begins()) (*to)->text = archive_title(today);
  append_entry(envelope, (*to)->text);
  return files_->grown(**to);
}

}  // namespace pinaflux
