#include "tests/sim/crash/rig.h"

#include <algorithm>

#include "tests/sim/crash/canary.h"

namespace pinaflux::crash {

namespace {

sim::InodeId directory_in(const sim::Image& image, std::string_view path) {
  sim::InodeId inode = sim::Image::kRoot;
  while (!path.empty() && inode != 0) {
    path.remove_prefix(1);
    const std::size_t slash = std::min(path.find('/'), path.size());
    inode = image.find(inode, path.substr(0, slash));
    path.remove_prefix(slash);
  }
  return inode;
}

}  // namespace

Rig::Rig() : disk_(clock_, {.cuttable = false}), files_(disk_) {
  disk_.before_write = [this](Bytes bytes) {
    if (leak_.empty()) leak_ = wrong_with_bytes(bytes, "written");
  };
}

Status Rig::open(const sim::Image& image, const SpoolOptions& options, Duration age) {
  shut();
  disk_.insert(image);
  clock_.set(age);
  return open_again(options);
}

Status Rig::open_again(const SpoolOptions& options) {
  spool_.reset();
  entropy_.reseed(1);
  findings_.clear();
  SpoolOptions in_order = options;
  for (LaneOptions& lane : in_order.lanes) lane.order = LaneOptions::Order::oldest;
  auto made = Spool::open(in_order, files_, clock_, entropy_, findings_, &vault_);
  if (!made) return std::unexpected(made.error());
  spool_ = std::move(*made);
  return {};
}

void Rig::shut() {
  if (!spool_) return;
  disk_.cut_power();
  spool_.reset();
  disk_.power_on();
}

std::vector<std::string> Rig::complaints(bool salvaged) const {
  std::vector<std::string> complaints;
  for (const std::string& finding : findings_) {
    if (!is_news(finding, {.salvaged = salvaged})) complaints.push_back(finding);
  }
  return complaints;
}

std::uint64_t Rig::bytes_used(const SpoolOptions& options) const {
  const sim::Image& image = disk_.image();
  const sim::InodeId directory = directory_in(image, options.directory);
  std::uint64_t bytes = 0;
  for (const auto& entry : image.entries()) {
    if (entry.directory == directory && entry.name.starts_with("spool.db")) {
      bytes += std::min(image.bytes(entry.inode), image.bytes_allocated(entry.inode));
    }
  }
  return bytes;
}

std::uint64_t Rig::hash(const sim::Image& image, const SpoolOptions& options) {
  return image.hash(directory_in(image, options.directory), "spool.lock");
}

}  // namespace pinaflux::crash
