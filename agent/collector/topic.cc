// The root may have levels of its own ("plant/7/pinaflux"), so topics are read behind it.

#include "agent/collector/topic.h"

#include "agent/seal/messages.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

bool named(std::string_view name) { return !name.empty() && name.size() <= Topic::kNameMax; }

}  // namespace

std::optional<Topic> parse_topic(std::string_view root, std::string_view topic) {
  if (topic.size() <= root.size() + 1 || !topic.starts_with(root) || topic[root.size()] != '/') {
    return std::nullopt;
  }
  const auto levels = split(topic.substr(root.size() + 1), '/');
  if (!named(levels[0])) return std::nullopt;
  if (levels.size() == 2 && levels[1] == "hello") return Topic{Topic::Kind::hello, levels[0], {}};
  if (levels.size() == 2 && levels[1] == "status") return Topic{Topic::Kind::status, levels[0], {}};
  if (levels.size() == 3 && levels[1] == "data" && named(levels[2])) {
    return Topic{Topic::Kind::data, levels[0], levels[2]};
  }
  return std::nullopt;
}

std::vector<std::string> lanes_spoken_of(const Topic& topic, Bytes payload) {
  if (topic.kind == Topic::Kind::data) return {std::string(topic.lane)};
  std::vector<std::string> lanes;
  const auto take = [&](const auto& message) {
    if (!message) return;
    for (const LaneMark& mark : message->lanes) lanes.push_back(mark.lane);
  };
  topic.kind == Topic::Kind::hello ? take(parse_hello(as_text(payload)))
                                   : take(parse_status(as_text(payload)));
  return lanes;
}

std::array<std::string, 3> topic_filters(const std::string& root, const std::string& group) {
  const std::string share = group.empty() ? "" : "$share/" + group + "/";
  return {share + root + "/+/data/+", share + root + "/+/hello", root + "/+/status"};
}

std::string ack_topic(const std::string& root, const std::string& gateway) {
  return root + "/" + gateway + "/ack";
}

}  // namespace pinaflux
