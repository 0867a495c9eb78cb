#include "agent/cli/damage_text.h"

#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {

using Part = seal::Reached::Part;

std::string in_quotes(std::string_view name) {
  std::string text;
  append_json_string(text, name);
  return text;
}

std::string number(std::uint64_t n) { return std::to_string(n); }

// "envelope 3 at byte 512 (pump-7, lane normal, seqs 101-600)"
std::string name_of(const EnvelopePiece& piece, const Header& header) {
  std::string text = "envelope " + number(piece.number) + " at byte " + number(piece.at);
  if (header.gateway.empty() && header.lane.empty()) return text;
  text += " (" + (header.gateway.empty() ? std::string("?") : header.gateway);
  if (!header.lane.empty()) text += ", lane " + header.lane;
  if (header.range.first <= header.range.last)
    text += ", seqs " + number(header.range.first) + "-" + number(header.range.last);
  return text + ")";
}

const char* name_of(Salvaged::Part part) {
  switch (part) {
    case Salvaged::Part::line: return "its header line";
    case Salvaged::Part::frame: return "its body";
    case Salvaged::Part::body: break;
  }
  return "its body, unpacked";
}

std::string place_of(const seal::Reached& reached) {
  switch (reached.part) {
    case Part::head: return "its first bytes";
    case Part::streams: return "its list of streams";
    case Part::order: return "the order of its records";
    case Part::boots: return "the boots of its records";
    case Part::times: return "the times of its records";
    case Part::end: return "its end";
    case Part::column: break;
  }
  const auto fields = reached.shape->fields();
  return "field " + in_quotes(fields[reached.column]) + " (" + number(reached.column + 1) + " of " +
         number(fields.size()) + ") of stream " + in_quotes(reached.shape->stream()) + " (table " +
         number(reached.table + 1) + " of " + number(reached.tables) + ")";
}

// What could be read, and where that ended.
std::string reach_text(const Salvaged& found) {
  if (found.plain == 0) return "nothing of its body unpacks";
  const bool all = found.plain == found.plain_whole;
  std::string text =
      all ? "its body unpacks to " : "of its body unpack " + number(found.plain) + " bytes of ";
  text += number(found.plain_whole) + " bytes; ";
  const auto& reached = found.reached;
  if (reached.part == Part::end && found.why.code != Code::newer && all)
    return text + "all of it can be read";
  return text + "it can be read up to byte " + number(reached.byte) + " of that, " +
         place_of(reached);
}

std::string rows_text(const Salvaged& found, std::size_t rows, bool printed) {
  if (rows == 0) return "no record can be salvaged";
  std::size_t whole = 0;
  for (const std::uint32_t lost : found.fields_lost) whole += lost == 0 ? 1 : 0;
  std::string text = number(rows) + " records " +
                     (printed ? "were salvaged, " : "can be salvaged (--salvage), ") +
                     number(whole) + " of them with all fields; ";
  switch (found.proof) {
    case Salvaged::Proof::none: return text + "nothing proves their values";
    case Salvaged::Proof::checksum:
      return text + "the body's checksum proves their values, nothing proves whose they are";
    case Salvaged::Proof::hash: break;
  }
  return text + "the hash proves what could be read of them";
}

const char* next_of(const Salvaged& found) {
  if (found.why.code == Code::newer)
    return found.header.dictionary.empty() ? "keep the file, and open it with a newer pinaflux"
                                           : "keep the file, and open it with --dictionary FILE";
  if (found.why.code == Code::full) return "this is a limit, not damage: report it";
  if (found.proof == Salvaged::Proof::hash) return "its writer made it so: keep it, and report it";
  return "copy it again from where it came; the gateway has it until its collector has it";
}

}  // namespace

std::string damage_text(const EnvelopePiece& piece, const Salvaged& found, std::size_t rows,
                        bool printed) {
  std::string text = name_of(piece, found.header) + ": " + found.why.what;
  if (found.why.code != Code::newer || found.part != Salvaged::Part::line) {
    text += "\n  where: byte " + number(piece.at + found.at) + " of the file, in " +
            name_of(found.part) + "; " + reach_text(found);
    text += "\n  left: " + rows_text(found, rows, printed);
  }
  return text + "\n  -> " + next_of(found) + "\n";
}

std::string bad_dictionary_text(const EnvelopePiece& piece, const Error& error) {
  const char* next =
      error.code == Code::newer
          ? "keep the file, and open it with a newer pinaflux"
          : "copy it again from where it came: what was packed with it opens no more";
  return "dictionary at byte " + number(piece.at) + ": " + error.what + "\n  -> " + next + "\n";
}

}  // namespace pinaflux
