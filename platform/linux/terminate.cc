// The last words of a program that an exception ends. libstdc++ has a function of this name, too, and with it 31 KB
// that make a type's name readable; the linker takes this one, because it comes first.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <typeinfo>

#include <cxxabi.h>

namespace __gnu_cxx {

void __verbose_terminate_handler() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  std::fprintf(stderr, "terminated by an exception of type %s", type ? type->name() : "(none)");
  try {
    if (type) throw;
  } catch (const std::exception& e) {
    std::fprintf(stderr, ": %s", e.what());
  } catch (...) {
  }
  std::fputs("; this is a bug of the program\n", stderr);
  std::abort();
}

}  // namespace __gnu_cxx
