// Limits: every bound of the data path, in one place, with the relations between them.
//
// A gateway's memory for data is taken at start from these figures; a queue of any length changes
// nothing. Sources, lanes and the spool have smaller limits of their own in the configuration.
#pragma once

#include <cstddef>
#include <cstdint>

#include "platform/base/time.h"

namespace pinaflux::limits {

// One record.
inline constexpr std::size_t kFieldsMax = 10'000;          // Of one record.
inline constexpr std::size_t kNameBytesMax = 512;          // Of a field or a stream.
inline constexpr std::size_t kNestingMax = 16;             // Of a JSON document.
inline constexpr std::size_t kRecordBytesMax = 64 * 1024;  // As it arrives.

// Bytes that could not be read, where they are kept (spool.keep_refused).
inline constexpr std::size_t kRefusedBytesMax = 16 * 1024;  // Of one refusal; the rest is cut.
inline constexpr std::size_t kGroupRefusedBytesMax = 256 * 1024;  // Of a turn, and of a group.

// Shapes: distinct (stream, field list).
inline constexpr std::size_t kShapesMax = 4'096;
inline constexpr std::size_t kShapeBytesMax = 1024 * 1024;  // All names together.

// One group: what a turn collects and one transaction commits.
inline constexpr std::size_t kIntakeRecordsMax = 16'384;  // Raw records of a turn.
inline constexpr std::size_t kGroupRecordsFull = kIntakeRecordsMax * 7 / 8;  // It is committed now.
inline constexpr std::size_t kGroupRecordsMax =
    4 * kIntakeRecordsMax;                                      // A record may reach several lanes.
inline constexpr std::size_t kGroupBytesMax = 4 * 1024 * 1024;  // Arena of masked values.
// Arena of computed cells, taken as it is needed; a quarter of it is full.
inline constexpr std::size_t kGroupComputedMax = 16 * 1024 * 1024;
inline constexpr std::size_t kIntakeBytesMax = 2 * 1024 * 1024;  // Arena of raw values, a poll.
inline constexpr Duration kCommitStall =
    Duration::milliseconds(20);  // All sources wait: commit now.

// One source.
inline constexpr std::size_t kPollBytesMax = 256 * 1024;  // Of input that one poll() takes; one
                                                          // parcel may be larger.
inline constexpr std::uint16_t kReceiveMaximum = 4'096;   // MQTT messages not acknowledged.
inline constexpr std::size_t kHeldBytesMax =
    1024 * 1024;  // Received, not yet polled: stop reading.

// One envelope.
inline constexpr std::size_t kEnvelopeBytesMax =
    120'000;  // Header and body; a broker's usual limit.
// With the topic and what MQTT says beside it. AWS IoT's limit.
inline constexpr std::size_t kPacketBytesWanted = 131'072;
inline constexpr std::size_t kPacketBytesLeast = 4'096;  // Below it records may have no place.
inline constexpr std::size_t kEnvelopeRecordsMax = 16'384;
inline constexpr std::size_t kOpenedBytesMax = 4 * 1024 * 1024;  // Body after decompression.

// Lanes and delivery.
inline constexpr std::size_t kLanesMax = 16;
inline constexpr std::size_t kUplinksMax = 8;
inline constexpr std::size_t kSourcesMax = 64;
inline constexpr std::size_t kWindowMax = 64;       // Envelopes sent and not acknowledged.
inline constexpr std::size_t kDictionariesMax = 4;  // Of a lane.
inline constexpr std::size_t kGapRangesMax = 1'024;
inline constexpr std::size_t kLandedRangesMax = 64;     // Out of order, that one ack names.
inline constexpr std::size_t kComparedMax = 64;         // Envelopes that one ack compares,
inline constexpr std::size_t kComparedRangesMax = 256;  // with so many ranges of theirs together.

static_assert(kRecordBytesMax <= kIntakeBytesMax / 4, "an intake holds several records");
static_assert(kPollBytesMax <= kIntakeBytesMax / 4, "several sources share an intake");
static_assert(kIntakeBytesMax <= kGroupBytesMax, "a group takes what one poll brings");
static_assert(kEnvelopeRecordsMax <= kGroupRecordsMax);

}  // namespace pinaflux::limits
