# Compiler and linker flags of the five kinds of build (PINAFLUX_BUILD): dev, release, asan, tsan, fuzz.
#
# dev and release are static; asan (with UBSan), tsan and fuzz are dynamic against the sysroot's own loader,
# because the sanitizers' runtimes need one. CMAKE_BUILD_TYPE stays empty: the presets choose everything here.
# Target pinaflux_warnings carries the warnings, all of them errors, for our own code.

set(PINAFLUX_BUILD dev CACHE STRING "dev, release, asan, tsan or fuzz")
if(NOT PINAFLUX_BUILD MATCHES "^(dev|release|asan|tsan|fuzz)$")
  message(FATAL_ERROR "PINAFLUX_BUILD is '${PINAFLUX_BUILD}': use dev, release, asan, tsan or fuzz")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Archives of the sysroot are searched in any order by lld, so our link lines need no groups.
add_compile_options(-pthread -ffunction-sections -fdata-sections "-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=")
add_compile_definitions(_FILE_OFFSET_BITS=64 _TIME_BITS=64)
add_link_options(-pthread -Wl,--gc-sections -Wl,--build-id=sha1)

# Hardening, after OpenSSF's guide for C and C++.
add_compile_definitions(_GLIBCXX_ASSERTIONS)
add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
if(PINAFLUX_BUILD MATCHES "^(dev|release)$")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
                      -ftrivial-auto-var-init=zero)
  if(PINAFLUX_ARCH STREQUAL "amd64")
    add_compile_options(-fcf-protection=full -fstack-clash-protection)
  elseif(PINAFLUX_ARCH STREQUAL "arm64")
    # Not "standard": GCC 14's unwinder enters landing pads by `br`, and clang 19 begins them without `bti j`, so
    # with BTI the first exception is an illegal instruction (seen under qemu-aarch64).
    add_compile_options(-mbranch-protection=pac-ret -fstack-clash-protection)
  endif()
  # glibc has the start file of static PIE on some architectures only.
  if(EXISTS "${PINAFLUX_LIBRARIES}/rcrt1.o")
    add_compile_options(-fPIE)
    add_link_options(-static-pie)
  else()
    add_compile_options(-fno-pie)
    add_link_options(-static)
  endif()
else()
  file(GLOB loader "${CMAKE_SYSROOT}/usr/lib64/ld-linux-x86-64.so.2")
  if(NOT loader)
    message(FATAL_ERROR "Sanitizers and fuzzers run on amd64 only")
  endif()
  add_compile_options(-fPIE)
  add_link_options(-pie "-Wl,--dynamic-linker=${loader}" "-Wl,-rpath,${PINAFLUX_LIBRARIES}")
endif()

# Of what we ship, in every kind of build: errors are values (platform/base/result.h), and memory that is not there ends
# the program.
set(PINAFLUX_SHIPPED_OPTIONS -fno-exceptions)

set(PINAFLUX_QUICK_OPTIONS "")
set(PINAFLUX_FAST_OPTIONS "")
if(PINAFLUX_BUILD STREQUAL "release")
  # No LTO: of 3.59 MB on armhf it saves 9 KB, because nearly all of that is prebuilt archives.
  # Rooms that no record passes through are made as small as can be: 150 KB on armhf.
  add_compile_options(-Oz "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
  # Where each record passes, more is inlined; where each of its values does, it is made as fast as can be: mask, deadband and window
  # take 12 fields at 1.26 million records/s instead of 0.80 (`pinaflux bench pipeline`).
  set(PINAFLUX_QUICK_OPTIONS -Os)
  set(PINAFLUX_FAST_OPTIONS -O2)
  add_link_options(-Wl,--icf=safe -Wl,-O2 -Wl,--strip-all)
elseif(PINAFLUX_BUILD STREQUAL "tsan")
  add_compile_options(-O1 -gline-tables-only -fno-omit-frame-pointer -fsanitize=thread)
  add_link_options(-fsanitize=thread)
else()
  if(PINAFLUX_BUILD STREQUAL "dev")
    add_compile_options(-O1 -g -fno-omit-frame-pointer)
  else()  # Lines are what a report shows; the rest would cost a fifth of the build.
    add_compile_options(-O1 -gline-tables-only -fno-omit-frame-pointer)
  endif()
  if(PINAFLUX_BUILD MATCHES "^(asan|fuzz)$")
    set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all)
    add_compile_options(${sanitizers})
    add_link_options(${sanitizers})
    if(PINAFLUX_BUILD STREQUAL "fuzz")
      add_compile_options(-fsanitize=fuzzer-no-link)
    endif()
  endif()
endif()

add_library(pinaflux_warnings INTERFACE)
target_compile_options(pinaflux_warnings INTERFACE
  -Wall -Wextra -Wno-missing-designated-field-initializers -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough
  -Wnon-virtual-dtor -Wold-style-cast -Werror)

# The standard library's headers, read once a build: a third of the compiler's time. Not in dev builds, which so
# show where a source leans on an include that it does not have.
set(PINAFLUX_PRECOMPILE ON)
if(PINAFLUX_BUILD STREQUAL "dev")
  set(PINAFLUX_PRECOMPILE OFF)
endif()
set(PINAFLUX_PRECOMPILED_HEADERS
  <algorithm> <array> <bit> <charconv> <cmath> <cstdint> <cstdio> <cstdlib> <cstring> <deque> <expected> <functional>
  <limits> <map> <memory> <numeric> <optional> <span> <string> <string_view> <tuple> <type_traits> <unordered_map>
  <utility> <variant> <vector>)

# Test sources are compiled once and run once: the optimiser would take longer than it saves.
set(PINAFLUX_TEST_OPTIONS "")
if(PINAFLUX_BUILD MATCHES "^(asan|tsan)$")
  set(PINAFLUX_TEST_OPTIONS -O0 -DDOCTEST_CONFIG_SUPER_FAST_ASSERTS)
endif()

# Sixteen sources of a room at once, eight of a test program: less than half of the compiler's time. Not in
# dev builds, where sources are edited, nor for fuzzers: there each is compiled for itself. Names of ours that are a file's
# own are therefore told apart within a folder.
set(PINAFLUX_UNITY OFF)
if(PINAFLUX_BUILD MATCHES "^(asan|tsan|release)$")
  set(PINAFLUX_UNITY ON)
endif()

find_program(PINAFLUX_CCACHE ccache)
if(PINAFLUX_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${PINAFLUX_CCACHE}")
  if(PINAFLUX_PRECOMPILE)
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()

option(PINAFLUX_TIDY "run clang-tidy-19 on every source while it is built" OFF)
if(PINAFLUX_TIDY)
  set(CMAKE_CXX_CLANG_TIDY clang-tidy-19 --quiet)
endif()
