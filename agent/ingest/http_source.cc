#include "agent/ingest/http_source.h"

// A request waits, whole, until poll() takes it as one parcel; its answer waits for the receipt of the
// parcel's ticket. A peer that leaves before its request was taken takes the request with it: it got no
// answer and will send again. A request whose idempotency key is in flight or remembered is answered with
// the first one's answer, after the first one's commit.

#include <algorithm>

#include "platform/base/text.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

constexpr std::string_view kIngest = "/ingest/";
constexpr std::size_t kSpareMax = 4;
constexpr const char* kRetryFull = "5";      // Seconds.
constexpr const char* kRetryStopping = "1";  // Stations that start again do so within that, mostly.
constexpr const char* kSplit =
    "the request is larger than one commit takes (16,384 records, 2 MiB of values): send it in "
    "smaller "
    "pieces, for example 5,000 lines each";

// In time that does not depend on where they differ.
bool same_secret(std::string_view a, std::string_view b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

bool is_influx_write(std::string_view path) { return path == "/write" || path == "/api/v2/write"; }

}  // namespace

HttpSource::HttpSource(HttpSourceOptions options, const SourceHost& host)
    : options_(std::move(options)), host_(host), decoder_(options_, host.install_key) {}

void HttpSource::restore(std::vector<Cursor> cursors) { keys_.restore(cursors); }

Status HttpSource::start() {
  HttpServer::Options server;
  server.body_bytes_max = limits::kIntakeBytesMax * 2;
  auto made = host_.http.listen(
      options_.listen, server, [this](const HttpRequest& request) { handle(request); },
      [this](std::uint64_t id) { gone(id); });
  if (!made) return std::unexpected(made.error());
  server_ = std::move(*made);
  health_.state = SourceHealth::State::working;
  health_.text = "listening on " + server_->address();
  return {};
}

void HttpSource::refuse(std::uint64_t id, int status, std::string_view message) {
  const char* code = status == 401 ? "unauthorized" : status == 404 ? "not found" : "invalid";
  server_->answer(id, {.status = status,
                       .body = error_body(code, message),
                       .headers = {{"Content-Type", "application/json"}}});
}

void HttpSource::refuse_busy(std::uint64_t id, std::string_view message,
                             const char* retry_after_s) {
  server_->answer(
      id, {.status = 503,
           .body = error_body("unavailable", message),
           .headers = {{"Content-Type", "application/json"}, {"Retry-After", retry_after_s}}});
}

void HttpSource::refuse_held(std::uint64_t id) {
  if (held_ == Hold::full) {
    return refuse_busy(id, "the spool is full: waiting until the far end takes some of it",
                       kRetryFull);
  }
  if (held_ == Hold::process) {
    return refuse_busy(id, "a process of the pipeline does not answer: waiting until it does",
                       kRetryFull);
  }
  refuse_busy(id, "the agent stops or starts again: nothing of this was taken, send it again",
              kRetryStopping);
}

void HttpSource::handle(const HttpRequest& request) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (request.path == "/ping" && reads) {
    return server_->answer(
        request.id, {.status = 204, .body = {}, .headers = {{"X-Influxdb-Version", "pinaflux"}}});
  }
  if (request.path == "/health" && reads) {
    return server_->answer(request.id, {.status = 200,
                                        .body = R"({"name":"pinaflux","status":"pass"})",
                                        .headers = {{"Content-Type", "application/json"}}});
  }
  const bool known = request.path.starts_with(kIngest) || is_influx_write(request.path);
  if (!known) {
    return refuse(request.id, 404,
                  "nothing here: POST to /ingest/<stream>, /write or /api/v2/write");
  }
  if (request.method != "POST") return refuse(request.id, 405, "use POST");
  if (!authorised(request)) {
    return refuse(request.id, 401,
                  "the token is missing or wrong: send Authorization: Bearer <token>");
  }
  ingest(request);
}

bool HttpSource::authorised(const HttpRequest& request) const {
  if (options_.token.empty()) return true;
  const std::string_view given = request.header("Authorization");
  const std::size_t space = given.find(' ');
  if (space == std::string_view::npos) return false;
  const std::string_view scheme = given.substr(0, space);
  return (equal_ignoring_case(scheme, "Bearer") || equal_ignoring_case(scheme, "Token")) &&
         same_secret(trim(given.substr(space)), options_.token);
}

void HttpSource::ingest(const HttpRequest& request) {
  Request made{.id = request.id,
               .stream = options_.stream,
               .peer = std::string(request.peer),
               .arrival = host_.stamp()};
  if (const std::string_view coding = request.header("Content-Encoding");
      !coding.empty() && !equal_ignoring_case(coding, "identity")) {
    return refuse(request.id, 415,
                  "compressed bodies are not taken: send without Content-Encoding");
  }
  if (made.stream.empty()) made.stream = options_.name;
  if (is_influx_write(request.path)) {
    const std::string precision = query_value(request.query, "precision");
    made.format = Format::influx;
    made.ns_per_tick = precision.empty() ? 1 : ns_per_precision(precision);
    if (made.ns_per_tick == 0)
      return refuse(request.id, 400, "precision is one of ns, us, ms, s, m, h");
  } else {
    const std::string_view stream = request.path.substr(kIngest.size());
    if (stream.empty() || made.stream.size() + 1 + stream.size() > limits::kNameBytesMax) {
      return refuse(request.id, 400,
                    "the path names the stream: /ingest/<stream>, at most 512 bytes");
    }
    made.stream.append("/").append(stream);
    made.format = sniff_json(as_text(request.body));
  }
  if (const std::string_view key = request.header("Idempotency-Key"); !key.empty()) {
    made.key = crypto::siphash(host_.install_key, as_bytes(key)) | 1;
  }
  enqueue(request, std::move(made));
}

