// GatewayKeys: by which gateways prove what they send, and by which their acks are proved.
//
// Files      DIRECTORY/GATEWAY/KEY: KEY is the name that the gateway's configuration has for it (uplink.mac, uplink.sign).
//            A file in PEM is a public key, by which signatures are believed; of any other the bytes are a MAC's key, as in
//            Vault. A gateway may have several: an old one and its successor.
// Promise    What a public key belongs to is believed by its signature alone, never by a MAC, whoever made that from
//            what everybody may know.
// Threads    Loop.
// Tests      tests/agent/collector/gateway_keys_test.cc
#pragma once

#include <map>
#include <optional>
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
  // Believes everything.
  static GatewayKeys none();
  // `others`: gateways without a key are believed as they are. Errors: of a file, `which` then names it.
  static Result<GatewayKeys> load(Files& files, const std::string& directory, bool others,
                                  std::string& which);

  // Our own private key, which signs all acks that no MAC proves; its key id is the file's name without what stands
  // behind the last dot. Errors: of the file, or of a name that cannot be a key id.
  Status sign_by(Files& files, const std::string& file, const crypto::Random& random);

  // Why a message is not to be believed, a word for logs; nullptr: it is its gateway's, or nothing is asked of it.
  // The key of what is believed proves the acks of its lanes from then on.
  const char* refusal_of(const Topic& topic, Bytes payload);
  // Adds the proof, if there is a key for it.
  void prove(const std::string& gateway, const std::string& lane, std::string& ack) const;
  // After a reload: the keys that were used last are, where they are still there.
  void go_on_from(const GatewayKeys& before);
  std::size_t gateways() const { return gateways_.size(); }

 private:
  struct Key {
    Verifier verifier;
    std::optional<Prover> prover;  // A MAC's.
  };
  struct Gateway {
    std::map<std::string, Key, std::less<>> keys;
    std::string last;  // The key that it used last; before that, any.
    // The same by lane, for lanes leave by uplinks with keys of their own.
    std::map<std::string, std::string, std::less<>> last_of;
  };

  static Result<Key> key_of(const std::string& name, Bytes bytes);

  std::map<std::string, Gateway, std::less<>> gateways_;
  std::optional<Prover> own_;
  bool others_ = false;
};

}  // namespace pinaflux
