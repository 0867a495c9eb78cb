// A script is compiled as it will be run. Its mistakes are placed where it stands: in its own file, or in the configuration, where a text
// in one line and one that keeps its lines (`text: |`) can be told by its words.
#include <algorithm>

#include "agent/config/build.h"
#include "agent/pipeline/lua_script.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

void say(const Place& place, const std::string& what, Findings& findings) {
  findings.error(place, "the script cannot be run: " + what,
                 "a script is Lua 5.4: record.temp = record.temp + 273.15");
}

bool read_script(const Reader& r, Building& building, std::string& text) {
  const std::string path = r.text("file");
  if (path.empty() || path[0] != '/') return false;  // Said.
  auto read = building.files.read_text(path, LuaScript::kTextMax);
  if (read) {
    text = std::move(*read);
    return true;
  }
  building.findings.error(r.value_place("file"),
                          "the script cannot be read: " + std::string(read.error().what),
                          "it is a file of at most 64 KiB that the agent's user may read");
  return false;
}

// Of another file than a *.lua, which may be a key's by mistake, nothing is shown.
void say_in_file(const std::string& path, const std::string& text,
                 const LuaScript::Mistake& mistake, std::uint32_t index, Findings& findings) {
  const ConfigText file(path, text, index), nothing(path, {}, index);
  Place place = Place::at(file, std::min(mistake.line, file.line_count()), mistake.at);
  if (path.ends_with(".lua")) return say(place, mistake.what, findings);
  place.text = &nothing;
  findings.error(place, "the script cannot be run: it is no Lua here",
                 "a script's file should be named *.lua: then the finding says more");
}

}  // namespace

Place place_in_text(const Node& node, std::uint32_t line, std::size_t at) {
  const Place& place = node.place;
  Split lines(node.text, '\n');
  std::string_view wanted;
  for (std::uint32_t i = 0; i < line; ++i) {
    if (!lines.next(wanted)) return place;
  }
  if (wanted.empty()) return place;
  const bool block = node.text.contains('\n');
  const std::uint32_t row = place.line + (block ? line : 0);
  const std::size_t from = block ? 0 : place.column > 0 ? place.column - 1 : 0;
  const std::size_t begin = place.text->line(row).find(wanted, from);
  if (begin == std::string_view::npos) return place;
  return Place::at(*place.text, row, begin + at);
}

Script build_script(const Reader& r, Building& building) {
  Script script;
  script.memory_max =
      static_cast<std::size_t>(std::max<std::uint64_t>(r.size("memory_max"), 64 * 1024));
  script.steps_max = static_cast<std::uint64_t>(std::max<std::int64_t>(r.integer("steps_max"), 1));
  script.records_max =
      static_cast<std::size_t>(std::clamp<std::int64_t>(r.integer("records_max"), 1, 16));
  script.fields_max =
      static_cast<std::size_t>(std::clamp<std::int64_t>(r.integer("fields_max"), 0, 256));
  const bool from_file = r.has("file");
  if (from_file && r.has("text")) return script;  // Said.
  if (from_file && !read_script(r, building, script.text)) return script;
  if (!from_file) script.text = r.text("text");
  const auto made = LuaScript::compile(
      script.text, {.memory_max = script.memory_max, .steps_max = script.steps_max});
  if (made) return script;
  const auto& mistake = made.error();
  const Node* const node = r.node(from_file ? "file" : "text");
  if (node == nullptr) return script;
  if (!from_file || mistake.line == 0) {
    say(mistake.line == 0 ? node->place : place_in_text(*node, mistake.line, mistake.at),
        mistake.what, building.findings);
    return script;
  }
  say_in_file(r.text("file"), script.text, mistake, node->place.text->index(), building.findings);
  return script;
}

}  // namespace pinaflux::config
