// A file is trusted as far as each envelope's own hash carries, like what comes by MQTT: the operator who has
// the stick stands for the topic. So an envelope is landed under the gateway and lane of its own header, and
// what is not an envelope is refused by the store and counted.

#include "agent/collector/import.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/seal/dictionary_message.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {

Arrival arrival_of(Buffer&& entry) {
  Arrival arrival;
  if (is_dictionary_message(entry)) {
    if (auto message = parse_dictionary(entry)) {
      arrival.gateway = std::move(message->gateway);
      arrival.lane = std::move(message->lane);
    }
  } else if (const Result<Header> header = Opener::header(entry)) {
    arrival.gateway = header->gateway;
    arrival.lane = header->lane;
  }
  arrival.payload = std::move(entry);
  return arrival;
}

}  // namespace

Import::Import(Files& files, const std::string& path) {
  report_.file = path;
  auto reader = ExportReader::open(files, path);
  if (reader) {
    reader_ = std::move(*reader);
    report_.gateway = reader_->title().gateway;
  } else {
    ended_ = true;
    ending_ = std::unexpected(reader.error());
    if (reader.error().code == Code::not_found) ending_.error().what = "the file does not exist";
  }
}

void Import::read() {
  std::size_t bytes = 0;
  while (!ended_ && batch_.size() < kStepCountMax && bytes < kStepBytesMax) {
    Buffer entry;
    const Result<bool> more = reader_->next(entry);
    if (!more) ending_ = std::unexpected(more.error());
    ended_ = !more || !*more;
    if (ended_) return;
    if (!is_dictionary_message(entry)) ++report_.envelopes;
    bytes += entry.size();
    batch_.push_back(arrival_of(std::move(entry)));
  }
}

Result<bool> Import::step(CollectorStore& store, WallTime now, std::vector<AckMessage>& acks) {
  if (batch_.empty()) read();
  if (!batch_.empty() || (ended_ && store.unfinished())) {
    Landed landed;
    if (Status s = store.land(batch_, now, landed); !s) return std::unexpected(s.error());
    batch_.clear();
    report_.counts += landed.counts;
    std::ranges::move(landed.acks, std::back_inserter(acks));
  }
  if (!ended_ || store.unfinished()) return true;
  conclude();
  return false;
}

void Import::conclude() {
  if (!ending_) {
    report_.text = ending_.error().what;
    if (report_.envelopes > 0) report_.text += "; what was whole in it has landed";
  } else if (report_.counts.forks > 0) {
    report_.text = "some of it contradicts what has landed: a cloned card or a restored image";
  } else if (report_.counts.rejects > 0) {
    report_.text = "some of it was refused: see pinaflux_reject";
  } else {
    report_.complete = true;
  }
}

std::string import_json(std::span<const ImportReport> reports) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.import/1").key("files").begin_array();
  for (const ImportReport& r : reports) {
    j.begin_object().key("file").string(r.file).key("gateway").string(r.gateway);
    j.key("complete").boolean(r.complete).key("text").string(r.text);
    j.key("envelopes").number(r.envelopes).key("landed").number(r.counts.envelopes);
    j.key("rows").number(r.counts.rows).key("redelivered").number(r.counts.redelivered);
    j.key("tombstones").number(r.counts.declared).key("rejects").number(r.counts.rejects);
    j.key("forks").number(r.counts.forks).key("lines_refused").number(r.counts.lines_refused);
    j.end_object();
  }
  j.end_array().end_object();
  return j.take();
}

std::string import_text(const ImportReport& r) {
  std::string text = r.file + ": ";
  if (!r.gateway.empty()) text += "gateway " + r.gateway + ", ";
  text += std::to_string(r.envelopes) + " envelopes: " + std::to_string(r.counts.rows) +
          " records landed, " + std::to_string(r.counts.redelivered) + " envelopes had landed, " +
          std::to_string(r.counts.declared) + " declarations of loss\n";
  if (r.counts.lines_refused > 0) {
    text += "  the database for line protocol refused " + std::to_string(r.counts.lines_refused) +
            " lines: they are in --lines-refused, with its answer\n";
  }
  if (!r.complete) text += "  INCOMPLETE: " + r.text + "\n";
  return text;
}

}  // namespace pinaflux
