#include "agent/config/build.h"

namespace pinaflux::config {

void build_tests(const Reader& root, Building& building) {
  for (const auto& [name, r] : root.names("tests")) {
    const Node* const lines = r.node("lines");
    if (lines == nullptr || !lines->is_scalar()) continue;  // Said.
    const Place& at = lines->place;
    const bool block = lines->text.contains('\n');  // It begins behind the line with the `|`.
    building.to.tests.push_back({name, lines->text, at.text->name(), at.line + (block ? 1 : 0)});
  }
}

}  // namespace pinaflux::config
