# Writes version.h: cmake -DSOURCE=... -DHEADER=... -DVERSION=... -P version.cmake
#
# The version is git's description of the commit, the time is the commit's (or SOURCE_DATE_EPOCH): the same
# commit gives the same bytes. Outside git: the project's version and the time of CMakeLists.txt. The file is
# touched only when its content changes.

function(git result)
  execute_process(COMMAND git -c safe.directory=* -C "${SOURCE}" ${ARGN}
                  OUTPUT_VARIABLE text ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
  if(status EQUAL 0)
    set(${result} "${text}" PARENT_SCOPE)
  else()
    set(${result} "" PARENT_SCOPE)
  endif()
endfunction()

set(version "${VERSION}")
set(time "")
if(EXISTS "${SOURCE}/.git")
  git(described describe --tags --always --dirty)
  if(described MATCHES "^v?[0-9]+\\.")
    set(version "${described}")
  elseif(described)
    set(version "${VERSION}+${described}")
  endif()
  git(time log -1 --format=%ct)
endif()
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  set(time "$ENV{SOURCE_DATE_EPOCH}")
endif()
if(NOT time MATCHES "^[0-9]+$")
  file(TIMESTAMP "${SOURCE}/CMakeLists.txt" time "%s" UTC)
endif()

file(CONFIGURE OUTPUT "${HEADER}" CONTENT [[
// Written by toolchains/version.cmake.
#pragma once

#include <cstdint>
#include <string_view>

namespace pinaflux {

inline constexpr std::string_view kVersion = "@version@";
inline constexpr std::int64_t kBuildTimeUnixSeconds = @time@;

}  // namespace pinaflux
]] @ONLY)
