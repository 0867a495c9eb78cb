#include "agent/collector/csv_sink.h"

#include "agent/collector/ndjson_sink.h"
#include "agent/collector/row_files.h"
#include "agent/data/identity.h"
#include "agent/seal/row_csv.h"
#include "platform/base/text.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

constexpr std::size_t kDigestBytes = 4;  // Of the fields, in a file's name.

std::string header_of(const Shape& shape) {
  std::string text = "_gateway,_epoch,_lane,_seq,_time";
  for (const std::string& field : shape.fields()) {
    text += ',';
    append_csv_name(text, field);
  }
  return text + '\n';
}

void append_line(std::string& to, const RowIdentity& identity, const Row& row) {
  to.append(identity.gateway).append(",").append(identity.epoch).append(",");
  to.append(identity.lane).append(",");
  append_unsigned(to, identity.seq);
  to += ',';
  append_csv_time(to, row.time);
  for (std::size_t f = 0; f < row.shape->fields().size(); ++f) {
    to += ',';
    append_csv_value(to, row.values[f]);
  }
  to += '\n';
}

}  // namespace

Status CsvSink::append(const std::string& today, const RowIdentity& identity,
                       std::span<const Row> rows) {
  const auto file_of = [&](const Shape& shape) {
    const std::string header = header_of(shape);
    const Digest digest = crypto::sha256(as_bytes(header));
    auto file = files_->to(options_.directory + "/" + folder_name(shape.stream()) + "/" + today +
                               "." + hex(Bytes(digest).first(kDigestBytes)),
                           ".csv", options_.file_bytes_max);
    if (file && (*file)->begins()) (*file)->text = header;
    return file;
  };
  return append_rows(*files_, identity, rows, file_of, append_line);
}

}  // namespace pinaflux
