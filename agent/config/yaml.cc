// yaml-cpp's own tree forgets what we must refuse (a duplicate key, an anchor, a tag), so the tree is built
// here from its events, which carry a mark each. A mark points at the properties of a node where it has any:
// the character there tells `!tag value` from `value`, whose tag yaml-cpp reports alike ("!" for any quoted
// scalar). What yaml-cpp would let pass without an event (bytes, tabs) is looked at before.
#include "agent/config/yaml.h"

#include <exception>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

constexpr const char* kWriteOut = "write the value out where it is used";

class TreeMaker : public YAML::EventHandler {
 public:
  TreeMaker(const ConfigText& text, Findings& findings) : text_(text), findings_(findings) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 2) {
      stop(place(mark), "a second document begins here",
           "a configuration is one document: remove the line '---', or use a file in conf.d");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    // yaml-cpp marks nothing at the token that follows it.
    Node node = node_at(mark, Node::Kind::empty);
    if (!frames_.empty() && frames_.back().key_given) node.place = frames_.back().key_place;
    value(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { alias(place(mark)); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& content) override {
    Node node = node_at(mark, Node::Kind::scalar);
    node.text = content;
    node.quoted = tag == "!";
    check_tag(node, mark, tag);
    if (!node.quoted && content.find('\n') == std::string::npos) {
      node.place.length = static_cast<std::uint32_t>(utf8_count(content));
    }
    value(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    begin(mark, tag, Node::Kind::list);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    begin(mark, tag, Node::Kind::map);
  }
  void OnMapEnd() override { end(); }

  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    if (!stopped_)
      findings_.error(place(mark), "anchors (&name) are not part of this format", kWriteOut);
  }

  void broken(const YAML::Exception& error) {
    const Place where = place(error.mark);
    if (error.mark.is_null()) {
      stop(where, "the YAML cannot be read", "check the file with a YAML-aware editor");
    } else if (byte_at(error.mark) == '*') {
      alias(where);
    } else {
      stop(where, "the YAML cannot be read here: " + error.msg,
           "check the indentation, and put text that contains ': ' or ' #' in quotes");
    }
  }

  bool stopped() const { return stopped_; }
  Node take() { return std::move(root_); }

 private:
  struct Frame {
    Node node;
    bool key_given = false;
    bool duplicate = false;
    std::string key;
    Place key_place;
  };

  static std::size_t utf8_count(std::string_view text) {
    std::size_t count = 0;
    for (; !text.empty(); ++count) text.remove_prefix(std::max<std::size_t>(utf8_bytes(text), 1));
    return count;
  }

  Place place(const YAML::Mark& mark) const {
    if (mark.is_null() || mark.line < 0) return {&text_, 0, 0, 1};
    const auto line = static_cast<std::uint32_t>(mark.line) + 1;
    if (line > text_.line_count()) {  // The end of the text: show its last line.
      const std::uint32_t last = text_.line_count();
      return Place::at(text_, last, text_.line(last).size());
    }
    return Place::at(text_, line, static_cast<std::size_t>(std::max(mark.column, 0)));
  }

  char byte_at(const YAML::Mark& mark) const {
    const std::string_view line = text_.line(static_cast<std::uint32_t>(mark.line) + 1);
    const auto column = static_cast<std::size_t>(std::max(mark.column, 0));
    return column < line.size() ? line[column] : '\0';
  }

  Node node_at(const YAML::Mark& mark, Node::Kind kind) const {
    Node node;
    node.kind = kind;
    node.place = place(mark);
    return node;
  }

  void stop(const Place& where, std::string what, std::string fix) {
    if (stopped_) return;
    stopped_ = true;
    findings_.error(where, std::move(what), std::move(fix));
  }

  void alias(const Place& where) {
    stop(where, "aliases (*name) are not part of this format",
         std::string(kWriteOut) + ", or put text that begins with '*' in quotes");
  }

  void check_tag(Node& node, const YAML::Mark& mark, const std::string& tag) {
    const bool foreign = !tag.empty() && tag != "?" && tag != "!";
    if (stopped_ || !(foreign || byte_at(mark) == '!')) return;
    findings_.error(node.place, "tags (!name) are not part of this format",
                    "remove the tag: the key says what type its value has");
    node.kind = Node::Kind::damaged;
  }

  void begin(const YAML::Mark& mark, const std::string& tag, Node::Kind kind) {
    if (stopped_) return;
    if (frames_.size() >= kDepthMax) {
      stop(place(mark),
           "maps and lists are nested more than " + std::to_string(kDepthMax) + " deep",
           "a configuration needs no more than 6 levels");
      return;
    }
    if (expects_key()) {
      refuse_key(place(mark));
      return;
    }
    Node node = node_at(mark, kind);
    check_tag(node, mark, tag);
    node.kind = kind;
    frames_.emplace_back();
    frames_.back().node = std::move(node);
  }

  void end() {
    if (stopped_ || frames_.empty()) return;
    Node node = std::move(frames_.back().node);
    frames_.pop_back();
    value(std::move(node));
  }

  bool expects_key() const {
    return !frames_.empty() && frames_.back().node.is_map() && !frames_.back().key_given;
  }

  void refuse_key(const Place& where) {
    stop(where, "a key must be a name", "write 'name: value'; a map or a list cannot be a key");
  }

  void value(Node node) {
    if (stopped_) return;
    if (++nodes_ > kNodesMax) {
      stop(node.place, "more than " + std::to_string(kNodesMax) + " values in one file",
           "split the configuration into files in conf.d");
      return;
    }
    if (frames_.empty()) {
      root_ = std::move(node);
    } else if (frames_.back().node.is_list()) {
      frames_.back().node.items.push_back(std::move(node));
    } else if (!frames_.back().key_given) {
      take_key(node);
    } else {
      Frame& top = frames_.back();
      if (!top.duplicate) {
        top.node.entries.push_back({std::move(top.key), top.key_place, std::move(node)});
      }
      top.key_given = false;
    }
  }

  void take_key(const Node& node) {
    if (!node.is_scalar() || node.text.empty()) {
      refuse_key(node.place);
      return;
    }
    Frame& top = frames_.back();
    top.key = node.text;
    top.key_place = node.place;
    top.key_given = true;
    top.duplicate = false;
    if (node.text == "<<" && !node.quoted) {
      findings_.error(node.place, "merge keys (<<) are not part of this format", kWriteOut);
      top.duplicate = true;
    } else if (const Entry* first = top.node.find(node.text)) {
      findings_.error(node.place, "the key '" + printable(node.text) + "' is here twice",
                      "it is on line " + std::to_string(first->place.line) + " already: keep one");
      top.duplicate = true;
    }
  }

  const ConfigText& text_;
  Findings& findings_;
  std::vector<Frame> frames_;
  Node root_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
  bool stopped_ = false;
};

// What must be known of the bytes before yaml-cpp sees them.
bool bytes_are_text(const ConfigText& text, Findings& findings) {
  for (std::uint32_t n = 1; n <= text.line_count(); ++n) {
    const std::string_view line = text.line(n);
    for (std::size_t i = 0; i < line.size();) {
      const std::size_t bytes = utf8_bytes(line.substr(i));
      const auto c = static_cast<unsigned char>(line[i]);
      if (bytes == 0) {
        findings.error(Place::at(text, n, i), "this is not UTF-8 text", "save the file as UTF-8");
        return false;
      }
      if ((c < 0x20 && c != '\t') || c == 0x7f) {
        findings.error(Place::at(text, n, i), "a control character", "remove it");
        return false;
      }
      i += bytes;
    }
  }
  return true;
}

bool indented_by_spaces(const ConfigText& text, Findings& findings) {
  if (trim(text.text()).starts_with('{')) return true;  // JSON may.
  bool clean = true;
  for (std::uint32_t n = 1; n <= text.line_count(); ++n) {
    const std::string_view line = text.line(n);
    const std::size_t tab = line.substr(0, line.find_first_not_of(" \t")).find('\t');
    if (tab == std::string_view::npos || trim(line).empty()) continue;
    findings.error(Place::at(text, n, tab), "a tab in the indentation", "indent with spaces");
    clean = false;
  }
  return clean;
}

}  // namespace

bool parse_yaml(const ConfigText& text, Node& root, Findings& findings) {
  if (text.text().size() > kTextBytesMax) {
    findings.error({&text, 0, 0, 1}, "the file is larger than 1 MiB",
                   "split it into files in conf.d");
    return false;
  }
  if (!bytes_are_text(text, findings) || !indented_by_spaces(text, findings)) return false;
  TreeMaker maker(text, findings);
  try {
    std::istringstream stream(text.text());
    YAML::Parser parser(stream);
    while (!maker.stopped() && parser.HandleNextDocument(maker)) {
    }
  } catch (const YAML::Exception& error) {
    maker.broken(error);
  } catch (const std::exception&) {
    findings.error({&text, 0, 0, 1}, "the YAML cannot be read",
                   "check it with a YAML-aware editor");
    return false;
  }
  if (maker.stopped()) return false;
  root = maker.take();
  return true;
}

}  // namespace pinaflux::config
