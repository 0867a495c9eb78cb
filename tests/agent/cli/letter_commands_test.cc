#include "agent/cli/letter_commands.h"

#include <unistd.h>

#include <doctest/doctest.h>

#include "agent/cli/exit_status.h"
#include "tests/kit/directory.h"

namespace pinaflux {
namespace {

// Somebody else for a while, if we are root; who is not root is somebody else already.
class Nobody {
 public:
  Nobody() : was_(::geteuid()) {
    if (was_ == 0) REQUIRE(::seteuid(65'534) == 0);
  }
  ~Nobody() {
    if (was_ == 0) (void)::seteuid(0);
  }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;

 private:
  const uid_t was_;
};

TEST_CASE("raw bytes are shown to root only, whoever may read the spool") {
  const kit::TemporaryDirectory directory;
  const QueueTarget target{.configuration = {}, .socket = {}, .spool = directory.path()};
  {
    const Nobody nobody;
    CHECK(letters_show_raw(target, 1) == kExitPermission);
  }
  if (::geteuid() == 0) CHECK(letters_show_raw(target, 1) == kExitNoInput);
}

}  // namespace
}  // namespace pinaflux
