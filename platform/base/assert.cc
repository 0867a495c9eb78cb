#include "platform/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace pinaflux {

namespace {
AssertHook hook_ = nullptr;
}

void set_assert_hook(AssertHook hook) { hook_ = hook; }

void assert_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "pinaflux: bug: %s is false at %s:%d\n", condition, file, line);
  if (hook_ != nullptr) hook_(condition, file, line);
  std::abort();
}

}  // namespace pinaflux
