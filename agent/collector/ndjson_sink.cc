#include "agent/collector/ndjson_sink.h"

#include <algorithm>
#include <map>
#include <utility>

#include "agent/collector/landed_line.h"

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

Result<NdjsonSink::Part> NdjsonSink::begin_part(const std::string& today,
                                                const RowIdentity& identity, const Shape& shape) {
  const auto to = files_->to(name_of(today, shape.stream()), ".ndjson", options_.file_bytes_max);
  if (!to) return std::unexpected(to.error());
  const std::string& path = (*to)->path();
  const auto known = std::ranges::find(pieces_, path, &LinePiece::path);
  const auto piece = static_cast<std::size_t>(known - pieces_.begin());
  if (known == pieces_.end()) pieces_.push_back({path, (*to)->end(), 0, 0, 0});
  return Part{json_line_form(identity, shape), piece, *to};
}

Status NdjsonSink::append(const std::string& today, const RowIdentity& identity,
                          std::span<const Row> rows) {
  pieces_.clear();
  std::map<const Shape*, Part> parts;
  const Shape* shape = nullptr;
  Part* part = nullptr;
  std::uint64_t seq = identity.seq;
  for (const Row& row : rows) {
    if (row.shape != shape) {
      shape = row.shape;
      auto found = parts.find(shape);
      if (found == parts.end()) {
        auto begun = begin_part(today, identity, *shape);
        if (!begun) return std::unexpected(begun.error());
        found = parts.emplace(shape, std::move(*begun)).first;
      }
      part = &found->second;
    }
    std::string& text = part->to->text;
    const std::size_t begin = text.size();
    append_json_line(text, part->form, seq, row);
    seq += identity.step;
    LinePiece& piece = pieces_[part->piece];
    ++piece.rows;
    piece.sum += line_sum(std::string_view(text).substr(begin, text.size() - 1 - begin));
    piece.bytes = part->to->end() - piece.offset;
    if (Status s = files_->grown(*part->to); !s) return s;
  }
  return {};
}

}  // namespace pinaflux
