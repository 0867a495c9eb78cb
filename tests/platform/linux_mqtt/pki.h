// A small certificate authority, made by the openssl command when a test begins, in a directory of its own.
#pragma once

#include <fstream>
#include <stdlib.h>
#include <string>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "tests/kit/directory.h"
#include "tests/platform/linux_mqtt/mosquitto.h"

namespace pinaflux::tests {

class Pki {
 public:
  static constexpr const char* kP256 = "ec -pkeyopt ec_paramgen_curve:P-256";
  static constexpr const char* kP384 = "ec -pkeyopt ec_paramgen_curve:P-384";
  static constexpr const char* kRsa = "rsa:2048";

  explicit Pki(const std::string& name = "Test CA") {
    openssl(std::string("req -x509 -newkey ") + kP256 + " -nodes -days 30 -subj '/CN=" + name +
            "' -keyout ca.key -out ca.pem -addext keyUsage=critical,keyCertSign");
  }

  static bool is_missing() {
    if (::access("/usr/bin/openssl", X_OK) == 0) return false;
    MESSAGE("skipped: openssl is not installed (apt-get install openssl)");
    return true;
  }

  std::string path(const std::string& file) const { return directory_.path() + "/" + file; }
  std::string ca() const { return path("ca.pem"); }
  std::string certificate(const std::string& file) const { return path(file + ".pem"); }
  std::string key(const std::string& file) const { return path(file + ".key"); }

  // FILE.pem and FILE.key. `names` as in "DNS:localhost,IP:127.0.0.1"; `issuer` another FILE, which is then a CA.
  void issue(const std::string& file, const std::string& names, const char* kind = kP256,
             const std::string& issuer = "ca", bool is_ca = false) {
    std::ofstream(path("extensions"))
        << "subjectAltName=" << names
        << "\nbasicConstraints=critical,CA:" << (is_ca ? "TRUE" : "FALSE") << "\n";
    openssl("req -newkey " + std::string(kind) + " -nodes -subj '/CN=" + file + "' -keyout " +
            file + ".key -out request");
    openssl("x509 -req -in request -CA " + issuer + ".pem -CAkey " + issuer +
            ".key -CAcreateserial -days 20 -extfile extensions -out " + file + ".pem");
  }
  // Puts issuers behind a certificate, as a server sends them.
  void append(const std::string& file, const std::vector<std::string>& issuers) {
    std::ofstream chain(certificate(file), std::ios::app);
    for (const std::string& issuer : issuers) chain << std::ifstream(certificate(issuer)).rdbuf();
  }
  void encrypt_key(const std::string& file, const std::string& password) {
    openssl("pkcs8 -topk8 -v2 aes-256-cbc -passout pass:" + password + " -in " + file +
            ".key -out " + file + "-encrypted.key");
  }
  // What mosquitto needs to know of it.
  std::string listener(const std::string& file) const {
    return "allow_anonymous true\nuser root\ncafile " + ca() + "\ncertfile " + certificate(file) +
           "\nkeyfile " + key(file) + "\n";
  }

 private:
  void openssl(const std::string& arguments) const {
    const std::string command =
        "cd " + directory_.path() + " && openssl " + arguments + " 2>log >&2";
    const int status = std::system(command.c_str());
    CAPTURE(command);
    REQUIRE(status == 0);
  }

  kit::TemporaryDirectory directory_;
};

inline bool tools_are_missing() { return mosquitto_is_missing() || Pki::is_missing(); }

}  // namespace pinaflux::tests
