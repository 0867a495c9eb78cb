# What we link, as imported targets deps::NAME, from the static archives of the sysroot. Their headers are in
# the sysroot's own include folder, so a header-only library is an empty target: it only says who uses it.

# Needs come after the archives that need them.
function(dependency name)
  cmake_parse_arguments(PARSE_ARGV 1 its "" "" "ARCHIVES;NEEDS")
  add_library(deps_${name} INTERFACE)
  add_library(deps::${name} ALIAS deps_${name})
  foreach(archive IN LISTS its_ARCHIVES)
    set(file "${PINAFLUX_LIBRARIES}/lib${archive}.a")
    if(NOT EXISTS "${file}")
      message(FATAL_ERROR "lib${archive}.a is missing from the sysroot: run toolchains/setup ${PINAFLUX_ARCH}")
    endif()
    target_link_libraries(deps_${name} INTERFACE "${file}")
  endforeach()
  target_link_libraries(deps_${name} INTERFACE ${its_NEEDS})
endfunction()

# GCC's atomics: 64-bit ones on armel, 1- and 2-byte ones on riscv64. Nothing is taken where none is called.
dependency(atomic NEEDS "${CMAKE_SYSROOT}/usr/lib/gcc/${PINAFLUX_TRIPLET}/14/libatomic.a")
link_libraries(deps::atomic)

dependency(double_conversion ARCHIVES double-conversion)
dependency(zlib ARCHIVES z)
dependency(sqlite3 ARCHIVES sqlite3 NEEDS m)
dependency(zstd ARCHIVES zstd)
dependency(mbedcrypto ARCHIVES mbedcrypto)
dependency(mbedtls ARCHIVES mbedtls mbedx509 NEEDS deps::mbedcrypto)
dependency(paho ARCHIVES paho-mqttpp3 paho-mqtt3as)
# Why: platform/linux/mqtt_puback.cc, platform/linux/mqtt_trace.cc, platform/linux/mqtt_tunnel.cc, platform/linux/mqtt_unreached.cc, platform/linux/mqtt_waits.cc, platform/tls/openssl.cc.
target_link_options(deps_paho INTERFACE
  -Wl,--wrap=MQTTProtocol_handlePubacks -Wl,--wrap=Socket_new -Wl,--wrap=Socket_close
  -Wl,--wrap=Socket_getReadySocket -Wl,--wrap=poll -Wl,--wrap=usleep
  -Wl,--wrap=SSLSocket_getPendingRead -Wl,--wrap=MQTTPacket_formatPayload -Wl,--wrap=Proxy_setHTTPProxy -Wl,--wrap=connect)

# What Paho calls of OpenSSL is what platform/tls answers, no less and no more. Another archive may call other functions, or the same
# ones otherwise: read its src/SSLSocket.c before the list is changed.
set(golden "${CMAKE_CURRENT_LIST_DIR}/openssl-names.golden")
set(paho "${PINAFLUX_LIBRARIES}/libpaho-mqtt3as.a")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${golden}" "${paho}")
find_program(PINAFLUX_NM llvm-nm-19 REQUIRED)
execute_process(COMMAND "${PINAFLUX_NM}" --undefined-only --format=just-symbols "${paho}"
                OUTPUT_VARIABLE names ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" names "${names}")
list(FILTER names INCLUDE REGEX "^(SSL|TLS|DTLS|X509|ERR|BIO|EVP|CRYPTO|OPENSSL|OpenSSL|RAND|PEM|ENGINE|CONF)_")
list(FILTER names EXCLUDE REGEX "^SSL_(create|lock|unlock|destroy)_mutex$")
list(REMOVE_DUPLICATES names)
list(SORT names)
file(STRINGS "${golden}" expected REGEX "^[^#]")
if(NOT names STREQUAL expected)
  list(JOIN names "\n" names)
  file(WRITE "${CMAKE_BINARY_DIR}/openssl-names" "${names}\n")
  message(FATAL_ERROR "libpaho-mqtt3as.a calls other functions of OpenSSL than ${golden} says (${CMAKE_BINARY_DIR}/openssl-names): "
                      "answer them in platform/tls/openssl*.cc, then change the list")
endif()
dependency(libevent ARCHIVES event_extra event_pthreads event_core)
dependency(simdjson ARCHIVES simdjson_static)
dependency(yaml ARCHIVES yaml-cpp)
dependency(lua ARCHIVES lua5.4 NEEDS m)
dependency(cli11)
dependency(doctest)
dependency(rapidcheck ARCHIVES rapidcheck)
