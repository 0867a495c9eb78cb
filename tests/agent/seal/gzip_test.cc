#include "agent/seal/gzip.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include "platform/base/bytes.h"

namespace pinaflux::tests {

namespace {

std::string opened(const std::string& packed, std::size_t bytes) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string text(bytes + 1, '\0');
  stream.next_in = const_cast<Bytef*>(as_bytes(packed).data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  CHECK(stream.avail_in == 0);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

}  // namespace

TEST_CASE("what is packed opens as it was, and lines of JSON become a fraction") {
  std::string lines, noise;
  std::uint64_t state = 88172645463325252ull;
  for (int i = 0; i < 500; ++i) {
    lines += R"({"_gateway":"pump-7","_seq":)" + std::to_string(i) + R"(,"temp":)" +
             std::to_string(20 + i % 7) + "}\n";
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    noise += static_cast<char>(state >> 32);
  }
  for (const std::string& text :
       {std::string(), std::string("x"), lines, noise, std::string(1'000'000, 'a')}) {
    CHECK(opened(gzip(text), text.size()) == text);
    CHECK(gzip(text).size() <= text.size() + text.size() / 1000 + 32);
  }
  CHECK(gzip(lines).size() * 8 < lines.size());
  CHECK(gzip(lines) == gzip(lines));
}

}  // namespace pinaflux::tests
