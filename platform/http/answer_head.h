// AnswerHead: the head of an HTTP/1.1 answer of a server, taken as it comes in.
//
// Promise    Takes the head alone: what follows its empty line stays the caller's.
// Limits     kBytesMax of head. What is no HTTP is refused by its first byte that cannot be.
// Threads    One owner.
// Tests      tests/platform/http/answer_head_test.cc
// Source     RFC 9112 sections 2 to 5.
#pragma once

#include <string>
#include <string_view>

#include "platform/base/bytes.h"

namespace pinaflux {

class AnswerHead {
 public:
  static constexpr std::size_t kBytesMax = 8 * 1024;
  enum class Step { more, done, not_http, too_long };

  // Takes what belongs to the head off the front of `bytes`.
  Step take(Bytes& bytes);

  // Once done:
  int status() const { return status_; }
  std::string reason() const;                            // "403 Forbidden", safe to print.
  std::string_view header(std::string_view name) const;  // The first of that name; empty: none.
  bool lists(std::string_view name, std::string_view token) const;  // In a header of several.

 private:
  Step parse();

  std::string head_;
  int status_ = 0;
};

}  // namespace pinaflux
