#include "tests/sim/producers.h"

#include <algorithm>
#include <utility>

#include "platform/base/text.h"

namespace pinaflux::tests {

namespace {

constexpr Duration kAgain = Duration::seconds(1);
constexpr Duration kPatience = Duration::seconds(15);

}  // namespace

Producer::Producer(SimLoop& loop, SimNetwork& network, Ledger& ledger, std::string name,
                   std::uint64_t seed, Duration every)
    : loop_(loop),
      network_(network),
      ledger_(ledger),
      random_(seed),
      id_(ledger.join(name)),
      name_(std::move(name)),
      every_(every),
      timer_(loop.timer([this] { due(); })) {}

void Producer::start() {
  stopped_ = false;
  timer_->start(random_.between({}, every_));
}

void Producer::due() {
  send();
  if (!stopped_) timer_->start(random_.between(every_ / 2, every_ + every_ / 2));
}

// Much of it is of so many letters that no compressor looks long for what comes again.
std::string Producer::record(std::uint32_t& number) {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  static constexpr std::size_t kShort = 64;
  number = ledger_.next(id_);
  std::string padding(padding_, ' ');
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < padding.size(); ++i) {
    if (padding.size() <= kShort) {
      padding[i] = static_cast<char>('a' + random_.below(26));
    } else {
      bits = i % 10 == 0 ? random_.u64() : bits >> 6;
      padding[i] = kLetters[bits % kLetters.size()];
    }
  }
  return Ledger::json(id_, number, padding);
}

// ---- MQTT

MqttProducer::MqttProducer(SimLoop& loop, SimNetwork& network, Ledger& ledger, std::string topic,
                           std::uint64_t seed, Duration every, std::size_t padding)
    : Producer(loop, network, ledger, std::move(topic), seed, every) {
  padding_ = padding;
}

void MqttProducer::send() {
  if (session_ == nullptr) {
    mqtt::Options options;
    options.broker = "tcp://hub:1883";
    options.client_id = name_;
    options.clean_start = true;
    options.session_expiry = Duration{};
    session_ = std::move(mqtt::Session::connect(network_, loop_, options, *this).value());
  }
  if (!open_) return;
  std::uint32_t number = 0;
  const std::string text = record(number);
  const auto id = session_->publish(name_, as_bytes(text), false);
  if (id) sent_.push_back({*id, number});
}

void MqttProducer::published(std::uint16_t packet_id, int reason) {
  const auto at = std::ranges::find(sent_, packet_id, &Sent::packet_id);
  if (at == sent_.end()) return;
  if (reason == 0) ledger_.acknowledged(id_, at->number);
  sent_.erase(at);
}

void MqttProducer::closed(Error, int) {
  open_ = false;
  sent_.clear();
  session_.reset();
}

// ---- lines

LinesProducer::LinesProducer(SimLoop& loop, SimNetwork& network, Ledger& ledger,
                             std::string gateway, std::uint64_t seed, Duration every)
    : Producer(loop, network, ledger, "press of " + gateway, seed, every),
      address_("tcp://" + gateway + ":7000") {}

void LinesProducer::send() {
  if (stream_ == nullptr) {
    Network::Options options;
    options.connect_timeout = kPatience;
    stream_ = std::move(network_.connect(address_, options, *this).value());
  }
  if (!open_) return;
  std::uint32_t number = 0;
  std::string text = record(number);
  text += '\n';
  if (stream_->write(as_bytes(text))) sent_.push_back(number);
}

void LinesProducer::bytes(Bytes bytes) {
  for (const char c : as_text(bytes)) {
    if (c != '\n') {
      line_ += c;
      continue;
    }
    const auto count = parse_integer<std::uint64_t>(line_);
    line_.clear();
    while (count && counted_ < *count && !sent_.empty()) {
      ledger_.acknowledged(id_, sent_.front(), true);
      sent_.pop_front();
      ++counted_;
    }
  }
}

void LinesProducer::closed(Error) {
  open_ = false;
  counted_ = 0;
  sent_.clear();
  line_.clear();
  stream_.reset();
}

// ---- HTTP

HttpProducer::HttpProducer(SimLoop& loop, SimNetwork& network, Ledger& ledger, std::uint64_t seed,
                           Duration every)
    : Producer(loop, network, ledger, "poster", seed, every),
      again_(loop.timer([this] { dial(); })),
      patience_(loop.timer([this] { again({}); })) {}

void HttpProducer::send() {
  if (!numbers_.empty()) return;
  std::string body;
  for (std::uint64_t left = 1 + random_.below(5); left > 0; --left) {
    std::uint32_t number = 0;
    body += record(number) + "\n";
    numbers_.push_back(number);
  }
  request_ = "POST /ingest/post HTTP/1.1\r\nHost: gateway\r\nIdempotency-Key: ";
  append_unsigned(request_, ++requests_);
  request_ += "\r\nContent-Length: ";
  append_unsigned(request_, body.size());
  request_ += "\r\n\r\n" + body;
  again({});
}

void HttpProducer::again(Duration after) {
  stream_.reset();
  patience_->stop();
  again_->start(after);
}

void HttpProducer::dial() {
  answer_.clear();
  stream_ = std::move(network_.connect("tcp://gateway:8086", {}, *this).value());
  patience_->start(kPatience);
}

void HttpProducer::connected() {
  if (!stream_->write(as_bytes(request_))) again(kAgain);
}

void HttpProducer::bytes(Bytes bytes) {
  answer_ += as_text(bytes);
  if (answer_.find("\r\n\r\n") == std::string::npos) return;
  if (!answer_.starts_with("HTTP/1.1 204")) return again(kAgain);
  for (const std::uint32_t number : numbers_) ledger_.acknowledged(id_, number, true);
  numbers_.clear();
  patience_->stop();
  stream_.reset();
}

void HttpProducer::closed(Error) { again(kAgain); }

}  // namespace pinaflux::tests
