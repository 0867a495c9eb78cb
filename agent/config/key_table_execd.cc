// The table: nodes that ask a process.
#include "agent/config/key_table.h"
#include "agent/pipeline/node_kinds.h"

namespace pinaflux::config {

namespace {

constexpr Key kExecd[] = {
    {.path = "pipeline.*.execd",
     .type = Type::section,
     .group = "kind",
     .doc =
         "What a process, a program in any language, answers of each record: it reads and writes "
         "lines of JSON."},
    {.path = "pipeline.*.execd.command",
     .type = Type::texts,
     .min = 1,
     .max = kTextMax,
     .required = true,
     .may_repeat = true,
     .example = "[/usr/lib/pinaflux/score.py, --fast]",
     .doc = "The program, an absolute path, and its arguments. It is started with the agent, and "
            "again when it ends."},
    {.path = "pipeline.*.execd.memory_max",
     .type = Type::size,
     .fallback = "64MiB",
     .min = 1024 * 1024,
     .max = std::int64_t{4} << 30,
     .doc = "Memory of its own that the process may take (heap, stacks), and each that it starts."},
    {.path = "pipeline.*.execd.in_flight_max",
     .type = Type::integer,
     .fallback = "256",
     .min = 1,
     .max = static_cast<std::int64_t>(Execd::kInFlightMax),
     .doc = "When so many records, or 1 MiB of them, are unanswered, sources are held back."},
    {.path = "pipeline.*.execd.answer_within",
     .type = Type::duration,
     .fallback = "10s",
     .min = 100 * kMillisecond,
     .max = kDay,
     .doc = "A process that answers nothing for so long, though it was asked, is ended and started "
            "again. Its start is part of that."},
    {.path = "pipeline.*.execd.records_max",
     .type = Type::integer,
     .fallback = "1",
     .min = 1,
     .max = 1'024,
     .doc = "Records that it makes of one at most; more end the process."},
    {.path = "pipeline.*.execd.fields_max",
     .type = Type::integer,
     .fallback = "8",
     .min = 0,
     .max = 1'024,
     .doc = "Fields that it adds to a record at most; more end the process."},
    {.path = "pipeline.*.execd.refuse_after",
     .type = Type::integer,
     .fallback = "0",
     .min = 0,
     .max = 1'000,
     .doc = "A record that was the oldest unanswered one when the process ended so often in a row "
            "is refused (a dead letter); 0: never, it is asked until there is an answer."},
};

}  // namespace

std::span<const Key> execd_keys() { return kExecd; }

}  // namespace pinaflux::config
