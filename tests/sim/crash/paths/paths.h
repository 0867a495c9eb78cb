// Paths: what production code read of the disks that it was given, so that a disk on which it would read the
// same need not be opened.
//
// Promise    walk() finds an end only if the image has every byte that was read on the way there, and the same
//            outline (sim::Image::outline()) where the caller put it into the root. Production code is a function
//            of what it reads, time and entropy being the same: it would go the same way.
// Frames     One thing is known of the reader: of the frame of a WAL at which recovery ends, SQLite takes nothing but
//            that it is none. So whatever bytes are no frame in that place are the same answer.
// Ownership  SimDisk must outlive it.
// Threads    One owner.
// Tests      tests/sim/crash/paths/paths_test.cc; and of what it foretells, `crash` opens each 64th all the same.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "platform/sim/disk.h"

namespace pinaflux::crash {

class Paths {
 public:
  // What was asked and answered since the root, as a hash; a root is chosen by the caller.
  using Place = std::uint64_t;

  // How it came out, in the caller's words.
  using Outcome = std::uint64_t;
  struct End {
    Place place = 0;
    Outcome outcome = 0;
  };

  explicit Paths(sim::SimDisk& disk) : disk_(disk) {}
  ~Paths() { stop(); }
  Paths(const Paths&) = delete;
  Paths& operator=(const Paths&) = delete;

  std::optional<End> walk(const sim::Image& image, Place from) const;

  // What is read of the disk from now on, into which `image` is put, is noted.
  void follow(const sim::Image& image);
  // What was noted since the last call leads from there to an end, which comes back.
  Place learn(Place from, Outcome outcome);
  void stop();

 private:
  // Of one block; or the place of a frame, of which it is asked only whether there is one.
  struct View {
    sim::InodeId inode = 0;
    std::uint64_t offset = 0;
    std::uint64_t count = 0;
    bool frame = false;
    bool operator==(const View&) const = default;
  };
  struct Step {
    View view;
    std::shared_ptr<const void> block;  // On the image that it was taken on...
    std::uint64_t answer = 0;           // ...and the hash of what is in view there.
  };

  // A WAL whose recovery is under way.
  struct Log {
    sim::InodeId inode = 0;
    std::uint64_t frame_bytes = 0;
    std::uint64_t next =
        0;  // Where the frame behind those that were read would be; 0: nothing was read.
  };

  static Place next(Place from, const View& view, std::uint64_t answer);
  static std::uint64_t answer_of(const sim::Image& image, const View& view);
  void read(View view);
  bool ends_recovery(const View& view);
  void read_bytes(View view);
  void note(const View& view);
  void written(sim::InodeId inode, std::uint64_t offset, std::uint64_t end);
  bool has(Place place) const { return ends_.contains(place) || steps_.contains(place); }

  sim::SimDisk& disk_;
  sim::Image image_;
  std::vector<View> views_;
  std::vector<Log> logs_;
  using Position = std::pair<sim::InodeId, std::uint64_t>;
  std::map<Position, View> seen_;  // By block: what was noted last.
  std::map<Position, std::uint64_t>
      written_;  // By offset: up to where. They neither touch nor overlap.
  std::unordered_multimap<Place, Step> steps_;
  std::unordered_map<Place, Outcome> ends_;
};

}  // namespace pinaflux::crash
