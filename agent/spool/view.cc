// SQLite opens a database in WAL mode without writing to it as long as nobody asks for more than reading: the
// index of the WAL lies in our heap, and without make_durable() nothing is copied into the file at the end.

#include "agent/spool/view.h"

#include <algorithm>
#include <utility>

#include "agent/data/limits.h"
#include "agent/spool/lock.h"
#include "agent/spool/schema.h"
#include "agent/spool/store.h"

namespace pinaflux {

namespace {

Result<std::unique_ptr<Store>> look(const SpoolOptions& options, Files& files, const Roots& roots,
                                    Entropy* entropy) {
  auto store = std::make_unique<Store>();
  auto database = sqlite::Database::open({.path = database_path(options),
                                          .page_bytes = static_cast<int>(Room::kPageBytes),
                                          .cache_kibibytes = 1024,
                                          .vfs = files.sqlite_vfs()});
  if (!database) return std::unexpected(database.error());
  store->database = std::move(*database);
  if (Status s = schema::check(*store->database); !s) return std::unexpected(s.error());
  std::vector<std::string> findings;
  auto encryption =
      Encryption::recognise(*store->database, roots, entropy, options.key_messages_max, findings);
  if (!encryption) return std::unexpected(encryption.error());
  store->encryption = std::move(*encryption);
  store->queue.emplace(*store->database, store->encryption.get());
  const auto columns = Letters::columns(*store->database);
  if (!columns) return std::unexpected(columns.error());
  store->notes.emplace(*store->database, *store->encryption);
  store->letters.emplace(*store->database, *store->encryption, letter_bytes(options), *columns);
  store->save_lane = schema::prepare_save(*store->database);
  auto epoch = schema::epoch(*store->database);
  if (!epoch) return std::unexpected(epoch.error());
  store->epoch = *epoch;
  // Lanes that cannot be read are an operation's to tell.
  if (const auto lanes = schema::lanes(*store->database, *store->encryption))
    store->dictionaries.load(*store->notes, *lanes);
  return store;
}

}  // namespace

View::View() = default;
View::~View() = default;

Result<std::unique_ptr<View>> View::open(const SpoolOptions& options, Files& files, long& holder,
                                         const Vault* vault, Entropy* entropy) {
  const auto there = files.info(database_path(options));
  if (!there) {
    if (there.error().code != Code::not_found) return std::unexpected(there.error());
    return fail(Code::not_found, "there is no spool: has an agent run here?");
  }
  std::unique_ptr<View> view(new View());
  auto lock = lock_directory(files, options.directory, holder);
  if (!lock) return std::unexpected(lock.error());
  view->lock_ = std::move(*lock);
  view->options_ = options;
  if (Status s = view->roots_.derive(options, vault); !s) return std::unexpected(s.error());
  auto store = look(options, files, view->roots_, entropy);
  if (!store) return std::unexpected(store.error());
  view->store_ = std::move(*store);
  return view;
}

Result<bool> View::operate(Operation& operation, Buffer& out) {
  ASSERT(!operation.changes());
  return operation.step({.store = *store_, .options = options_}, out);
}

Status View::change(const std::function<Status(Store&)>& repair) {
  sqlite::Database& database = *store_->database;
  if (Status s = database.make_durable(); !s) return s;
  if (Status s = store_->encryption->prepare(); !s) return s;
  Status done = database.begin();
  if (done) done = repair(*store_);
  if (done) done = database.commit();
  if (!done) database.rollback();
  return done;
}

namespace {

// Reads what options_of() wants to know.
class Names : public Operation {
 public:
  explicit Names(SpoolOptions& options) : options_(options) {}
  Result<bool> step(const Access& access, Buffer& out) override {
    out.clear();
    auto gateway = schema::gateway(*access.store.database);
    if (!gateway) return std::unexpected(gateway.error());
    options_.gateway = std::move(*gateway);
    const auto lanes = schema::lanes(*access.store.database, *access.store.encryption);
    if (!lanes) return std::unexpected(lanes.error());
    for (const Lane& lane : *lanes) {
      const bool ours = lane.gateway == options_.gateway && lane.epoch == access.store.epoch;
      if (ours && options_.lanes.size() < limits::kLanesMax) {
        options_.lanes.push_back({.name = lane.name});
      }
    }
    const auto bytes = static_cast<std::uint64_t>(access.store.database->file_bytes());
    options_.bytes_max = std::max(options_.bytes_max, bytes * 2);
    return false;
  }

 private:
  SpoolOptions& options_;
};

}  // namespace

Result<SpoolOptions> options_of(const std::string& directory, Files& files, long& holder) {
  SpoolOptions options;
  options.directory = directory;
  auto view = View::open(options, files, holder);
  if (!view) return std::unexpected(view.error());
  Names names(options);
  Buffer none;
  if (auto read = (*view)->operate(names, none); !read) return std::unexpected(read.error());
  return options;
}

}  // namespace pinaflux
