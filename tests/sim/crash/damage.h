// Damage: bytes of a closed spool that somebody has written over.
//
// Promise    The rows of `lanes` stay readable, so that every lane can still be named: what salvage promises
//            holds for all of it.
// Threads    One owner.
#pragma once

#include <cstdint>
#include <string>

#include "platform/base/random.h"
#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux::crash {

// Of the database, while it is open.
struct Layout {
  std::uint64_t queue_root = 0;  // Page of the table's tree.
  std::uint64_t page_count = 0;
};
Layout layout_of_newest();

// Spoils the header, a page of the queue's tree, or the middle of a body, as chance wills; the WAL, which
// could hold a copy of it, is emptied. All of it is synced.
Status spoil(Files& files, const std::string& path, const Layout& layout, Random& random);

}  // namespace pinaflux::crash
