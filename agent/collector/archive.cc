#include "agent/collector/archive.h"

#include "agent/spool/export_file.h"

namespace pinaflux {

Status Archive::append(const std::string& today, Bytes envelope) {
  const auto to = files_->to(directory_ + "/" + today, ".archive");
  if (!to) return std::unexpected(to.error());
  if ((*to)->begins()) (*to)->text = archive_title(today);
  append_entry(envelope, (*to)->text);
  return files_->grown(**to);
}

}  // namespace pinaflux
