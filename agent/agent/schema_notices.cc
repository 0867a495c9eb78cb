#include "agent/agent/schema_notices.h"

#include <algorithm>
#include <iterator>

#include "agent/pipeline/schema_json.h"
#include "platform/base/assert.h"

namespace pinaflux {

namespace {

bool is_schema(const StateEdit& edit) {
  return as_text(edit.value).starts_with(StreamSchema::kMark);
}

}  // namespace

void SchemaNotices::take(const std::vector<StateEdit>& states) {
  for (const StateEdit& edit : states) {
    if (is_schema(edit)) waiting_[edit.key] = edit.value;
  }
}

void SchemaNotices::prepare(const Group& group) {
  ASSERT(prepared_.empty());
  std::ranges::copy_if(group.states, std::back_inserter(prepared_), is_schema);
}

void SchemaNotices::committed() {
  take(prepared_);
  prepared_.clear();
}

void SchemaNotices::tell(Uplinks& uplinks) {
  if (waiting_.empty() || !uplinks.announces()) return;
  const auto first = waiting_.extract(waiting_.begin());
  if (const auto its = schema_of_state(first.key(), first.mapped())) {
    uplinks.announce(its->schema.stream, schema_notice(gateway_, its->node, its->schema));
  }
}

}  // namespace pinaflux
