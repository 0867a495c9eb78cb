"""A link that is too narrow for what waits: an alarm does not wait behind a window of it."""

import os
import re
import statistics
import time

from feed import HttpFeeder
from mqtt import Subscriber
from relay import Relay
from services import free_port, wait_for

BYTES_PER_SECOND = 96 * 1024
BACKLOG_BYTES = 3 * 1024 * 1024
DOOR = '  door: {type: http, listen: "tcp://127.0.0.1:@DOOR@", format: ndjson, time: {field: ts, unit: ms}}\n'


def alarms_pass_a_backlog(place, path):
    """Asserts how long alarms take, by the clock: the link is so slow that no machine is slower."""
    relay, door_port = Relay(path.upstream.port), free_port()
    place.stack.callback(relay.close)
    relay.cut = True
    text = path.configuration(path.sources).replace(f":{path.upstream.port}", f":{relay.port}")
    path.agent.write_configuration(text.replace("lanes:\n", DOOR.replace("@DOOR@", str(door_port)) + "lanes:\n").replace(
        "uplink:", "  alarm: {from: door, priority: 9}\nuplink:"))
    path.start()
    feeder, alarms = HttpFeeder(path.http_port, "/ingest/press", timeout=120), HttpFeeder(door_port, "/ingest/door")
    for start in range(0, BACKLOG_BYTES, 500_000):
        rows = [path.ledger.take({"noise": os.urandom(500).hex()}) for _ in range(1_000)]
        assert feeder.post([row for _, row in rows])
        path.ledger.acknowledge(number for number, _ in rows)
    seen = {}  # By seq: when the broker passed it on.

    def note(_, payload):
        first, last = map(int, re.search(rb" s=(\d+)-(\d+) ", payload).groups())
        for seq in range(first, last + 1):
            seen.setdefault(seq, time.monotonic())

    watcher = Subscriber(path.upstream.port, "watcher", "pinaflux/gate/data/alarm", note)
    place.stack.callback(watcher.close)
    relay.bytes_per_second, relay.cut = BYTES_PER_SECOND, False
    began = relay.sent
    wait_for("the backlog to be on its way", lambda: relay.sent - began > 400_000, 60)
    took = []
    for seq in range(1, 9):
        row = path.ledger.take({"open": seq})
        said = time.monotonic()
        assert alarms.post([row[1]])
        path.ledger.acknowledge([row[0]])
        wait_for("an alarm", lambda: seq in seen, 60, 0.02)  # noqa: B023
        took.append(seen[seq] - said)
    assert path.agent.queued() > 100, "the backlog was gone too early to show anything"
    relay.bytes_per_second = None
    print(f"    alarms behind a backlog, over {BYTES_PER_SECOND // 1024} KiB/s: median {statistics.median(took):.1f} s, most {max(took):.1f} s")
    assert statistics.median(took) < 4, took
    path.settle()
