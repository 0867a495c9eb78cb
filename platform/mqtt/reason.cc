#include "platform/mqtt/reason.h"

namespace pinaflux::mqtt {

namespace {

struct Named {
  int reason;
  Code code;
  const char* text;
};

constexpr Named kReasons[] = {
    {0x00, Code::closed, "success"},
    {0x04, Code::closed, "disconnected with the will"},
    {0x10, Code::refused, "nobody is subscribed to this topic: start the receiver"},
    {0x11, Code::refused, "there was no such subscription"},
    {0x80, Code::refused, "the broker refused without a reason: see the broker's log"},
    {0x81, Code::invalid, "malformed packet: is this really an MQTT broker's port?"},
    {0x82, Code::invalid, "MQTT protocol error: see the broker's log"},
    {0x83, Code::refused, "the broker refused for a reason of its own: see the broker's log"},
    {0x84, Code::unsupported,
     "the broker does not speak this version of MQTT: if neither 5 nor 3.1.1 works, update it"},
    {0x85, Code::denied, "the broker refuses this client id: choose another one"},
    {0x86, Code::denied, "user name or password is wrong: check both here and at the broker"},
    {0x87, Code::denied,
     "the broker does not authorise us: check user and password, and allow the user its topics in "
     "the broker's access list"},
    {0x88, Code::busy, "the broker is not available: wait for it, or see its log"},
    {0x89, Code::busy, "the broker is busy: wait, or see its log"},
    {0x8a, Code::denied, "this client is banned at the broker: ask its operator"},
    {0x8b, Code::closed, "the broker is shutting down: start it again"},
    {0x8c, Code::unsupported,
     "the broker wants another method of authentication: let it take user and password"},
    {0x8d, Code::timeout, "nothing was heard within the keep-alive time: check the link"},
    {0x8e, Code::busy, "another client took over this client id: give each its own"},
    {0x8f, Code::invalid, "the broker refuses this topic filter: check the topics"},
    {0x90, Code::invalid, "the broker refuses this topic name: check the topic"},
    {0x91, Code::invalid, "the packet identifier is in use"},
    {0x92, Code::invalid, "the packet identifier is not known"},
    {0x93, Code::full, "more messages unacknowledged than Receive Maximum allows"},
    {0x94, Code::invalid, "a topic alias that was not offered"},
    {0x95, Code::full, "the packet is larger than the receiver allows: raise the limit of packets"},
    {0x96, Code::full, "messages come too fast for the broker: raise its limit of rate"},
    {0x97, Code::full, "a quota at the broker is exceeded: raise it, or send less"},
    {0x98, Code::closed, "the broker's operator closed the connection: ask him"},
    {0x99, Code::invalid, "the payload is not of the format that it names"},
    {0x9a, Code::unsupported, "the broker does not keep retained messages: allow them"},
    {0x9b, Code::unsupported, "the broker does not support QoS 1: allow it"},
    {0x9c, Code::refused,
     "the broker asks to use another server for now: wait, or change its address"},
    {0x9d, Code::refused, "the broker has moved to another server: change its address"},
    {0x9e, Code::unsupported, "the broker does not support shared subscriptions"},
    {0x9f, Code::busy, "the broker's limit of new connections is exceeded: wait, or raise it"},
    {0xa0, Code::closed, "the broker's maximum connect time is over: reconnecting"},
    {0xa1, Code::unsupported, "the broker does not support subscription identifiers"},
    {0xa2, Code::unsupported, "the broker does not support wildcards in subscriptions"},
};

constexpr Named kUnknown = {-1, Code::refused,
                            "a reason code that MQTT does not name: see the broker's log"};

const Named& named(int reason) {
  for (const Named& its : kReasons) {
    if (its.reason == reason) return its;
  }
  return kUnknown;
}

}  // namespace

const char* reason_text(int reason) { return named(reason).text; }

Code reason_code(int reason) { return named(reason).code; }

int reason_of_return_code(int return_code) {
  switch (return_code) {
    case 0: return reason::kSuccess;
    case 1: return reason::kUnsupportedVersion;
    case 2: return reason::kBadClientId;
    case 3: return reason::kUnavailable;
    case 4: return reason::kBadUser;
    case 5: return reason::kNotAuthorised;
    default: return return_code >= reason::kRefused ? return_code : reason::kRefused;
  }
}

}  // namespace pinaflux::mqtt
