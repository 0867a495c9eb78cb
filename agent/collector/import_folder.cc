#include "agent/collector/import_folder.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace pinaflux {

ImportFolder::ImportFolder(Files& files, std::string directory)
    : files_(files), directory_(std::move(directory)) {}

Status ImportFolder::prepare() {
  constexpr std::uint32_t kOwnerOnly = 0700;
  return files_.make_directory(directory_, kOwnerOnly);
}

void ImportFolder::poll() {
  if (wants()) return;
  waiting_ = files_.list(directory_).value_or(std::vector<std::string>());
  std::erase_if(waiting_, [this](const std::string& name) {
    return !name.ends_with(kFileEnd) || stuck_.contains(name);
  });
  std::ranges::reverse(waiting_);
}

Status ImportFolder::step(CollectorStore& store, WallTime now, std::vector<AckMessage>& acks,
                          std::optional<ImportReport>& finished) {
  if (!import_) {
    name_ = std::move(waiting_.back());
    waiting_.pop_back();
    import_ = std::make_unique<Import>(files_, directory_ + "/" + name_);
  }
  const Result<bool> more = import_->step(store, now, acks);
  if (!more) return std::unexpected(more.error());
  if (*more) return {};
  finished = import_->report();
  finished->file = name_;
  import_.reset();
  const std::string path = directory_ + "/" + name_;
  // A report that cannot be written is in the log all the same.
  std::ignore = files_.replace(path + kReportEnd, import_json({&*finished, 1}) + "\n");
  if (!files_.remove(path)) stuck_.insert(name_);
  return {};
}

}  // namespace pinaflux
