// MaskFixture: a Masker over two keys, raw records from lists of cells, results as text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "agent/mask/masker.h"
#include "agent/vault/vault.h"
#include "platform/base/text.h"
#include "tests/agent/vault/memory_files.h"

namespace pinaflux {

inline std::string text_of(const Value& value) {
  switch (value.type()) {
    case Type::absent: return "-";
    case Type::null: return "null";
    case Type::boolean: return value.as_boolean() ? "true" : "false";
    case Type::int64: return std::to_string(value.as_int64());
    case Type::uint64: return std::to_string(value.as_uint64());
    case Type::float64: return format_double(value.as_float64());
    case Type::text: return "'" + std::string(value.as_text()) + "'";
    case Type::bytes: return "b'" + std::string(value.as_text()) + "'";
  }
  return "?";
}

inline std::string text_of(const Record& record) {
  std::string text;
  for (std::size_t i = 0; i < record.shape().field_count(); ++i) {
    if (i > 0) text += " ";
    text += record.shape().fields()[i] + "=" + text_of(record.cells()[i]);
  }
  return text;
}

struct MaskFixture {
  using Cells = std::vector<std::pair<std::string, Value>>;

  MaskFixture() {
    files.put("k1", "0123456789abcdef0123456789abcdef", 0600);
    files.put("k2", "another key of this installation", 0600);
    std::string which;
    const auto loaded = vault.load(files, {{"k1", "k1", ""}, {"k2", "k2", ""}}, which);
    REQUIRE(loaded.has_value());
  }

  void rules(std::vector<MaskRule> rules) {
    auto made = Masker::make({std::move(rules)}, shapes, vault);
    REQUIRE(made.has_value());
    masker = std::move(*made);
  }

  RawRecord raw(std::string_view stream, const Cells& cells) {
    std::vector<std::string_view> names;
    values.push_back(std::make_unique<std::vector<Value>>());
    for (const auto& [name, value] : cells) {
      names.push_back(name);
      values.back()->push_back(value);
      if (value.is_view()) last_text = value.as_text();
    }
    const Shape* shape = shapes.intern(stream, names);
    REQUIRE(shape != nullptr);
    return {Row{shape, values.back()->data(), Stamp{77, 0}}};
  }

  std::optional<Record> mask(std::string_view stream, const Cells& cells) {
    return masker->mask(raw(stream, cells), arena).record;
  }

  // "stream: name=value ...", or why not.
  std::string masked(std::string_view stream, const Cells& cells) {
    const auto outcome = masker->mask(raw(stream, cells), arena);
    if (!outcome.record) return "refused";
    const std::string text = text_of(*outcome.record);
    return std::string(outcome.record->shape().stream()) + ":" + (text.empty() ? "" : " ") + text;
  }

  Reason refusal(std::string_view stream, const Cells& cells) {
    const auto outcome = masker->mask(raw(stream, cells), arena);
    REQUIRE(outcome.verdict == Masker::Verdict::refused);
    CHECK_FALSE(outcome.record.has_value());
    return outcome.reason;
  }

  MemoryFiles files;
  Vault vault;
  Shapes shapes;
  Arena arena{1024 * 1024};
  std::unique_ptr<Masker> masker;
  std::vector<std::unique_ptr<std::vector<Value>>> values;
  std::string_view last_text;
};

}  // namespace pinaflux
