// What libpq calls, and does not get here.
//
// GSSAPI and LDAP: Debian has neither as a static library, and neither is needed to reach a database. GSSAPI says that
// there are no credentials, LDAP that there is no directory (of pg_service.conf), and libpq goes on without.
//
// The loader: in a static program dlopen() and NSS bring in the system's libc beside our own, and where that is another
// version they end in SIGFPE (seen on Debian 12). libpq looks up the user's name where an address has none, and the home
// folder where there is no HOME; OpenSSL loads the modules that the system's openssl.cnf names. So names come from
// /etc/passwd alone, and no module is ever there. toolchains/dependencies.cmake leads these calls here.
//
// Source     RFC 2744, section 3.9 (GSS_S_NO_CRED); RFC 1823; getpwuid_r(3), dlopen(3).
// Tests      tests/collector/reach

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <pwd.h>

extern "C" {

int pinaflux_libpq_getpwuid_r(uid_t user, passwd* entry, char* room, size_t bytes, passwd** found);
int pinaflux_libpq_getpwuid_r(uid_t user, passwd* entry, char* room, size_t bytes, passwd** found) {
  *found = nullptr;
  std::FILE* const file = std::fopen("/etc/passwd", "re");
  if (file == nullptr) return errno == ENOENT ? 0 : errno;
  int status = 0;
  do {
    status = fgetpwent_r(file, entry, room, bytes, found);
  } while (status == 0 && entry->pw_uid != user);
  std::fclose(file);
  if (status != 0) *found = nullptr;
  return status == ENOENT ? 0 : status;
}

void* pinaflux_libpq_dlopen() { return nullptr; }
void* pinaflux_libpq_dlsym() { return nullptr; }
int pinaflux_libpq_dlclose() { return 0; }
int pinaflux_libpq_dladdr() { return 0; }
const char* pinaflux_libpq_dlerror() { return "modules are not loaded in this build"; }

using Major = std::uint32_t;
constexpr Major kNoCredentials = 7U << 16;

extern const void* const GSS_C_NT_HOSTBASED_SERVICE;
const void* const GSS_C_NT_HOSTBASED_SERVICE = nullptr;

Major gss_acquire_cred() { return kNoCredentials; }
Major gss_delete_sec_context() { return kNoCredentials; }
Major gss_display_status() { return kNoCredentials; }
Major gss_import_name() { return kNoCredentials; }
Major gss_init_sec_context() { return kNoCredentials; }
Major gss_release_buffer() { return 0; }
Major gss_release_cred() { return 0; }
Major gss_release_name() { return 0; }
Major gss_unwrap() { return kNoCredentials; }
Major gss_wrap() { return kNoCredentials; }
Major gss_wrap_size_limit() { return kNoCredentials; }

constexpr int kNoServer = 0x51;  // LDAP_SERVER_DOWN

void* ldap_init() { return nullptr; }
void* ldap_first_entry() { return nullptr; }
void* ldap_get_values_len() { return nullptr; }
const char* ldap_err2string() { return "LDAP is not in this build"; }
int ldap_count_entries() { return 0; }
int ldap_msgfree() { return 0; }
int ldap_result() { return -1; }
int ldap_search_st() { return kNoServer; }
int ldap_set_option() { return kNoServer; }
int ldap_simple_bind() { return -1; }
int ldap_unbind() { return 0; }
void ldap_value_free_len() {}

}  // extern "C"
