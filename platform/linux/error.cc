#include "platform/linux/error.h"

#include <cerrno>

namespace pinaflux {

Error file_error(int e) {
  switch (e) {
    case ENOENT: return {Code::not_found, e, "no such file or directory"};
    case EACCES:
    case EPERM: return {Code::denied, e, "permission denied: check the owner and the mode"};
    case EEXIST: return {Code::exists, e, "the file exists already"};
    case ENOSPC: return {Code::full, e, "no space is left on the device: free some"};
    case EDQUOT: return {Code::full, e, "the disk quota is used up: free some or raise it"};
    case EFBIG: return {Code::full, e, "the file would pass the limit on file sizes"};
    case EMFILE:
    case ENFILE: return {Code::full, e, "too many files are open: raise the limit"};
    case ENOMEM: return {Code::full, e, "out of memory"};
    case EROFS: return {Code::read_only, e, "the file system is mounted read-only"};
    case EBUSY:
    case ETXTBSY:
    case EAGAIN: return {Code::busy, e, "the file is in use by another program"};
    case EISDIR: return {Code::invalid, e, "that is a directory"};
    case ENOTDIR: return {Code::invalid, e, "a part of the path is not a directory"};
    case ENOTEMPTY: return {Code::invalid, e, "the directory is not empty"};
    case ENAMETOOLONG: return {Code::invalid, e, "the path is too long"};
    case ELOOP: return {Code::invalid, e, "the path has too many symbolic links"};
    case ESPIPE:
    case EINVAL:
    case ENXIO: return {Code::invalid, e, "that is not a regular file"};
    case EXDEV: return {Code::invalid, e, "the two paths are on different file systems"};
    default: return {Code::io, e, "the medium failed to read or write"};
  }
}

Error socket_error(int e) {
  switch (e) {
    case ECONNREFUSED:
      return {Code::refused, e, "nobody listens there: start it, or check address and port"};
    case ENOENT: return {Code::not_found, e, "the socket does not exist: is the program running?"};
    case ETIMEDOUT: return {Code::timeout, e, "the peer does not answer: check the network"};
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      return {Code::io, e, "the peer broke the connection off: check its log, and the network"};
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN: return {Code::io, e, "there is no route to the host: check the network"};
    case EADDRINUSE:
      return {Code::busy, e, "the port is in use: stop the other program or choose another port"};
    case EADDRNOTAVAIL: return {Code::invalid, e, "this machine does not have that address"};
    case EACCES:
    case EPERM:
      return {Code::denied, e, "permission denied: ports below 1024 and sockets of others need it"};
    case EAGAIN: return {Code::busy, e, "the peer takes no more connections at the moment"};
    case EMFILE:
    case ENFILE: return {Code::full, e, "too many files are open: raise the limit"};
    case ENOBUFS:
    case ENOMEM: return {Code::full, e, "out of memory"};
    case EAFNOSUPPORT: return {Code::unsupported, e, "this machine has no such kind of address"};
    default: return {Code::io, e, "the connection failed"};
  }
}

}  // namespace pinaflux
