// Bytes are kept in one buffer for each direction; `segments` says how many of them have arrived by
// when. What is written while the last segment has not left yet joins it, as TCP joins small writes:
// a hundred small packets of one turn are one arrival.

#include "platform/sim/connection.h"

#include <algorithm>
#include <utility>

#include "platform/base/assert.h"
#include "platform/sim/stream.h"

namespace pinaflux {

void SimConnection::join(std::size_t side, SimNetwork& network, std::string machine,
                         SimLoop& loop) {
  End& end = ends_[side];
  end.network = &network;
  end.machine = std::move(machine);
  end.arrival.emplace(loop, SimKind::arrival, side == 0 ? arrived<0> : arrived<1>, this);
}

void SimConnection::take(std::size_t side, SimStream& stream) {
  ends_[side].stream = &stream;
  arm(side);
}

bool SimConnection::of(std::size_t side, const SimNetwork& network) const {
  return ends_[side].network == &network && !ends_[side].gone;
}

void SimConnection::leave(std::size_t side, Farewell farewell) {
  End& end = ends_[side];
  const End& peer = ends_[1 - side];
  ASSERT(!end.gone);
  const bool unread = end.bytes.size() != end.head;
  end.gone = true;
  end.stream = nullptr;
  end.arrival->cancel();
  end.bytes.clear();
  end.head = 0;
  if (peer.gone) return fabric_.release(*this);
  if (farewell == Farewell::none) {
    end.silent = true;
    if (peer.stream != nullptr) peer.stream->expect_silence(true);
  } else if (farewell == Farewell::reset || unread) {
    reset(1 - side);
  } else {
    send_end(side);
  }
}

std::size_t SimConnection::room(std::size_t from) const {
  const End& to = ends_[1 - from];
  const std::size_t used = to.bytes.size() - to.head + to.vanished;
  return SimFabric::kWindowBytes - std::min(used, SimFabric::kWindowBytes);
}

void SimConnection::send(std::size_t from, Bytes bytes) {
  if (broken_) return;  // Behind bytes that are missing none may come.
  broken_ = fabric_.breaks();
  put(from, broken_ ? bytes.first(bytes.size() / 2) : bytes);
  if (broken_) break_off();
}

void SimConnection::put(std::size_t from, Bytes bytes) {
  End& to = ends_[1 - from];
  link_.bytes_sent_ += bytes.size();
  if (fabric_.tap_ != nullptr) fabric_.tap_->sent(ends_[from].machine, to.machine, bytes);
  if (forgotten_ || (to.gone && fabric_.dark(to.machine))) {
    to.vanished += bytes.size();
    return;
  }
  if (to.gone) return reset(from);
  append(to.bytes, bytes);
  const Instant now = fabric_.scheduler_.now();
  if (!to.segments.empty() && to.segments.back().at >= now + link_.quality_.delay_min) {
    to.segments.back().bytes += bytes.size();
    return;
  }
  const Instant last = to.segments.empty() ? now : to.segments.back().at;
  to.segments.push_back({std::max(last, now + fabric_.delay(link_)), bytes.size()});
  if (to.segments.size() == 1) arm(1 - from);
}

void SimConnection::send_end(std::size_t from) {
  End& to = ends_[1 - from];
  if (forgotten_ || to.gone || to.end_at != Instant::never()) return;
  to.end_at = fabric_.scheduler_.now() + fabric_.delay(link_);
  arm(1 - from);
}

void SimConnection::reset(std::size_t side) {
  End& end = ends_[side];
  if (forgotten_ || end.gone || end.reset_at != Instant::never()) return;
  end.reset_at = fabric_.scheduler_.now() + fabric_.delay(link_);
  arm(side);
}

void SimConnection::arm(std::size_t side) {
  End& end = ends_[side];
  if (end.stream == nullptr) return;
  Instant next = end.reset_at;
  if (end.stream->reads()) {
    next = std::min(next, end.segments.empty() ? end.end_at : end.segments.front().at);
  }
  if (next == Instant::never() || link_.cut_) {
    end.arrival->cancel();
  } else {
    end.arrival->at(next);
  }
}

// Called last in arrive(): the reader may let go of us.
Bytes SimConnection::take_due(End& to, Instant now) {
  std::size_t due = 0, segments = 0;
  while (segments < to.segments.size() && to.segments[segments].at <= now) {
    due += to.segments[segments++].bytes;
  }
  std::size_t taken = due;
  Random& random = fabric_.random_;
  if (due > 1 && random.one_in(link_.quality_.split_one_in)) taken = 1 + random.below(due - 1);
  to.segments.erase(to.segments.begin(),
                    to.segments.begin() + static_cast<std::ptrdiff_t>(segments));
  if (taken < due) {
    const Duration later = random.between(Duration{1'000}, Duration::microseconds(100));
    to.segments.insert(to.segments.begin(), {now + later, due - taken});
  }
  const auto from = to.bytes.begin() + static_cast<std::ptrdiff_t>(to.head);
  fabric_.scratch_.assign(from, from + static_cast<std::ptrdiff_t>(taken));
  to.head += taken;
  if (to.head == to.bytes.size()) {
    to.bytes.clear();
    to.head = 0;
  } else if (to.head > SimFabric::kWindowBytes / 2) {
    to.bytes.erase(to.bytes.begin(), to.bytes.begin() + static_cast<std::ptrdiff_t>(to.head));
    to.head = 0;
  }
  return fabric_.scratch_;
}

void SimConnection::arrive(std::size_t side) {
  End& end = ends_[side];
  if (end.stream == nullptr || link_.cut_) return;
  const Instant now = fabric_.scheduler_.now();
  if (end.reset_at <= now) return end.stream->broke_off();
  if (!end.stream->reads()) return;
  if (!end.segments.empty()) {
    if (end.segments.front().at > now) return arm(side);
    const Bytes bytes = take_due(end, now);
    SimStream* const sender = ends_[1 - side].stream;
    if (sender != nullptr) sender->room_in(fabric_.delay(link_));
    arm(side);
    return end.stream->arrived(bytes);
  }
  if (end.end_at > now) return arm(side);
  end.end_at = Instant::never();
  end.stream->end_arrived();
}

void SimConnection::silence() {
  for (std::size_t side = 0; side < 2; ++side) {
    arm(side);
    if (ends_[side].stream != nullptr) ends_[side].stream->expect_silence(true);
  }
}

// What waited at the cut arrives now.
void SimConnection::resume() {
  for (std::size_t side = 0; side < 2; ++side) {
    End& end = ends_[side];
    if (end.stream != nullptr && !forgotten_) end.stream->expect_silence(ends_[1 - side].silent);
    const Instant first = fabric_.scheduler_.now() + fabric_.delay(link_);
    for (Segment& segment : end.segments) segment.at = std::max(segment.at, first);
    if (end.end_at != Instant::never()) end.end_at = std::max(end.end_at, first);
    arm(side);
  }
}

void SimConnection::break_off() {
  reset(0);
  reset(1);
}

void SimConnection::forget() {
  if (std::exchange(forgotten_, true)) return;
  for (std::size_t side = 0; side < 2; ++side) {
    End& end = ends_[side];
    end.vanished += end.bytes.size() - end.head;
    end.bytes.clear();
    end.head = 0;
    end.segments.clear();
    end.end_at = end.reset_at = Instant::never();
    arm(side);
    if (end.stream != nullptr) end.stream->expect_silence(true);
  }
}

}  // namespace pinaflux
