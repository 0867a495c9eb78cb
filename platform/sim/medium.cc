// Example: two writes to `a`, a sync of it, one more write, and a rename:
//
//   write a 0..4095   write a 4096..8191   sync a   write a 0..511   rename a -> b
//   durable: the two                                unsynced: the last two
//
// A cut starts from the durable image and does some of the unsynced operations again. It can do them in
// any combination because each carries all that it needs: a name says which inode it stands for, a write
// to an inode without a name changes what nobody can open.

#include "platform/sim/medium.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pinaflux::sim {

namespace {

// One cut keeps nearly everything, another half of it, a third nearly nothing.
std::uint64_t eighths_kept(Random& random) {
  static constexpr std::array<std::uint64_t, 4> kChoices{1, 4, 4, 7};
  return kChoices[random.below(kChoices.size())];
}

bool keeps(std::uint64_t eighths, Random& random) { return random.below(8) < eighths; }

}  // namespace

const char* survival_name(Survival survival) {
  switch (survival) {
    case Survival::none: return "none";
    case Survival::all: return "all";
    case Survival::subset: return "subset";
    case Survival::reordered: return "reordered";
    case Survival::torn: return "torn";
    case Survival::garbled: return "garbled";
  }
  return "?";
}

void Medium::reset(Image image) {
  durable_ = std::move(image);
  unsynced_.clear();
}

bool Medium::covers(const Operation& sync, const Operation& operation) const {
  if (operation.is_naming()) {
    if (options_.naming == Naming::journaled) return sync.kind != Operation::Kind::sync_failed;
    return sync.kind == Operation::Kind::sync_directory &&
           (operation.directory == sync.directory || operation.directory_to == sync.directory);
  }
  return sync.kind != Operation::Kind::sync_directory && operation.inode == sync.inode;
}

void Medium::add(const std::shared_ptr<const Operation>& operation, Random& random) {
  if (!operation->is_sync()) {
    unsynced_.push_back(operation);
    return;
  }
  if (operation->kind == Operation::Kind::sync_refused) return;
  const bool failed = operation->kind == Operation::Kind::sync_failed;
  std::erase_if(unsynced_, [&](const auto& earlier) {
    if (!covers(*operation, *earlier)) return false;
    // The kernel tells once, and takes for written what was not (fsync(2) since Linux 4.13).
    if (!failed || random.one_in(2)) durable_.apply(*earlier);
    return true;
  });
  if (operation->kind == Operation::Kind::sync_directory) prune();
}

// What has lost its name for good.
void Medium::prune() {
  for (const InodeId inode : durable_.unnamed()) {
    const auto names = [&](const auto& o) { return o->is_naming() && o->inode == inode; };
    if (std::ranges::none_of(unsynced_, names)) durable_.forget(inode);
  }
}

Image Medium::cut(Survival survival, Random& random) const {
  Image image;
  switch (survival) {
    case Survival::none: image = durable_; break;
    case Survival::all:
      image = durable_;
      for (const auto& operation : unsynced_) image.apply(*operation);
      break;
    case Survival::subset: image = subset(random); break;
    case Survival::reordered: image = reordered(random); break;
    case Survival::torn: image = torn(false, random); break;
    case Survival::garbled: image = torn(true, random); break;
  }
  image.collect();
  return image;
}

// By position in unsynced_; true for all that are no names.
std::vector<bool> Medium::names_kept(Random& random) const {
  std::vector<bool> kept(unsynced_.size(), true);
  const auto names = static_cast<std::uint64_t>(
      std::ranges::count_if(unsynced_, [](const auto& o) { return o->is_naming(); }));
  const std::uint64_t first = random.below(names + 1), eighths = eighths_kept(random);
  std::uint64_t nth = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!unsynced_[i]->is_naming()) continue;
    const bool journaled = options_.naming == Naming::journaled;
    kept[i] = journaled ? nth++ < first : keeps(eighths, random);
  }
  return kept;
}

Image Medium::subset(Random& random) const {
  Image image = durable_;
  const auto names = names_kept(random);
  const std::uint64_t eighths = eighths_kept(random);
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    const Operation& operation = *unsynced_[i];
    if (operation.is_naming() ? names[i] : keeps(eighths, random)) image.apply(operation);
  }
  return image;
}

// Names keep their order: each replaces what the one before it made.
Image Medium::reordered(Random& random) const {
  Image image = durable_;
  const auto names = names_kept(random);
  std::vector<const Operation*> writes;
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    if (!unsynced_[i]->is_naming()) {
      writes.push_back(unsynced_[i].get());
    } else if (names[i]) {
      image.apply(*unsynced_[i]);
    }
  }
  const std::size_t count = random.below(writes.size() + 1);
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(writes[i], writes[i + random.below(writes.size() - i)]);
    image.apply(*writes[i]);
  }
  return image;
}

Image Medium::torn(bool garbled, Random& random) const {
  Image image = durable_;
  const auto names = names_kept(random);
  const std::uint64_t eighths = eighths_kept(random);
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    const Operation& operation = *unsynced_[i];
    if (operation.is_naming()) {
      if (names[i]) image.apply(operation);
    } else if (operation.kind != Operation::Kind::write || random.one_in(2)) {
      if (keeps(eighths, random)) image.apply(operation);
    } else {
      tear(image, operation, garbled, random);
    }
  }
  return image;
}

void Medium::tear(Image& image, const Operation& write, bool garbled, Random& random) const {
  const std::uint64_t end = write.offset + write.bytes->size();
  const bool longer = random.one_in(2);
  const std::uint64_t eighths = eighths_kept(random);
  for (std::uint64_t sector = write.offset / kSectorBytes; sector * kSectorBytes < end; ++sector) {
    const std::uint64_t from = std::max(sector * kSectorBytes, write.offset);
    const std::uint64_t to = std::min((sector + 1) * kSectorBytes, end);
    if (keeps(eighths, random)) {
      image.write(write.inode, from, Bytes(*write.bytes).subspan(from - write.offset, to - from));
    } else if (garbled && random.one_in(2)) {
      garble(image, write, sector, random);
    }
  }
  if (longer && image.bytes(write.inode) < end) image.truncate(write.inode, end);
}

void Medium::garble(Image& image, const Operation& write, std::uint64_t sector,
                    Random& random) const {
  std::uint64_t from = sector * kSectorBytes, to = from + kSectorBytes;
  if (options_.powersafe_overwrite) {
    from = std::max(from, write.offset);
    to = std::min(to, write.offset + write.bytes->size());
  }
  std::array<std::uint64_t, kSectorBytes / sizeof(std::uint64_t)> words{};
  for (auto& word : words) word = random.u64();
  const Bytes garbage{reinterpret_cast<const std::uint8_t*>(words.data()), sizeof words};
  image.write(write.inode, from, garbage.first(to - from));
}

}  // namespace pinaflux::sim
