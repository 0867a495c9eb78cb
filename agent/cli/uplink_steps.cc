#include "agent/cli/uplink_steps.h"

#include <algorithm>
#include <cstdio>

#include "platform/base/json_writer.h"

namespace pinaflux {

std::string steps_json(const std::string& uplink, const std::string& broker,
                       const std::vector<UplinkStep>& steps) {
  const bool ok = std::ranges::all_of(steps, &UplinkStep::done);
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.test.uplink/1").key("uplink").string(uplink);
  j.key("broker").string(broker).key("ok").boolean(ok).key("steps").begin_array();
  for (const UplinkStep& step : steps) {
    j.begin_object().key("name").string(step.name).key("tried").boolean(step.tried);
    j.key("ok").boolean(step.done).key("ms").number(step.milliseconds);
    j.key("text").string(step.text).key("next").string(step.next).end_object();
  }
  j.end_array().end_object();
  return j.take() + "\n";
}

std::string step_line(const UplinkStep& step) {
  char head[64];
  if (!step.tried) {
    std::snprintf(head, sizeof head, "%-10s          not tried\n", step.name.c_str());
    return head;
  }
  std::snprintf(head, sizeof head, "%-10s %7.1f ms", step.name.c_str(), step.milliseconds);
  std::string line = head;
  if (!step.done) line += "  failed";
  if (!step.text.empty()) line += (step.done ? "  " : ": ") + step.text;
  line += '\n';
  if (!step.next.empty()) line += "  -> " + step.next + "\n";
  return line;
}

}  // namespace pinaflux
