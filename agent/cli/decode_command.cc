#include "agent/cli/decode_command.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>

#include "agent/cli/damage_text.h"
#include "agent/cli/exit_status.h"
#include "agent/cli/record_printer.h"
#include "agent/seal/dictionary_message.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {

// More than one can have: what is longer is refused for that.
constexpr std::size_t kDictionaryFileMax = 2 * Dictionary::kBytesMax;

using Input = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

Input open_input(const std::string& file) {
  if (file == "-") return {stdin, [](std::FILE*) { return 0; }};
  return {std::fopen(file.c_str(), "rb"), [](std::FILE* f) { return f ? std::fclose(f) : 0; }};
}

// Its content, or the message that brought it.
Result<Dictionary> dictionary_in(Buffer file) {
  if (!is_dictionary_message(file)) return Dictionary::of(std::move(file));
  auto message = parse_dictionary(file);
  if (!message) return std::unexpected(message.error());
  return std::move(message->dictionary);
}

ReadBytes reader_of(std::FILE* in) {
  return [in](MutableBytes bytes) -> Result<std::size_t> {
    const std::size_t n = std::fread(bytes.data(), 1, bytes.size(), in);
    if (n == 0 && std::ferror(in) != 0) return fail(Code::io, "the file cannot be read", errno);
    return n;
  };
}

void write(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string header_line(const Header& h, const EnvelopePiece& piece, bool hash_fits) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.envelope/1").key("version").number(h.version);
  j.key("gateway").string(h.gateway).key("lane").string(h.lane).key("epoch").string(hex(h.epoch));
  j.key("first").number(h.range.first).key("last").number(h.range.last);
  j.key("count").number(h.count).key("every").number(h.every).key("floor").number(h.floor);
  j.key("generation").number(h.generation).key("previous").string(hex(h.previous));
  j.key("hash").string(hex(h.hash));
  if (!h.dictionary.empty()) j.key("dictionary").string(h.dictionary);
  j.key("extra").begin_object();
  for (const auto& [key, value] : h.extra) j.key(key).string(value);
  j.end_object().key("appended").begin_object();
  for (const auto& [key, value] : h.appended) j.key(key).string(value);
  j.end_object();
  if (!trace_of(h).empty()) j.key("trace").string(trace_of(h));
  j.key("at").number(piece.at).key("bytes").number(piece.size);
  j.key("hash_fits").boolean(hash_fits).end_object();
  return j.take() + "\n";
}

class Run {
 public:
  explicit Run(const DecodeOptions& options) : options_(options) {}
  int run();

 private:
  int failed(const Error& error) {
    tell(std::string(error.what) + "\n");
    return exit_status(error);
  }
  void tell(std::string_view text) {
    const auto size = static_cast<int>(text.size());
    std::fprintf(stderr, "pinaflux: %s: %.*s", options_.file.c_str(), size, text.data());
  }
  int learn(const std::string& dictionary);
  int headers(EnvelopeFile& file);
  int header_of(EnvelopeFile& file, const EnvelopePiece& piece);
  int check_dictionary(EnvelopeFile& file, const EnvelopePiece& piece);
  int records(EnvelopeFile& file, std::FILE* in);
  RecordFormat format() const {
    return options_.format == "csv"     ? RecordFormat::csv
           : options_.format == "lines" ? RecordFormat::lines
                                        : RecordFormat::ndjson;
  }

  const DecodeOptions& options_;
  Dictionaries dictionaries_;
};

int Run::learn(const std::string& dictionary) {
  const auto refused = [&](const Error& error) {
    std::fprintf(stderr, "pinaflux: %s: %s\n", dictionary.c_str(), error.what);
    return exit_status(error);
  };
  const Input in = open_input(dictionary);
  if (!in) return refused({Code::not_found, errno, "the dictionary cannot be opened"});
  Buffer bytes(kDictionaryFileMax);
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), in.get()));
  if (std::ferror(in.get()) != 0) {
    return refused({Code::io, errno, "the dictionary cannot be read"});
  }
  auto made = dictionary_in(std::move(bytes));
  if (!made) return refused(made.error());
  dictionaries_.add(std::move(*made));
  return kExitOk;
}

// What is behind a line is not looked at: `head -1` is enough.
int Run::header_of(EnvelopeFile& file, const EnvelopePiece& piece) {
  const bool whole = Opener::verify(piece.bytes).has_value();
  const EnvelopePiece envelope = whole ? piece : file.damaged();
  const auto header = Opener::header(envelope.bytes);
  if (!header) {
    tell("envelope " + std::to_string(envelope.number) + " at byte " + std::to_string(envelope.at) +
         ": " + header.error().what + "\n");
    return exit_status(header.error());
  }
  write(header_line(*header, envelope, whole || Opener::verify(envelope.bytes)));
  return kExitOk;
}

int Run::check_dictionary(EnvelopeFile& file, const EnvelopePiece& piece) {
  if (parse_dictionary(piece.bytes)) return kExitOk;
  const auto message = parse_dictionary(file.damaged().bytes);
  if (message) return kExitOk;
  tell(bad_dictionary_text(piece, message.error()));
  return exit_status(message.error());
}

int Run::headers(EnvelopeFile& file) {
  int status = kExitOk;
  for (;;) {
    const auto piece = file.next();
    if (!piece) return failed(piece.error());
    if (!*piece) break;
    int its = kExitOk;
    switch ((*piece)->kind) {
      case EnvelopePiece::Kind::envelope: its = header_of(file, **piece); break;
      case EnvelopePiece::Kind::dictionary: its = check_dictionary(file, **piece); break;
      case EnvelopePiece::Kind::foreign: break;
    }
    if (its != kExitOk) status = its;
  }
  if (Status s = file.ending(); !s) return failed(s.error());
  return status;
}

int Run::records(EnvelopeFile& file, std::FILE* in) {
  RecordPrinter printer(format(), options_.salvage, write, [this](std::string_view t) { tell(t); });
  printer.look_in(dictionaries_);
  if (format() == RecordFormat::csv && std::fseek(in, 0, SEEK_CUR) == 0) {
    EnvelopeFile first(reader_of(in));
    if (Status s = printer.learn_columns(first); !s) return failed(s.error());
    if (std::fseek(in, 0, SEEK_SET) != 0)
      return failed({Code::io, errno, "the file cannot be read"});
  }
  const Status printed = printer.print(file);
  const std::string summary = printer.summary();
  if (!summary.empty()) tell(summary);
  if (!printed) return failed(printed.error());
  return summary.empty() ? kExitOk : kExitData;
}

int Run::run() {
  for (const std::string& dictionary : options_.dictionaries) {
    if (const int status = learn(dictionary); status != kExitOk) return status;
  }
  const Input in = open_input(options_.file);
  if (!in) return failed({Code::not_found, errno, "the file cannot be opened"});
  EnvelopeFile file(reader_of(in.get()));
  const int status = options_.header ? headers(file) : records(file, in.get());
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  return failed({Code::io, errno, "the output cannot be written"});
}

}  // namespace

int decode_command(const DecodeOptions& options) { return Run(options).run(); }

}  // namespace pinaflux
