// Keys in PEM, as openssl wrote them, for tests of what reads them. The private ones of P-256 are published vectors.
#pragma once

#include <string_view>

namespace pinaflux::kit {

// RFC 6979, appendix A.2.5, by `openssl pkey`, `openssl ec`, and their public halves.
inline constexpr std::string_view kSamplePkcs8 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgya+p2EW6dRZrXCFX\n"
    "Z7HWk05Qw9s26JsSe4piKxIPZyGhRANCAARg/tS6JVqdMclh63TGNW1owEm4kjth\n"
    "+mzmaWIuYPKftnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZ\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view kSampleSec1 =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49\n"
    "AwEHoUQDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8\n"
    "maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n"
    "-----END EC PRIVATE KEY-----\n";

inline constexpr std::string_view kSamplePublic =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7\n"
    "Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view kSampleCompressed =
    "-----BEGIN PUBLIC KEY-----\n"
    "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADYP7UuiVanTHJYet0xjVtaMBJuJI7\n"
    "Yfps5mliLmDyn7Y=\n"
    "-----END PUBLIC KEY-----\n";

// With the curve's parameters instead of its name.
inline constexpr std::string_view kSampleExplicit =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA\n"
    "AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////\n"
    "///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd\n"
    "NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5\n"
    "RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA\n"
    "//////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABGD+1LolWp0xyWHrdMY1bWjA\n"
    "SbiSO2H6bOZpYi5g8p+2eQP+EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk=\n"
    "-----END PUBLIC KEY-----\n";

// RFC 7515, appendix A.3.
inline constexpr std::string_view kJwsPkcs8 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
    "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
    "7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view kJwsPublic =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
    "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
    "-----END PUBLIC KEY-----\n";

// The first one, encrypted.
inline constexpr std::string_view kEncryptedPkcs8 =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHrMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAi65tQX+A97FAIBATAM\n"
    "BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBAgQQH5kRTRFy0dzYh8z73ww2ygSBkFGD\n"
    "ncHUH/72fiTUQp/DCF1jsY46qSzmbXWR0i9I4cjsq3sFdMeUKRAlAx422YRc5AEC\n"
    "MBU4/NKWMfwlVArq1MHfqJP1fV+xQLrt7iGVDREnJb4mJ2k/v0idu1Wx2c94qq2S\n"
    "8FUzoDm1CKXr/TuyeHkGC85BR3p6j5IK9EoPoHn0Gnpe2EMckvs5sd1jEYUCMA==\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

inline constexpr std::string_view kEncryptedSec1 =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,0C38233E610F4BE8A045E731841BF144\n"
    "\n"
    "LXXjBV069kixqKiUvA+5E6ppNSnpkkFvHehJudgW9+PqW7eYKDF4k+/gdjzujmlY\n"
    "cjdarHnSgJWPyIOHcg+QAz0BLh8ryf/BrKgTALXmmQVBt4O0Q3LF5FcFycLTlcwO\n"
    "93G7K5xE0xPXMMlae33ZP1U7ToGGHGNk4zzznUku5Ek=\n"
    "-----END EC PRIVATE KEY-----\n";

inline constexpr std::string_view kCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBcDCCARWgAwIBAgIUekOvfXEKaj6ooJkvykzHqhz+7q0wCgYIKoZIzj0EAwIw\n"
    "DDEKMAgGA1UEAwwBeDAgFw0yNjExMjcxODU2MDdaGA8yMDU0MDQxMzE4NTYwN1ow\n"
    "DDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGD+1LolWp0x\n"
    "yWHrdMY1bWjASbiSO2H6bOZpYi5g8p+2eQP+EAi4vJmkGunpVii8ZPLxsgwtfp9R\n"
    "d6PClNRGIpmjUzBRMB0GA1UdDgQWBBQalWlXm84ympQtB2nJwLVkMVY3EDAfBgNV\n"
    "HSMEGDAWgBQalWlXm84ympQtB2nJwLVkMVY3EDAPBgNVHRMBAf8EBTADAQH/MAoG\n"
    "CCqGSM49BAMCA0kAMEYCIQDCpASNcbl4j4MFg3jfs3a86/S7dlWrJmU5H/7ze3xP\n"
    "RgIhAL/w+r2Y32Iaex5I1LgO/FOxvfmaLTlyb1w8EwwERbBG\n"
    "-----END CERTIFICATE-----\n";

// Of other kinds.
inline constexpr std::string_view kP384Private =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCdw7xvNvuFClkwBpPX\n"
    "ZQLUcc7k9tY//SjGvK1V9CA1gkE78ptp03uk0LVa9Jz4cZyhZANiAATtp9L09+Bd\n"
    "sZxjOrv6HCQ1+w84jkajaI5i9RuRnE/SCUuiYWoAui/14GL4d9sAFLGRg+Z2B/D4\n"
    "CdUOy5c6Vp+nKeVMLPgGG/ZhjBxkUSjorKLpBqOlkpLTrABeqSXVAyw=\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view kP384Public =
    "-----BEGIN PUBLIC KEY-----\n"
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE7afS9PfgXbGcYzq7+hwkNfsPOI5Go2iO\n"
    "YvUbkZxP0glLomFqALov9eBi+HfbABSxkYPmdgfw+AnVDsuXOlafpynlTCz4Bhv2\n"
    "YYwcZFEo6Kyi6QajpZKS06wAXqkl1QMs\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view kSecp256k1Private =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHQCAQEEIDtMGmrfbEpYcbZL9Q38ykSsI/s37coPSAzHt0SkKxgzoAcGBSuBBAAK\n"
    "oUQDQgAE3+lI2Ozgr3+pZX4ntz92uOh9Z+RS/xgeyCRTb5yIMj0A055Q+tMPcPu8\n"
    "CGiOxFBQqCvFTlTTfx+pphybKx3tFQ==\n"
    "-----END EC PRIVATE KEY-----\n";

inline constexpr std::string_view kSecp256k1Public =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAE3+lI2Ozgr3+pZX4ntz92uOh9Z+RS/xge\n"
    "yCRTb5yIMj0A055Q+tMPcPu8CGiOxFBQqCvFTlTTfx+pphybKx3tFQ==\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view kEd25519Private =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIKpA+ggt/0b7pww8Pwd8WnUlUK8FoamNlnEwkmzTsqNZ\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view kEd25519Public =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA33J5wbimdRsfW8o+bARV/S3dzaO0vzbDKLwlN172R28=\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view kRsaPrivate =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAMO9jHO0v85ap5sP\n"
    "R9FXgE0LCziwTwISBUPs5YpNcoyNmfcMdWPiM+LILTuqsL6rN1qqBidZCAIAy2vY\n"
    "BP20PKLYU9rEPhRfHJQO52Z5QCXWLIi7MVohnDxsG9d+TYUH/EuVCH/CGKnitVeU\n"
    "oWNaq9ma6Pzk+UTNp5GP6H5/U9UpAgMBAAECgYBUwQlEvHnkxvoVuOsW6PVj5qlI\n"
    "NYcwVU80VyoY1WoJE/MbtqhJxJNE2fpEAKehF4/TURVzCijefSuXmaSnmdg6xLgZ\n"
    "RPA0t1GwoQ/8tl6E/sHzynY6QdtR0T2xMdOCGYhwKBElhLs5Rk/Ltl+YwmJZadxN\n"
    "q3+IQnlhz+TPLXQBJQJBAOnhtrySRzuORkitQKJqmW7khIF+TJsxuWSbsydbL37F\n"
    "DxF9ABTD8//xzY6XtxPMFgTH+G60+oWm0SQw2/1SWXMCQQDWQG7YEeiWFCnmA1Fd\n"
    "O5YLeJnL2tSnSOj750nhydsWmmlM7TswEjtX6jtPeBf00tRD3Y9I8QQRVieRoO1k\n"
    "XB/zAkBLOJMjNxC98NZeDYraMdrDNbAATfSpfWaZGxKVt9ggt5RPFZrvEs7pJIXu\n"
    "NJFnRp5WT1JxmLdyQOLG9wfqA5BNAkEAvl7SHrsK5w9Ti0U3bpgbYmXugewXN+zY\n"
    "17tTMoShXxwkpG3GQZhxklRWDu6umqMaaJLdVfqRmrXqwsMzLBGPcQJAYZIYXyGy\n"
    "NDh85ddFfMXYY7wYF/S+3G2t8parHTqt1EClRq6d2uww7UnjykA034vexW2qc1hR\n"
    "zrjTWrq0lcfcGA==\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view kRsaPublic =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDDvYxztL/OWqebD0fRV4BNCws4\n"
    "sE8CEgVD7OWKTXKMjZn3DHVj4jPiyC07qrC+qzdaqgYnWQgCAMtr2AT9tDyi2FPa\n"
    "xD4UXxyUDudmeUAl1iyIuzFaIZw8bBvXfk2FB/xLlQh/whip4rVXlKFjWqvZmuj8\n"
    "5PlEzaeRj+h+f1PVKQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

}  // namespace pinaflux::kit
