# What we link, as imported targets deps::NAME, from the static archives of the sysroot. Their headers are in
# the sysroot's own include folder, so a header-only library is an empty target: it only says who uses it.

# Needs come after the archives that need them. LEFT_OUT: left_out/NAME.cc answers for parts of the archive, which stay out.
function(dependency name)
  cmake_parse_arguments(PARSE_ARGV 1 its "LEFT_OUT" "" "ARCHIVES;NEEDS")
  add_library(deps_${name} INTERFACE)
  add_library(deps::${name} ALIAS deps_${name})
  if(its_LEFT_OUT)
    add_library(left_out_${name} STATIC "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/left_out/${name}.cc")
    target_link_libraries(deps_${name} INTERFACE left_out_${name})
  endif()
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
dependency(sqlite3 LEFT_OUT ARCHIVES sqlite3 NEEDS m)
dependency(zstd LEFT_OUT ARCHIVES zstd)
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

# libpq, with all that it needs in one object of which the linker sees libpq's own functions only: OpenSSL's names are
# platform/tls's here (above). What it calls of GSSAPI, of LDAP and of the loader is answered in
# agent/collector/postgres_absent.cc. It is an archive, and stays out of what does not call it.
set(pq_golden "${CMAKE_CURRENT_LIST_DIR}/libpq-names.golden")
set(pq_from "${PINAFLUX_LIBRARIES}/libpq.a")
foreach(name pgcommon_shlib pgport_shlib)
  list(APPEND pq_needs "${CMAKE_SYSROOT}/usr/lib/postgresql/17/lib/lib${name}.a")
endforeach()
foreach(name ssl crypto)
  list(APPEND pq_needs "${PINAFLUX_LIBRARIES}/lib${name}.a")
endforeach()
foreach(file IN LISTS pq_from pq_needs)
  if(NOT EXISTS "${file}")
    message(FATAL_ERROR "${file} is missing from the sysroot: run toolchains/setup ${PINAFLUX_ARCH}")
  endif()
endforeach()
set(pq "${CMAKE_BINARY_DIR}/libpq-alone.a")
file(STRINGS "${pq_golden}" pq_names REGEX "^[^#]")
list(TRANSFORM pq_names PREPEND "--undefined=" OUTPUT_VARIABLE pq_wanted)
list(TRANSFORM pq_names PREPEND "--keep-global-symbol=" OUTPUT_VARIABLE pq_kept)
set(pq_led)
foreach(name getpwuid_r dlopen dlsym dlclose dladdr dlerror)
  list(APPEND pq_led "--redefine-sym=${name}=pinaflux_libpq_${name}")
endforeach()
find_program(PINAFLUX_LLD ld.lld-19 REQUIRED)
find_program(PINAFLUX_OBJCOPY llvm-objcopy-19 REQUIRED)
find_program(PINAFLUX_LLVM_AR llvm-ar-19 REQUIRED)
add_custom_command(OUTPUT "${pq}"
  COMMAND "${PINAFLUX_LLD}" -r -o "${pq}.o" ${pq_wanted} "${pq_from}" --start-group ${pq_needs} --end-group
  # OpenSSL's word about the processor is a common symbol, which cannot be made local.
  COMMAND "${PINAFLUX_OBJCOPY}" ${pq_kept} ${pq_led} --keep-global-symbol=OPENSSL_ia32cap_P "${pq}.o"
  COMMAND "${CMAKE_COMMAND}" -E rm -f "${pq}"
  COMMAND "${PINAFLUX_LLVM_AR}" rcs "${pq}" "${pq}.o"
  DEPENDS "${pq_from}" ${pq_needs} "${pq_golden}" COMMENT "Making libpq one object" VERBATIM)
add_custom_target(libpq_alone DEPENDS "${pq}")
dependency(libpq)
target_include_directories(deps_libpq SYSTEM INTERFACE "${CMAKE_SYSROOT}/usr/include/postgresql")
target_link_libraries(deps_libpq INTERFACE "${pq}" deps::zstd deps::zlib)
add_dependencies(deps_libpq libpq_alone)
dependency(libevent ARCHIVES event_extra event_pthreads event_core)
dependency(simdjson ARCHIVES simdjson_static)
dependency(yaml ARCHIVES yaml-cpp)
dependency(lua ARCHIVES lua5.4 NEEDS m)
dependency(cli11)
dependency(doctest)
dependency(rapidcheck ARCHIVES rapidcheck)
