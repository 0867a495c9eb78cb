// Another regular expression engine, too simple to be wrong, for texts of at most 31 bytes: what a piece makes of a set
// of places in the text, as bits of a number. A drawn expression is written as text and evaluated at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "platform/base/text_span.h"

namespace pinaflux::reference {

using Places = std::uint32_t;                    // Bit i: before byte i.
using Draw = std::function<unsigned(unsigned)>;  // Below the number.
using Evaluate = std::function<Places(Places, std::string_view)>;

struct Expression {
  std::string text;
  Evaluate after;  // Where it can end when it begins at one of these places.
};

inline Places after_byte(Places from, std::string_view text, const std::function<bool(char)>& is) {
  Places to = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((from >> i & 1) != 0 && is(text[i])) to |= Places{1} << (i + 1);
  }
  return to;
}

inline bool is_word(std::string_view text, std::size_t i) {
  return i < text.size() && (text[i] == 'a' || text[i] == 'b' || text[i] == 'B');
}

inline Places where(Places from, std::string_view text,
                    const std::function<bool(std::size_t)>& holds) {
  Places to = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if ((from >> i & 1) != 0 && holds(i)) to |= Places{1} << i;
  }
  return text.empty() && (from & 1) != 0 && holds(0) ? 1 : to;
}

inline Expression atom(const Draw& draw) {
  const auto byte = [](const char* written, std::function<bool(char)> is) {
    return Expression{written, [is](Places p, std::string_view t) { return after_byte(p, t, is); }};
  };
  switch (draw(11)) {
    case 0:
    case 1: return byte("a", [](char c) { return c == 'a'; });
    case 2: return byte("b", [](char c) { return c == 'b'; });
    case 3: return byte(".", [](char c) { return c != '\n'; });
    case 4: return byte("[^a]", [](char c) { return c != 'a'; });
    case 5: return byte("[a-b\\-]", [](char c) { return c == 'a' || c == 'b' || c == '-'; });
    case 6: return byte("\\W", [](char c) { return c == '-' || c == '\n'; });
    case 7:
      return {"^", [](Places p, std::string_view t) {
                return where(p, t, [](std::size_t i) { return i == 0; });
              }};
    case 8:
      return {"$", [](Places p, std::string_view t) {
                return where(p, t, [&](std::size_t i) { return i == t.size(); });
              }};
    case 9:
      return {"\\b", [](Places p, std::string_view t) {
                return where(p, t, [&](std::size_t i) {
                  return (i > 0 && is_word(t, i - 1)) != is_word(t, i);
                });
              }};
    default: return {"(?:)", [](Places p, std::string_view) { return p; }};
  }
}

inline Expression draw_expression(const Draw& draw, int depth);

inline Expression repeated(const Draw& draw, int depth) {
  Expression inside = draw_expression(draw, depth - 1);
  unsigned min = draw(3), max = min + draw(3);
  bool forever = false;
  std::string sign;
  switch (draw(5)) {
    case 0: sign = "*", min = 0, forever = true; break;
    case 1: sign = "+", min = 1, forever = true; break;
    case 2: sign = "?", min = 0, max = 1; break;
    case 3: sign = "{" + std::to_string(min) + ",}", forever = true; break;
    default: sign = "{" + std::to_string(min) + "," + std::to_string(max) + "}";
  }
  const Evaluate once = inside.after;
  return {"(" + inside.text + ")" + sign, [=](Places p, std::string_view t) {
            for (unsigned i = 0; i < min; ++i) p = once(p, t);
            Places all = p;
            for (unsigned i = min; forever || i < max; ++i) {
              p = once(p, t);
              if ((p & ~all) == 0) break;
              all |= p;
            }
            return all;
          }};
}

inline Expression draw_expression(const Draw& draw, int depth) {
  const unsigned what = depth == 0 ? 0 : draw(6);
  if (what < 2) return atom(draw);
  if (what == 2) return repeated(draw, depth);
  Expression first = draw_expression(draw, depth - 1), second = draw_expression(draw, depth - 1);
  const Evaluate a = first.after, b = second.after;
  if (what == 3) {
    return {"(?:" + first.text + "|" + second.text + ")",
            [=](Places p, std::string_view t) { return a(p, t) | b(p, t); }};
  }
  return {"(" + first.text + ")(" + second.text + ")",
          [=](Places p, std::string_view t) { return b(a(p, t), t); }};
}

// The leftmost match that has a byte, and of those the longest.
inline TextSpan find(const Expression& expression, std::string_view text, std::size_t from) {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    const Places ends = expression.after(Places{1} << begin, text);
    for (std::size_t end = text.size(); end > begin; --end) {
      if ((ends >> end & 1) != 0) return {begin, end};
    }
  }
  return {};
}

}  // namespace pinaflux::reference
