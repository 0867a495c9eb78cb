#include "agent/cli/config_test.h"

#include <cstdio>

#include "agent/agent/rehearsal.h"
#include "agent/cli/dry_host.h"
#include "agent/cli/exit_status.h"
#include "agent/config/load.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {

constexpr int kExitDoesNotHold = 1;
constexpr std::size_t kTestBytesMax = 4 * 1024 * 1024;

// One test: a file, or one that the configuration holds.
struct Test {
  std::string file, name, lines;
  std::uint32_t line_first = 1;
};

class Tests {
 public:
  Tests(const ConfigTestOptions& options, Rehearsal& rehearsal)
      : options_(options), rehearsal_(rehearsal) {
    json_.begin_object().key("schema").string("pinaflux.config_test/1").key("tests").begin_array();
  }

  Status run(const Test& test) {
    auto result = rehearsal_.run(test.lines);
    if (!result) return std::unexpected(result.error());
    const bool only_shown = options_.print && result->expected == 0;
    holds_ = holds_ && (only_shown || result->holds());
    if (options_.print) std::fputs(result->told.c_str(), stdout);
    for (Rehearsed::Mistake& mistake : result->mistakes) mistake.line += test.line_first - 1;
    if (!options_.json && !only_shown) say(test, *result);
    append(test, *result);
    return {};
  }
  int finish() {
    json_.end_array().key("holds").boolean(holds_).end_object();
    if (options_.json) std::printf("%s\n", json_.text().c_str());
    return holds_ ? kExitOk : kExitDoesNotHold;
  }

 private:
  static void say(const Test& test, const Rehearsed& result);
  void append(const Test& test, const Rehearsed& result);

  const ConfigTestOptions& options_;
  Rehearsal& rehearsal_;
  JsonWriter json_;
  bool holds_ = true;
};

void Tests::say(const Test& test, const Rehearsed& result) {
  for (const Rehearsed::Mistake& mistake : result.mistakes) {
    std::fprintf(stderr, "%s:%u: %s\n", test.file.c_str(), mistake.line, mistake.what.c_str());
  }
  if (result.beyond > 0) {
    std::fprintf(stderr, "%s: and %llu more\n", test.file.c_str(),
                 static_cast<unsigned long long>(result.beyond));
  }
  if (!result.holds()) return;
  std::printf("%s: %s%sholds: %llu records, %llu expectations\n", test.file.c_str(),
              test.name.c_str(), test.name.empty() ? "" : " ",
              static_cast<unsigned long long>(result.given),
              static_cast<unsigned long long>(result.expected));
}

void Tests::append(const Test& test, const Rehearsed& result) {
  json_.begin_object().key("file").string(test.file);
  if (!test.name.empty()) json_.key("name").string(test.name);
  json_.key("records").number(result.given);
  json_.key("expectations").number(result.expected).key("holds").boolean(result.holds());
  json_.key("mistakes").begin_array();
  for (const Rehearsed::Mistake& mistake : result.mistakes) {
    json_.begin_object().key("line").number(std::uint64_t{mistake.line});
    json_.key("what").string(mistake.what).end_object();
  }
  json_.end_array().key("mistakes_beyond").number(result.beyond).end_object();
}

int failed(const std::string& at, const Error& error) {
  std::fprintf(stderr, "pinaflux: %s%s%s\n", at.c_str(), at.empty() ? "" : ": ", error.what);
  return exit_status(error);
}

}  // namespace

int config_test_command(const ConfigTestOptions& options) {
  const auto host = DryHost::make();
  if (!host) return failed("", host.error());
  Files& files = (*host)->platform().files;
  const Loaded loaded = load_configuration(files, options.configuration);
  std::fputs(findings_text(loaded.findings).c_str(), stderr);
  if (!loaded.configuration) return kExitConfiguration;
  if (options.tests.empty() && loaded.configuration->tests.empty()) {
    return failed(options.configuration,
                  {Code::not_found, 0, "it holds no `tests`: write some, or name a test's file"});
  }
  std::string which;
  auto rehearsal = Rehearsal::make(*loaded.configuration, (*host)->companions(), which);
  if (!rehearsal) return failed(which, rehearsal.error());
  Tests tests(options, **rehearsal);
  for (const std::string& file : options.tests) {
    const auto text = files.read_text(file, kTestBytesMax);
    const Status done = text ? tests.run({file, "", *text}) : std::unexpected(text.error());
    if (!done) return failed(file, done.error());
  }
  if (!options.tests.empty()) return tests.finish();
  for (const ConfigurationTest& test : loaded.configuration->tests) {
    const Status done = tests.run({test.file, test.name, test.lines, test.line_first});
    if (!done) return failed(test.file, done.error());
  }
  return tests.finish();
}

}  // namespace pinaflux
