#include "agent/ingest/lines_source.h"

// Each connection gathers lines in a buffer of its own; poll() goes round from where it stopped, and gives
// each connection an equal piece of the turn, one parcel for each. A connection that floods fills its own
// buffer and is not read until that is empty again.

#include <algorithm>
#include <string_view>

namespace pinaflux {

namespace {
constexpr std::string_view kInput = "stdin:";
constexpr std::size_t kShareMin = 16 * 1024;
}  // namespace

class LinesSource::Connection final : public Stream::Events {
 public:
  Connection(LinesSource& owner, std::uint64_t id, std::string peer)
      : id_(id), peer_(std::move(peer)), owner_(owner), lines_(owner.options_.record_bytes_max) {}

  void open(std::unique_ptr<Stream> stream) {
    stream_ = std::move(stream);
    update_pause();
  }
  std::uint64_t id() const { return id_; }
  const std::string& peer() const { return peer_; }
  bool ready() const { return ready_; }
  bool over() const { return over_; }
  LineBuffer& lines() { return lines_; }

  void bytes(Bytes bytes) override {
    lines_.append(bytes);
    look();
    update_pause();
  }
  // A sender that has no more may still wait for its counts.
  bool ended() override {
    end_input(true);
    return owner_.options_.ack_count && waits();
  }
  void closed(Error reason) override {
    over_ = true;
    end_input(reason.code == Code::closed);
  }
  // What a broken connection cut off is no line: half a number is another number.
  void end_input(bool orderly) {
    input_ended_ = true;
    if (orderly) lines_.finish();
    look();
    if (owner_.listener_ == nullptr) owner_.input_ended_ = true;
  }
  // A whole line is there.
  void look() {
    LineBuffer::Line line;
    ready_ = lines_.front(line);
  }
  void update_pause() {
    const bool wanted = owner_.held_ != Hold::none ||
                        (ready_ && lines_.bytes() > (paused_ ? kHeldBytes / 4 : kHeldBytes));
    if (wanted == paused_ || stream_ == nullptr || over_) return;
    paused_ = wanted;
    stream_->pause(paused_);
  }
  void count(std::uint64_t lines) {
    committed_ += lines;
    if (!owner_.options_.ack_count || over_ || stream_ == nullptr) return;
    // A peer that does not read its counts misses some; the next one says it all.
    (void)stream_->write(as_bytes(std::to_string(committed_) + "\n"));
    if (input_ended_ && !waits()) stream_->finish();
  }
  // Something of it is not committed yet.
  bool waits() const {
    return ready_ || std::ranges::contains(owner_.in_flight_, id_, &InFlight::connection);
  }

