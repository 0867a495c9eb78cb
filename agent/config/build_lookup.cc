// A table is read as the node will read it. Its mistakes are placed where they are put right: in the table's file, in the configuration
// that holds it, or at the column's name. Of a file nothing is shown but line and column: what a table has of devices and people is no log's.
#include "agent/config/build.h"
#include "agent/config/redact.h"
#include "agent/pipeline/lookup_table.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

using Of = LookupTable::Mistake::Of;

bool read_table(const Reader& r, Building& building, std::string& text) {
  const std::string path = r.text("file");
  if (path.empty() || path[0] != '/') return false;  // Said.
  auto read = building.files.read_text(path, LookupTable::kBytesMax);
  if (!read) {
    building.findings.error(r.value_place("file"),
                            "the table cannot be read: " + std::string(read.error().what),
                            "it is a file of at most 4 MiB that the agent's user may read");
    return false;
  }
  text = std::move(*read);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  return true;
}

// The columns that there are, or the one that was meant. A file by another name than *.csv may be a key by mistake.
std::string known_columns(const Reader& r, const std::vector<std::string>& columns,
                          std::string_view name) {
  if (r.has("file") && !r.text("file").ends_with(".csv"))
    return "a table's file should be named *.csv: then the finding names its columns";
  const std::vector<std::string_view> all(columns.begin(), columns.end());
  if (const auto meant = closest(name, all); meant && !looks_like_key(*meant)) {
    return "did you mean '" + printable(*meant, 40) + "'?";
  }
  std::string known;
  for (std::size_t i = 0; i < columns.size() && i < 8; ++i) {
    if (looks_like_key(columns[i])) continue;
    known += (known.empty() ? "it has " : ", ") + printable(columns[i], 40);
  }
  return columns.size() > 8 ? known + ", ..." : known;
}

Place place_of_mistake(const Reader& r, const LookupTable::Mistake& mistake) {
  if (mistake.of == Of::column) return r.value_place(r.has("column") ? "column" : "of");
  if (mistake.of == Of::table) return r.value_place(r.has("file") ? "file" : "text");
  const Node* const give = r.node("give");
  if (give == nullptr || mistake.index >= give->items.size()) return r.value_place("give");
  return give->items[mistake.index].place;
}

class TableFindings {
 public:
  TableFindings(const Reader& r, const std::string& table, Findings& findings)
      : r_(r), table_(table), findings_(findings) {}

  void say(const LookupTable::Mistake& mistake, const LookupTable& table) {
    std::string fix = mistake.fix;
    if (fix.empty()) fix = known_columns(r_, table.columns(), name_of(mistake));
    if (mistake.line == 0) {
      findings_.error(place_of_mistake(r_, mistake), mistake.what, fix);
    } else if (r_.has("file")) {
      in_file(mistake);
    } else {
      findings_.error(place_in_text(*r_.node("text"), mistake.line, mistake.at), mistake.what, fix);
    }
  }

 private:
  std::string name_of(const LookupTable::Mistake& mistake) const {
    if (mistake.of == Of::column) return r_.text(r_.has("column") ? "column" : "of");
    const auto give = r_.texts("give");
    return mistake.index < give.size() ? give[mistake.index] : std::string();
  }

  void in_file(const LookupTable::Mistake& mistake) {
    const std::string path = r_.text("file");
    const auto index = r_.node("file")->place.text->index();
    const ConfigText file(path, table_, index), nothing(path, {}, index);
    Place place = Place::at(file, mistake.line, mistake.at);
    place.text = &nothing;
    findings_.error(place, mistake.what, mistake.fix);
  }

  const Reader& r_;
  const std::string& table_;
  Findings& findings_;
};

}  // namespace

Lookup build_lookup(const Reader& r, Building& building) {
  Lookup lookup;
  lookup.of = r.text("of");
  lookup.column = r.text("column");
  lookup.give = r.texts("give");
  lookup.prefix = r.text("prefix");
  const std::string otherwise = r.text("else");
  if (otherwise == "drop") lookup.otherwise = Lookup::Otherwise::drop;
  if (otherwise == "refuse") lookup.otherwise = Lookup::Otherwise::refuse;
  const bool from_file = r.has("file");
  if (from_file == r.has("text") || lookup.of.empty()) return lookup;  // Said.
  if (from_file && !read_table(r, building, lookup.table)) return lookup;
  if (!from_file) lookup.table = r.text("text");
  LookupTable table;
  TableFindings findings(r, lookup.table, building.findings);
  const auto mistakes = table.read(lookup);
  for (const auto& mistake : mistakes) findings.say(mistake, table);
  if (mistakes.empty()) lookup.give = table.given();
  return lookup;
}

}  // namespace pinaflux::config
