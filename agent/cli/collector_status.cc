#include "agent/cli/collector_status.h"

#include <cstdio>

#include "agent/cli/exit_status.h"
#include "agent/collector/http_poster.h"
#include "platform/linux/linux.h"

namespace pinaflux {

namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr int kUnhealthy = 503;

}  // namespace

int collector_status(const std::string& listen, bool json) {
  const auto url =
      listen.starts_with(kTcp)
          ? parse_http_url("http://" + listen.substr(kTcp.size()) + (json ? "/healthz" : "/status"))
          : fail(Code::invalid, "write tcp://HOST:PORT, as --listen of the collector says");
  if (!url) {
    std::fprintf(stderr, "pinaflux-collector: --listen '%s': %s\n", listen.c_str(),
                 url.error().what);
    return kExitUsage;
  }
  const auto platform = LinuxPlatform::make();
  if (!platform) return exit_status(platform.error());
  HttpPoster poster((*platform)->network, *(*platform)->loop,
                    {.url = *url, .answer_max = Duration::seconds(10)});
  std::string why;
  const auto answer = poster.get(why);
  if (!answer) {
    std::fprintf(stderr, "pinaflux-collector: %s: %s; does it run, with --listen?\n",
                 listen.c_str(), why.c_str());
    return kExitUnavailable;
  }
  if (answer->status != 200 && answer->status != kUnhealthy) {
    std::fprintf(stderr, "pinaflux-collector: %s answers %d: another program listens there\n",
                 listen.c_str(), answer->status);
    return kExitUnavailable;
  }
  std::fputs(answer->text.c_str(), stdout);
  return answer->status == kUnhealthy ? 1 : kExitOk;
}

}  // namespace pinaflux
