// Ids are short: who wants to can make two dictionaries of one id. So each lane has its own, and nobody's dictionary opens
// another's envelopes.

#include "agent/collector/dictionaries.h"

#include <algorithm>

#include "agent/data/limits.h"

namespace pinaflux {

namespace {

// No content: it is where supply() has it.
constexpr const char* kDictionaryTable =
    "CREATE TABLE IF NOT EXISTS pinaflux_dictionary(lane INTEGER NOT NULL, id TEXT NOT NULL,"
    " number INTEGER NOT NULL, content BLOB, PRIMARY KEY(lane, id))";

}  // namespace

Result<DictionaryStore> DictionaryStore::prepare(sqlite::Database& database, Supply* supply) {
  if (Status s = database.execute(kDictionaryTable); !s) return std::unexpected(s.error());
  DictionaryStore all(supply);
  const std::pair<sqlite::Statement*, const char*> statements[] = {
      {&all.keep_,
       "INSERT INTO pinaflux_dictionary SELECT ?1,?2,coalesce(max(number),0)+1,?3"
       " FROM pinaflux_dictionary WHERE lane=?1"
       " ON CONFLICT(lane,id) DO UPDATE SET number=excluded.number,content=excluded.content"},
      {&all.trim_,
       "DELETE FROM pinaflux_dictionary WHERE lane=?1 AND id NOT IN (SELECT id FROM"
       " pinaflux_dictionary WHERE lane=?1 ORDER BY number DESC LIMIT ?2)"},
      {&all.find_, "SELECT content FROM pinaflux_dictionary WHERE lane=? AND id=?"},
      {&all.ids_, "SELECT id FROM pinaflux_dictionary WHERE lane=? ORDER BY number"},
      {&all.drop_, "DELETE FROM pinaflux_dictionary WHERE lane=? AND id=?"},
  };
  if (Status s = database.prepare_all(statements); !s) return std::unexpected(s.error());
  return all;
}

Status DictionaryStore::keep(std::int64_t lane, const Dictionary& dictionary) {
  cache_.erase({lane, dictionary.id()});
  keep_.bind(1, lane);
  keep_.bind(2, std::string_view(dictionary.id()));
  keep_.bind(3, dictionary.bytes());
  if (Status s = keep_.run(); !s) return s;
  trim_.bind(1, lane);
  trim_.bind(2, static_cast<std::int64_t>(limits::kDictionariesMax));
  return trim_.run();
}

// Nothing: the lane has none of that id. Of one that is `cached` the bytes are not read.
Result<std::optional<Buffer>> DictionaryStore::content(std::int64_t lane, const std::string& id,
                                                       bool cached) {
  const sqlite::Reading reading(find_);
  find_.bind(1, lane);
  find_.bind(2, std::string_view(id));
  const Result<bool> row = find_.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  if (cached) return Buffer();
  if (!find_.is_null(0)) return Buffer(find_.blob(0).begin(), find_.blob(0).end());
  if (supply_ == nullptr) return Buffer();
  Result<Buffer> brought = supply_->dictionary(lane, id);
  if (!brought) return std::unexpected(brought.error());
  return std::move(*brought);
}

Result<const Dictionaries*> DictionaryStore::find(std::int64_t lane, const std::string& id) {
  const auto known = cache_.find({lane, id});
  auto bytes = content(lane, id, known != cache_.end());
  if (!bytes) return std::unexpected(bytes.error());
  if (!*bytes) return nullptr;
  if (known != cache_.end()) return use(known->second);
  auto made = Dictionary::of(std::move(**bytes));
  if (!made || made->id() != id) {
    // Damaged on the disk: the gateway has it, and is told that it is not here.
    drop_.bind(1, lane);
    drop_.bind(2, std::string_view(id));
    if (Status s = drop_.run(); !s) return std::unexpected(s.error());
    return nullptr;
  }
  make_room();
  Cached& fresh = cache_[{lane, id}];
  fresh.one.add(std::move(*made));
  return use(fresh);
}

const Dictionaries* DictionaryStore::use(Cached& cached) {
  cached.used = ++uses_;
  return &cached.one;
}

// The one that was not used for longest goes.
void DictionaryStore::make_room() {
  if (cache_.size() < kCachedMax) return;
  cache_.erase(
      std::ranges::min_element(cache_, {}, [](const auto& each) { return each.second.used; }));
}

Result<std::vector<std::string>> DictionaryStore::ids(std::int64_t lane) {
  const sqlite::Reading reading(ids_);
  ids_.bind(1, lane);
  std::vector<std::string> all;
  for (;;) {
    const Result<bool> row = ids_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return all;
    all.emplace_back(ids_.text(0));
  }
}

}  // namespace pinaflux
