# Toolchain: clang-19 and lld-19 against the Debian 13 sysroot of PINAFLUX_ARCH, the host's own included, so
# that every machine builds the same thing. The sysroots are made by toolchains/setup.
#
# Gives PINAFLUX_TRIPLET and PINAFLUX_LIBRARIES (the sysroot's library folder) to the project.

set(PINAFLUX_ARCH amd64 CACHE STRING "amd64, arm64, armhf, armel or riscv64")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PINAFLUX_ARCH)

# Machine flags are Debian's own baseline for each architecture.
if(PINAFLUX_ARCH STREQUAL "amd64")
  set(PINAFLUX_TRIPLET x86_64-linux-gnu)
  set(CMAKE_SYSTEM_PROCESSOR x86_64)
elseif(PINAFLUX_ARCH STREQUAL "arm64")
  set(PINAFLUX_TRIPLET aarch64-linux-gnu)
  set(CMAKE_SYSTEM_PROCESSOR aarch64)
elseif(PINAFLUX_ARCH STREQUAL "armhf")
  set(PINAFLUX_TRIPLET arm-linux-gnueabihf)
  set(CMAKE_SYSTEM_PROCESSOR armv7)
  set(machine "-march=armv7-a -mfpu=vfpv3-d16 -mfloat-abi=hard -mthumb")
elseif(PINAFLUX_ARCH STREQUAL "armel")
  set(PINAFLUX_TRIPLET arm-linux-gnueabi)
  set(CMAKE_SYSTEM_PROCESSOR armv5)
  set(machine "-march=armv5te -mfloat-abi=soft -marm")
elseif(PINAFLUX_ARCH STREQUAL "riscv64")
  set(PINAFLUX_TRIPLET riscv64-linux-gnu)
  set(CMAKE_SYSTEM_PROCESSOR riscv64)
  set(machine "-march=rv64gc -mabi=lp64d")
else()
  message(FATAL_ERROR "PINAFLUX_ARCH is '${PINAFLUX_ARCH}': use amd64, arm64, armhf, armel or riscv64")
endif()

# Named in every case, so that CMake never takes the build for a native one and never searches the host.
set(CMAKE_SYSTEM_NAME Linux)

if(DEFINED ENV{PINAFLUX_SYSROOTS})
  set(CMAKE_SYSROOT "$ENV{PINAFLUX_SYSROOTS}/${PINAFLUX_ARCH}")
else()
  set(CMAKE_SYSROOT "$ENV{HOME}/.cache/pinaflux/sysroots/${PINAFLUX_ARCH}")
endif()
if(NOT EXISTS "${CMAKE_SYSROOT}/.recipe")
  message(FATAL_ERROR "There is no sysroot for ${PINAFLUX_ARCH}: run toolchains/setup ${PINAFLUX_ARCH}")
endif()
set(PINAFLUX_LIBRARIES "${CMAKE_SYSROOT}/usr/lib/${PINAFLUX_TRIPLET}")

set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_CXX_COMPILER_TARGET ${PINAFLUX_TRIPLET})
set(CMAKE_AR llvm-ar-19 CACHE FILEPATH "archiver that knows LTO objects")
set(CMAKE_RANLIB llvm-ranlib-19 CACHE FILEPATH "")
set(CMAKE_CXX_FLAGS_INIT
    "--gcc-install-dir=${CMAKE_SYSROOT}/usr/lib/gcc/${PINAFLUX_TRIPLET}/14 ${machine}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "--ld-path=ld.lld-19")

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
