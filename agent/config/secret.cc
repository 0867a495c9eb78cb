// A credential is exempt from the check of modes: systemd guards its directory, and where it grants access
// by an ACL the group bits show the ACL's mask (0440).
#include "agent/config/secret.h"

#include <algorithm>
#include <cstdlib>

#include "agent/config/units.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

constexpr std::size_t kSecretBytesMax = 4096;

struct Problem {
  std::string what, fix;
};

bool read_file(Files& files, const std::string& path, bool guarded, std::string& secret,
               Problem& problem) {
  const auto fail_with = [&](std::string what, std::string fix) {
    problem = {std::move(what), std::move(fix)};
    return false;
  };
  auto file = files.open(path, Files::Mode::read);
  if (!file) {
    return fail_with("the secret cannot be read: " + std::string(file.error().what),
                     "make the file, owned by the agent's user, with mode 600");
  }
  const auto info = (*file)->info();
  if (info && info->directory)
    return fail_with("this is a directory", "name the file with the secret in it");
  if (info && !guarded && (info->mode & 077) != 0) {
    return fail_with("the secret is open to its group or to others", "chmod 600 the file");
  }
  const auto text = files.read_text(path, kSecretBytesMax);
  if (!text) {
    return fail_with("the secret cannot be read: " + std::string(text.error().what),
                     "it has at most 4,096 bytes");
  }
  secret = *text;
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.ends_with('\r')) secret.pop_back();
  const bool printable_text = std::ranges::none_of(
      secret, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (!secret.empty() && printable_text && utf8_valid(secret)) return true;
  secret.clear();
  return fail_with("the file holds no secret", "it is one line of text");
}

}  // namespace

std::string read_secret(Files& files, const Reader& reader, std::string_view name,
                        Findings& findings) {
  const Node* given = reader.node(name);
  if (given == nullptr || !given->is_map()) return {};
  const Reader reference = reader.section(name);
  std::string path = reference.text("file");
  const std::string credential = reference.text("credential");
  if (path.empty() == credential.empty()) return {};
  if (path.empty() ? !valid_name(credential) : path[0] != '/') return {};  // Reported already.
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (path.empty() && (directory == nullptr || *directory == '\0')) {
    findings.error(reference.value_place("credential"),
                   "there are no credentials: CREDENTIALS_DIRECTORY is not set",
                   "add LoadCredential=" + credential + ":PATH to the systemd unit");
    return {};
  }
  const bool guarded = path.empty();
  if (guarded) path = std::string(directory) + "/" + credential;
  std::string secret;
  Problem problem;
  if (!read_file(files, path, guarded, secret, problem)) {
    findings.error(reference.value_place(guarded ? "credential" : "file"), std::move(problem.what),
                   std::move(problem.fix));
  }
  return secret;
}

}  // namespace pinaflux::config
