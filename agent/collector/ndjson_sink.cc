#include "agent/collector/ndjson_sink.h"

#include "agent/collector/row_files.h"

namespace pinaflux {

namespace {

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

std::string folder_name(std::string_view stream) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  static constexpr std::size_t kBytesMax = 200;
  std::string name;
  for (char c : stream) {
    if (name.size() >= kBytesMax) return name + "~" + std::to_string(stream.size());
    if (plain(c) && !(name.empty() && c == '.')) {
      name += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      name += '%';
      name += kHex[byte >> 4];
      name += kHex[byte & 15];
    }
  }
  return name.empty() ? "%" : name;
}

std::string NdjsonSink::name_of(const std::string& today, std::string_view stream) const {
  std::string name = options_.directory + "/";
  if (!options_.one_file) name += folder_name(stream) + "/";
  return name + today;
}

Status NdjsonSink::append(const std::string& today, const RowIdentity& identity,
                          std::span<const Row> rows) {
  const auto file_of = [&](const Shape& shape) {
    return files_->to(name_of(today, shape.stream()), ".ndjson", options_.file_bytes_max);
  };
  return append_rows(*files_, identity, rows, file_of, append_json_line);
}

}  // namespace pinaflux
