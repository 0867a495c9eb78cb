// Authority: a CA that is made in a test and issues certificates, by mbedTLS.
//
// Ownership  Values; PEM texts.
// Threads    One.
#pragma once

#include <string>
#include <vector>

#include <mbedtls/pk.h>

namespace pinaflux::tls_kit {

// Of an mbedTLS function: what is not 0 ends the test.
void must(int result);

enum class Key { p256, p384, rsa2048, rsa1024 };

struct Issued {
  std::string certificate, key;  // PEM.
};

struct Wanted {
  std::string common_name;
  std::vector<std::string> names;      // DNS names.
  std::vector<std::string> addresses;  // IPv4 or IPv6.
  Key key = Key::p256;
  std::string from = "20200101000000", to = "20391231235959";
  bool authority = false;
};

class Authority {
 public:
  explicit Authority(const std::string& name, Key key = Key::p256);
  Authority(const Authority& above, const Wanted& wanted);  // An intermediate one.

  Issued issue(const Wanted& wanted) const;
  const std::string& certificate() const { return own_.certificate; }

 private:
  Issued own_;
  std::string subject_;
};

}  // namespace pinaflux::tls_kit
