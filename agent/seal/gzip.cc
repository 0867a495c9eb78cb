#include "agent/seal/gzip.h"

#include <zlib.h>

#include "platform/base/assert.h"
#include "platform/base/bytes.h"

namespace pinaflux {

namespace {
constexpr int kGzip = 15 + 16;  // The largest window, and gzip's header.
constexpr int kMemory = 8;
}  // namespace

std::string gzip(std::string_view text) {
  z_stream stream{};
  ASSERT(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, kMemory,
                      Z_DEFAULT_STRATEGY) == Z_OK);
  std::string made(deflateBound(&stream, text.size()), '\0');
  // Its interface is from before const.
  stream.next_in = const_cast<Bytef*>(as_bytes(text).data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(made.data());
  stream.avail_out = static_cast<uInt>(made.size());
  const int done = deflate(&stream, Z_FINISH);
  made.resize(stream.total_out);
  deflateEnd(&stream);
  ASSERT(done == Z_STREAM_END);
  return made;
}

}  // namespace pinaflux
