#include "agent/spool/state_list.h"

#include <algorithm>

#include "agent/spool/store.h"

namespace pinaflux {

Result<bool> ListStates::step(const Access& access, Buffer& out) {
  if (!begun_) {
    Notes notes(*access.store.database, *access.store.encryption);
    auto states = notes.states();
    if (!states) return std::unexpected(states.error());
    std::erase_if(*states, [&](const StateEdit& state) {
      return !state.key.starts_with(prefix_) || !as_text(state.value).starts_with(mark_);
    });
    left_ = std::move(*states);
    std::ranges::reverse(left_);
    begun_ = true;
  }
  Writer to(out);
  const std::size_t before = out.size();
  while (!left_.empty() && out.size() - before < kStepBytes) {
    to.text(left_.back().key);
    to.text(as_text(left_.back().value));
    left_.pop_back();
  }
  return !left_.empty();
}

}  // namespace pinaflux