void HttpSource::enqueue(const HttpRequest& request, Request&& made) {
  if (request.body.size() > limits::kIntakeBytesMax) return refuse(request.id, 413, kSplit);
  if (held_ != Hold::none) return refuse_held(request.id);
  if (waiting_.size() >= kRequestsMax || in_flight_.size() >= kRequestsMax ||
      waiting_bytes_ + request.body.size() > kRequestBytesMax) {
    return refuse_busy(request.id, "too many requests wait for their commit", kRetryFull);
  }
  if (!spare_.empty()) {
    made.body = std::move(spare_.back());
    spare_.pop_back();
  }
  made.body.clear();
  made.body.reserve(request.body.size() + kParsePadding);
  append(made.body, request.body);
  made.body.resize(request.body.size() + kParsePadding);
  made.body_bytes = request.body.size();
  waiting_bytes_ += made.body_bytes;
  waiting_.push_back(std::move(made));
}

void HttpSource::gone(std::uint64_t id) {
  const auto request = std::ranges::find(waiting_, id, &Request::id);
  if (request == waiting_.end()) return;
  waiting_bytes_ -= request->body_bytes;
  wipe(request->body);
  waiting_.erase(request);
}

void HttpSource::pop() {
  Request& request = waiting_.front();
  waiting_bytes_ -= request.body_bytes;
  wipe(request.body);
  if (spare_.size() < kSpareMax) spare_.push_back(std::move(request.body));
  waiting_.pop_front();
}

void HttpSource::poll(Intake& intake) {
  std::size_t bytes = 0;
  while (!waiting_.empty() && bytes < limits::kPollBytesMax) {
    const Request& request = waiting_.front();
    bytes += request.body_bytes;
    if (!answer_known(request) && take(request, intake) == Outcome::no_room) return;
    pop();
  }
}

// A request that was seen before is told what the first one was told.
bool HttpSource::answer_known(const Request& request) {
  const IngestAnswer* known = keys_.find(request.key);
  if (known == nullptr) return false;
  ++health_.duplicates;
  const auto first = std::ranges::find_if(
      in_flight_, [&](const InFlight& f) { return f.answer.key == request.key; });
  if (first == in_flight_.end()) {
    server_->answer(request.id, known->http());
  } else {
    const InFlight follower{first->ticket, request.id, *known};
    in_flight_.insert(std::next(first), follower);
  }
  return true;
}

HttpSource::Outcome HttpSource::take(const Request& request, Intake& intake) {
  const std::string_view text = as_text(Bytes(request.body).first(request.body_bytes));
  Tally tally;
  decoder_.begin(intake, request.peer);
  const Payload payload{text, request.stream, request.arrival, request.ns_per_tick};
  if (trim(text).empty()) {
    decoder_.abandon();
    server_->answer(request.id, {.status = 204, .body = {}, .headers = {}});
    return Outcome::answered;
  }
  if (!decoder_.decode(request.format, payload, tally)) {
    decoder_.abandon();
    return Outcome::no_room;
  }
  if (tally.too_large) {
    decoder_.abandon();
    refuse(request.id, 413, kSplit);
    return Outcome::answered;
  }
  const IngestAnswer answer{request.key, tally.records, tally.refused, tally.fault_line,
                            tally.fault};
  keys_.remember(answer, intake);
  decoder_.end(++ticket_);
  in_flight_.push_back({ticket_, request.id, answer});
  ++health_.parcels;
  health_.records += tally.records;
  health_.refused += tally.refused;
  return Outcome::taken;
}

void HttpSource::committed(const Receipt& receipt) {
  health_.records_committed += receipt.records;
  while (!in_flight_.empty() && in_flight_.front().ticket <= receipt.ticket) {
    const InFlight done = in_flight_.front();
    in_flight_.pop_front();
    server_->answer(done.id, done.answer.http());
  }
}

void HttpSource::hold(Hold why) {
  held_ = why;
  const bool held = why != Hold::none;
  health_.state = held ? SourceHealth::State::waiting : SourceHealth::State::working;
  health_.text = why == Hold::full      ? "the spool is full: answering 503"
                 : why == Hold::process ? "a process of the pipeline does not answer: answering 503"
                 : why == Hold::stopping ? "the agent stops or starts again: answering 503"
                                         : "listening on " + address();
  while (held && !waiting_.empty()) {
    refuse_held(waiting_.front().id);
    pop();
  }
}

}  // namespace pinaflux
