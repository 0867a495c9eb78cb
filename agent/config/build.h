// Builders: from a checked tree to the options of every station, and what only the whole can tell: unknown
// names, cycles, addresses that are used twice.
//
// Promise    Each goes on after a fault, so that all of them are found.
// Threads    Pure but for secrets that are read; any.
// Tests      tests/agent/config/bad_test.cc, tests/agent/config/load_test.cc
#pragma once

#include "agent/config/load.h"
#include "agent/config/reader.h"
#include "platform/base/regex_program.h"
#include "platform/tls_options.h"

namespace pinaflux::config {

struct Building {
  Files& files;
  Findings& findings;
  Configuration& to;
};

void build_sources(const Reader& root, Building& building);
void build_keys(const Reader& root, Building& building);
// Of a section with `broker`: empty for tcp://, where its keys are faults.
tls::Options build_tls(const Reader& section, Building& building);
// The ways out, and which lane takes which. After build_pipeline's lanes.
void build_uplinks(const Reader& root, Building& building);
// The budgets of uplinks and lanes, their priorities and shares. After build_uplinks.
void build_budgets(const Reader& root, Building& building);
void build_mask(const Reader& root, Building& building);
void build_pipeline(const Reader& root, Building& building);  // Lanes, too. After build_sources.
// Fields of a type that a node cannot work on. Where names and circles have been found right.
void check_types(const Reader& root, Building& building);
TimeWindow build_window(const Reader& section, Findings& findings);
Deadband build_deadband(const Reader& section, Findings& findings);
Dedupe build_dedupe(const Reader& section);
Sample build_sample(const Reader& section);
RateLimit build_limit(const Reader& section);
ChangeRate build_rate(const Reader& section, Findings& findings);
FieldChanges build_changes(const Reader& section, Findings& findings);
Convert build_convert(const Reader& node, Findings& findings);
TypeCast build_cast(const Reader& node, Findings& findings);
SchemaCheck build_schema(const Reader& section, Findings& findings);
Parse build_parse(const Reader& section, Findings& findings);
SplitArray build_split(const Reader& section);
Anomaly build_anomaly(const Reader& section, Findings& findings);
Alert build_alert(const Reader& section, Findings& findings);
Merge build_merge(const Reader& section, Findings& findings);
Execd build_execd(const Reader& section, Building& building);
Script build_script(const Reader& section, Building& building);
Lookup build_lookup(const Reader& section, Building& building);
void build_tests(const Reader& root, Building& building);
void build_delivery(const Reader& root,
                    Building& building);  // Gateway, spool, uplink, control. Last.

// The agent's own, such as its time anchors: no source may give it, no node rename to it.
bool is_own_stream(std::string_view stream);
void refuse_own_stream(const Place& place, Findings& findings);
// `name` in the section `r` names a key, or keys, below `keys`, if it is given.
void check_key(const Reader& root, const Reader& r, std::string_view name, Findings& findings);
// Of bytes of a value; of the value, where it does not stand in its line as it was read.
Place place_in(const Node& node, std::size_t at, std::size_t size = 1);
// A value that is no regular expression. `explained`: the key that says what one is.
void refuse_regex(const Node& node, std::string_view key, const RegexProgram::Fault& fault,
                  std::string_view explained, Findings& findings);
// Of a byte of a line of a text; of the text, where its lines are not those of the file.
Place place_in_text(const Node& node, std::uint32_t line, std::size_t at);
// A text that is to be an expression.
void check_expression(const Node& node, Findings& findings);
// Two that listen at one address, or log in under one MQTT client id. After all others.
void check_addresses(const Reader& root, Building& building);
// What the machine says to the spool's place and size: warnings.
void check_spool_place(const Reader& root, Building& building);

}  // namespace pinaflux::config
