// What libpq calls of GSSAPI and of LDAP. Debian has neither as a static library, and neither is needed to reach a
// database: GSSAPI says that there are no credentials, LDAP that there is no directory (of pg_service.conf), and libpq
// goes on without.
//
// Source     RFC 2744, section 3.9 (GSS_S_NO_CRED); RFC 1823.

#include <cstdint>

extern "C" {

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
