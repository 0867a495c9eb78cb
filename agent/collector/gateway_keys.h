// GatewayKeys: by which gateways prove what they send, and by which their acks are proved.
//
// Files      DIRECTORY/GATEWAY/KEY: KEY is the name that the gateway's configuration has for it (uplink.mac), the
//            file's bytes are the key, as in Vault. A gateway may have several: an old one and its successor.
// Threads    Loop.
// Tests      tests/agent/collector/gateway_keys_test.cc
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "agent/collector/topic.h"
#include "agent/seal/proof.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux {

class GatewayKeys {
 public:
  // `others`: gateways without a key are believed as they are. Errors: of a file, `which` then names it.
  static Result<GatewayKeys> load(Files& files, const std::string& directory, bool others,
                                  std::string& which);

  // Why a message is not to be believed, a word for logs; nullptr: it is its gateway's, or nothing is asked of it.
  // The key of what is believed proves the acks from then on.
  const char* refusal_of(const Topic& topic, Bytes payload);
  // Adds the proof, if the gateway has a key.
  void prove(const std::string& gateway, std::string& ack) const;
  // After a reload: the keys that were used last are, where they are still there.
  void go_on_from(const GatewayKeys& before);
  std::size_t gateways() const { return gateways_.size(); }

 private:
  struct Gateway {
    std::map<std::string, Prover, std::less<>> keys;
    std::string last;  // The key that it used last; before that, any.
  };

  std::map<std::string, Gateway, std::less<>> gateways_;
  bool others_ = false;
};

}  // namespace pinaflux
