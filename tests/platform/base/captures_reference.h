// A regular expression engine that goes back and tries again, as Perl's does: too simple to be wrong, and slow. Expressions are drawn as a tree,
// which is written as text and walked at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pinaflux::reference {

inline constexpr std::size_t kNowhere = ~std::size_t{0};

class Captures {
 public:
  using Draw = std::function<unsigned(unsigned)>;  // Below the number.
  using Span = std::pair<std::size_t, std::size_t>;

  explicit Captures(Draw draw) : draw_(std::move(draw)) {
    pattern_ = "(?<all>";
    root_.kind = Node::Kind::group;
    root_.children.push_back(node(4));
    pattern_ += ")";
  }
  const std::string& pattern() const { return pattern_; }
  std::size_t groups() const { return groups_; }

  // The places of each group, kNowhere where it took no part; empty: there is no match. Not to be asked when tired().
  std::vector<Span> find(std::string_view text) {
    text_ = text;
    steps_ = 0;
    for (std::size_t begin = 0; begin <= text.size(); ++begin) {
      places_.assign(groups_, {kNowhere, kNowhere});
      if (match(root_, begin, [](std::size_t) { return true; })) return places_;
    }
    return {};
  }
  bool tired() const { return steps_ > kStepsMax; }

 private:
  static constexpr std::size_t kStepsMax = 200'000;
  using Then = std::function<bool(std::size_t)>;
  struct Node {
    enum class Kind : std::uint8_t { nothing, byte, begin, end, edge, both, either, group, repeat };
    Kind kind = Kind::nothing;
    bool (*takes)(char) = nullptr;
    std::vector<Node> children;
    std::size_t group = 0;
    unsigned min = 0, max = 0;  // 0: without end.
    bool lazy = false;
    bool may_be_empty = true;
  };

  Node byte(const char* written, bool (*takes)(char)) {
    pattern_ += written;
    return {.kind = Node::Kind::byte, .takes = takes, .may_be_empty = false};
  }
  Node sign(const char* written, Node::Kind kind) {
    pattern_ += written;
    return {.kind = kind};
  }

  Node atom() {
    switch (draw_(10)) {
      case 0:
      case 1:
      case 2: return byte("a", [](char c) { return c == 'a'; });
      case 3: return byte("b", [](char c) { return c == 'b'; });
      case 4: return byte(".", [](char c) { return c != '\n'; });
      case 5: return byte("[^a]", [](char c) { return c != 'a'; });
      case 6: return sign("^", Node::Kind::begin);
      case 7: return sign("$", Node::Kind::end);
      case 8: return sign("\\b", Node::Kind::edge);
      default: return sign("(?:)", Node::Kind::nothing);
    }
  }

  Node repeat(int depth) {
    Node repeat{.kind = Node::Kind::repeat};
    pattern_ += "(?:";
    repeat.children.push_back(node(depth - 1));
    // What repeats nothing without end is nothing that engines agree on.
    const bool without_end = !repeat.children[0].may_be_empty && draw_(2) == 0;
    repeat.min = draw_(3);
    repeat.max = without_end ? 0 : repeat.min + draw_(2) + (repeat.min == 0 ? 1u : 0u);
    repeat.lazy = draw_(3) == 0;
    repeat.may_be_empty = repeat.min == 0 || repeat.children[0].may_be_empty;
    pattern_ += ")";
    if (without_end && repeat.min < 2) {
      pattern_ += repeat.min == 0 ? "*" : "+";
    } else if (repeat.min == 0 && repeat.max == 1) {
      pattern_ += "?";
    } else {
      pattern_ += "{" + std::to_string(repeat.min) + ",";
      pattern_ += (without_end ? "" : std::to_string(repeat.max)) + "}";
    }
    if (repeat.lazy) pattern_ += "?";
    return repeat;
  }

  Node node(int depth) {
    const unsigned what = depth == 0 ? 0 : draw_(7);
    if (what < 2) return atom();
    if (what == 2) return repeat(depth);
    const bool group = what < 5 && groups_ < 8;
    Node made{.kind = group           ? Node::Kind::group
                      : what % 2 == 0 ? Node::Kind::both
                                      : Node::Kind::either};
    if (group) made.group = groups_++;
    pattern_ += group ? "(?<g" + std::to_string(made.group) + ">" : "(?:";
    made.children.push_back(node(depth - 1));
    if (!group) {
      if (made.kind == Node::Kind::either) pattern_ += "|";
      made.children.push_back(node(depth - 1));
    }
    pattern_ += ")";
    const bool first = made.children.front().may_be_empty, last = made.children.back().may_be_empty;
    made.may_be_empty = made.kind == Node::Kind::either ? first || last : first && last;
    return made;
  }

  bool is_word(std::size_t i) const {
    return i < text_.size() && (text_[i] == 'a' || text_[i] == 'b');
  }

  bool match(const Node& node, std::size_t at, const Then& then) {
    if (++steps_ > kStepsMax) return false;
    switch (node.kind) {
      case Node::Kind::nothing: return then(at);
      case Node::Kind::byte: return at < text_.size() && node.takes(text_[at]) && then(at + 1);
      case Node::Kind::begin: return at == 0 && then(at);
      case Node::Kind::end: return at == text_.size() && then(at);
      case Node::Kind::edge: return (at > 0 && is_word(at - 1)) != is_word(at) && then(at);
      case Node::Kind::both:
        return match(node.children[0], at,
                     [&](std::size_t to) { return match(node.children[1], to, then); });
      case Node::Kind::either:
        return match(node.children[0], at, then) || match(node.children[1], at, then);
      case Node::Kind::group:
        return match(node.children[0], at, [&](std::size_t to) {
          const Span before = std::exchange(places_[node.group], Span{at, to});
          if (then(to)) return true;
          places_[node.group] = before;
          return false;
        });
      case Node::Kind::repeat: break;
    }
    return rounds(node, 0, at, then);
  }

  bool rounds(const Node& node, unsigned had, std::size_t at, const Then& then) {
    const auto more = [&] {
      return (node.max == 0 || had < node.max) && match(node.children[0], at, [&](std::size_t to) {
               return rounds(node, had + 1, to, then);
             });
    };
    if (had < node.min) return more();
    return node.lazy ? then(at) || more() : more() || then(at);
  }

  Draw draw_;
  std::string pattern_;
  std::size_t groups_ = 1;  // The first is all that matches.
  Node root_;
  std::string_view text_;
  std::vector<Span> places_;
  std::size_t steps_ = 0;
};

}  // namespace pinaflux::reference
