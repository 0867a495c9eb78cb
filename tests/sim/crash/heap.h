// Heap: the memory of a program that simulates: quick, since a million databases are opened, and refused to SQLite
// when that is to be tried. `new` and `delete` come here, too.
//
// Threads    One: SQLite is set up for a single thread.
#pragma once

#include <cstdint>

namespace pinaflux::crash {

// Before anything else of SQLite.
void install_heap();
// The n-th request from now on is refused, once; 0: none is.
void refuse_allocation(std::uint64_t nth);
// It has been refused since.
bool allocation_refused();

}  // namespace pinaflux::crash
