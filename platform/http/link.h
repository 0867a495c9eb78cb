// HttpLink: the uplink's messages by HTTP: each publish() is a POST, and its answer is the acknowledgement. For receivers
// that speak no MQTT, and gateways behind firewalls that let nothing else through.
//
// Requests   POST to the URL, {topic} replaced; Content-Type, Idempotency-Key (MqttPublish::identity), user and password as
//            Basic authorisation. A message that has no {topic} in the URL to be told by is sent all the same.
// Answers    2xx: taken. 429 and 5xx: lost(), and rest() says how long the server asked for (Retry-After). 3xx: lost(). Others
//            refuse: published() with the status as its reason.
//            A body of kMessages brings messages to us, a line each: TOPIC (as percent_encode() has it), a space, the payload.
// Order      As of MqttClient. Requests are sent in the order of publish(), over kExchangesMax connections at most, so that the
//            next is on its way while one is answered: their order of arrival may change.
// Limits     `inflight_max` publishes wait or are asked. A request that gets no answer within answer_max is a lost link.
// Ownership  Network and Loop must outlive it.
// Threads    Loop.
// Source     RFC 9110, RFC 7617; draft-ietf-httpapi-idempotency-key-header.
// Tests      tests/platform/http/link_test.cc
#pragma once

#include <string_view>

#include "platform/loop.h"
#include "platform/mqtt_client.h"
#include "platform/network.h"

namespace pinaflux {

namespace http_link {

inline constexpr std::string_view kMessages = "application/vnd.pinaflux.messages";
inline constexpr std::size_t kExchangesMax = 2;
inline constexpr Duration kRestMax = Duration::hours(1);

// A status as a text that says what to do; static.
const char* refusal_text(int status);
// Of a Retry-After in seconds, kRestMax at most; of a date or nothing: 0.
Duration rest_of(std::string_view retry_after);

}  // namespace http_link

// Clients that speak HTTP to http:// and https:// addresses, and to all others what those of `others` speak.
MqttClientMaker with_http(MqttClientMaker others, Network& network, Loop& loop);

}  // namespace pinaflux