 private:
  const std::uint64_t id_;
  const std::string peer_;
  LinesSource& owner_;
  LineBuffer lines_;
  std::unique_ptr<Stream> stream_;
  std::uint64_t committed_ = 0;
  bool ready_ = false;
  bool input_ended_ = false;
  bool over_ = false;
  bool paused_ = false;
};

LinesSource::LinesSource(LinesSourceOptions options, const SourceHost& host)
    : options_(std::move(options)), host_(host), decoder_(options_, host.install_key) {}

LinesSource::~LinesSource() = default;

Status LinesSource::start() {
  health_.state = SourceHealth::State::working;
  if (options_.address == kInput) {
    auto connection = std::make_unique<Connection>(*this, ++last_id_, "");
    auto stream = host_.network.connect(options_.address, {}, *connection);
    if (!stream) return std::unexpected(stream.error());
    connection->open(std::move(*stream));
    connections_.push_back(std::move(connection));
    return {};
  }
  auto listener = host_.network.listen(options_.address, {},
                                       [this](Network::Accepted& accepted) { accept(accepted); });
  if (!listener) return std::unexpected(listener.error());
  listener_ = std::move(*listener);
  health_.text = "listening on " + listener_->address();
  return {};
}

void LinesSource::accept(Network::Accepted& accepted) {
  sweep();
  if (connections_.size() >= kConnectionsMax) {
    health_.text = "too many connections: new ones are closed";
    return;
  }
  auto connection = std::make_unique<Connection>(*this, ++last_id_, accepted.peer());
  connection->open(accepted.with(*connection));
  connections_.push_back(std::move(connection));
}

// Connections that ended and have nothing left.
void LinesSource::sweep() {
  std::erase_if(connections_, [](const auto& c) { return c->over() && !c->ready(); });
}

LinesSource::Connection* LinesSource::find(std::uint64_t id) {
  const auto found =
      std::ranges::find_if(connections_, [id](const auto& c) { return c->id() == id; });
  return found == connections_.end() ? nullptr : found->get();
}

bool LinesSource::ready() const {
  return held_ == Hold::none &&
         std::ranges::any_of(connections_, [](const auto& c) { return c->ready(); });
}

// Only a sender that waits for its count waits for the commit.
bool LinesSource::stalled() const { return options_.ack_count && !in_flight_.empty() && !ready(); }

bool LinesSource::finished() const { return input_ended_ && in_flight_.empty() && !ready(); }

void LinesSource::poll(Intake& intake) {
  sweep();
  const std::size_t count = connections_.size();
  const auto busy = static_cast<std::size_t>(
      std::ranges::count_if(connections_, [](const auto& c) { return c->ready(); }));
  if (busy == 0) return;
  const std::size_t share = std::max(kShareMin, limits::kPollBytesMax / busy);
  const std::size_t first = next_ % count;
  std::size_t served = 0;
  for (std::size_t i = 0; i < count && served * share < limits::kPollBytesMax; ++i) {
    Connection& connection = *connections_[(first + i) % count];
    next_ = first + i + 1;
    if (!connection.ready()) continue;
    if (!take(connection, intake, share)) {
      next_ = first + i;  // It begins the next turn.
      return;
    }
    ++served;
  }
}

// One parcel of the connection's lines; false: the intake is full.
bool LinesSource::take(Connection& connection, Intake& intake, std::size_t bytes_max) {
  const std::string_view stream = options_.stream.empty() ? options_.name : options_.stream;
  const Format format = options_.format == Format::json ? Format::ndjson : options_.format;
  const Stamp arrival = host_.stamp();
  LineBuffer& lines = connection.lines();
  LineBuffer::Line line;
  Tally tally;
  std::size_t bytes = 0;
  bool room = true;
  decoder_.begin(intake, connection.peer());
  while (bytes < bytes_max && lines.front(line)) {
    if (line.too_long) {
      decoder_.refuse_bytes(Reason::too_large, line.text, line.size, tally);
    } else if (!(room = decoder_.decode(format, {line.text, stream, arrival}, tally))) {
      break;
    }
    bytes += line.text.size() + 1;
    lines.pop();
  }
  connection.look();
  connection.update_pause();
  const std::uint64_t units = tally.records + tally.refused;
  if (units == 0) {
    decoder_.abandon();
    return room;
  }
  decoder_.end(++ticket_);
  in_flight_.push_back({ticket_, connection.id(), units});
  ++health_.parcels;
  health_.records += tally.records;
  health_.refused += tally.refused;
  return room;
}

void LinesSource::committed(const Receipt& receipt) {
  health_.records_committed += receipt.records;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> counts;
  while (!in_flight_.empty() && in_flight_.front().ticket <= receipt.ticket) {
    const InFlight& done = in_flight_.front();
    const auto same =
        std::ranges::find(counts, done.connection, &decltype(counts)::value_type::first);
    if (same == counts.end()) {
      counts.emplace_back(done.connection, done.lines);
    } else {
      same->second += done.lines;
    }
    in_flight_.pop_front();
  }
  for (const auto& [id, lines] : counts) {
    if (Connection* connection = find(id)) connection->count(lines);
  }
}

SourceHealth LinesSource::health() const {
  SourceHealth health = health_;
  if (finished()) {
    health.state = SourceHealth::State::waiting;
    health.text = "finished: standard input has ended";
  } else if (held_ != Hold::none) {
    health.state = SourceHealth::State::waiting;
    health.text = held_ == Hold::full ? "held back until the spool has room: nothing is read"
                  : held_ == Hold::process
                      ? "held back until a process of the pipeline answers: nothing is read"
                      : "the agent stops or starts again: nothing is read";
  }
  return health;
}

void LinesSource::hold(Hold why) {
  held_ = why;
  for (auto& connection : connections_) connection->update_pause();
}

}  // namespace pinaflux
