#include "platform/proxy.h"

namespace pinaflux {

Result<Address> parse_proxy(std::string_view address) {
  constexpr std::string_view kScheme = "http://";
  if (!address.starts_with(kScheme))
    return fail(Code::invalid, "a proxy is written http://HOST:PORT");
  auto parsed = parse_address("tcp://" + std::string(address.substr(kScheme.size())));
  if (!parsed || parsed->host.empty() || parsed->port == 0)
    return fail(Code::invalid, "a proxy is written http://HOST:PORT");
  return parsed;
}

}  // namespace pinaflux
