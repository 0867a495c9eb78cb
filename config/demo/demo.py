#!/usr/bin/env python3
"""The demonstration behind config/demo/run: our path and a plain Mosquitto bridge, side by side, on the same input,
through the same outages and kills.

    readings --MQTT--> local broker --> agent --relay--> upstream broker --> collector --> table
             --HTTP------------------->
    readings --MQTT--> Mosquitto with persistence and a bridge --relay--> upstream broker --> a consumer that counts
"""

import argparse
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "kit"))
from feed import HttpFeeder, Ledger, paced, readings  # noqa: E402
from landed import LatencyWatch, compare, last_rows  # noqa: E402
from mqtt import Publisher, Subscriber  # noqa: E402
from relay import Relay  # noqa: E402
from services import Agent, Collector, Mosquitto, free_port, wait_for  # noqa: E402

MQTT_RATE, HTTP_RATE, HTTP_BATCH = 200, 100, 20

CONFIGURATION = """
pinaflux: 1
gateway: {{id: demo-gateway}}
spool: {{path: {directory}/spool, size_max: 64MiB}}
sources:
  plant: {{type: mqtt, broker: "tcp://127.0.0.1:{local}", topics: ["plant/#"], format: json, time: {{field: ts, unit: ms}}}}
  line: {{type: http, listen: "tcp://127.0.0.1:{http}", format: ndjson, time: {{field: ts, unit: ms}}}}
  machine: {{type: system, every: 5s}}
lanes:
  normal: {{from: [plant, line, machine]}}
uplink: {{type: mqtt, broker: "tcp://127.0.0.1:{relay}", ack: collector, back_off_max: 2s}}
"""

BRIDGE = """
connection upstream
address 127.0.0.1:{relay}
topic bridged/# out 1
cleansession false
restart_timeout 1 1
autosave_interval 5
keepalive_interval 10
"""


class Schedule:
    """Outages and kills as shares of the feeding time; the second kill strikes while the broker is away."""

    outages = [(0.20, 0.38), (0.60, 0.72)]
    kills = [0.10, 0.29, 0.82]

    def __init__(self, seconds):
        self.seconds = seconds

    def events(self):
        events = [(at, "kill") for at in self.kills]
        for begin, end in self.outages:
            events += [(begin, "cut"), (end, "restore")]
        return [(at * self.seconds, what) for at, what in sorted(events)]


class Demonstration:
    def __init__(self, build, directory, seconds, show):
        self.directory = pathlib.Path(directory)
        self.seconds, self.show = seconds, show
        self.schedule = Schedule(seconds)
        self.ours, self.theirs = Ledger(), Ledger()
        self.kills = self.outages = 0
        self.disturbed = []  # [begin, end or None] in epoch seconds: a kill or an outage and its recovery.
        self.feeding = threading.Event()
        self.errors = []
        self.received = {}   # The bridge's consumer: id -> times.
        self.stack = contextlib.ExitStack()

        self.upstream_port = free_port()
        self.upstream = self.keep(Mosquitto("upstream", directory, port=self.upstream_port))
        self.local = self.keep(Mosquitto("local", directory))
        self.relay = Relay(self.upstream_port)
        self.stack.callback(self.relay.close)
        http_port = free_port()
        self.agent = self.keep(Agent(directory, pathlib.Path(build) / "pinaflux", CONFIGURATION.format(
            directory=directory, local=self.local.port, http=http_port, relay=self.relay.port)))
        self.collector = self.keep(Collector(directory, pathlib.Path(build) / "pinaflux-collector", self.upstream_port))
        self.http = HttpFeeder(http_port, "/ingest/press", "demo")
        self.bridge_relay = Relay(self.upstream_port)
        self.stack.callback(self.bridge_relay.close)
        self.bridge = self.keep(Mosquitto("bridge", directory, persistence=True,
                                          extra=BRIDGE.format(relay=self.bridge_relay.port)))
        self.latency = LatencyWatch(self.collector.database)

    def keep(self, service):
        self.stack.callback(service.end)
        return service

    # ---- the services

    def start(self):
        self.upstream.start()
        self.local.start()
        self.collector.start()
        self.agent.start()
        self.consumer = Subscriber(self.upstream_port, "consumer", "bridged/#", self.consumed)
        self.stack.callback(self.consumer.close)
        wait_for("the consumer to subscribe", lambda: self.consumer.connection)
        self.bridge.start()
        wait_for("the agent to subscribe to the local broker", self.source_works)

    def source_works(self):
        status = self.agent.status()
        return status and all(source["state"] == "working" for source in status["sources"])

    def consumed(self, _topic, payload):
        number = json.loads(payload)["id"]
        self.received[number] = self.received.get(number, 0) + 1

    def cut(self):
        self.outages += 1
        self.disturbed.append([time.time() - 1.5, None])
        self.upstream.stop()

    def restore(self):
        self.upstream.start()
        self.settle()

    def kill(self):
        self.kills += 1
        broker_away = not self.upstream.running()
        if not broker_away:
            self.disturbed.append([time.time() - 1.5, None])
        self.agent.kill()
        self.bridge.kill()
        time.sleep(0.5)
        self.agent.start()
        self.bridge.start()
        if not broker_away:
            self.settle()

    def settle(self):
        """The disturbance lasts until the backlog is gone; watched in the background."""
        span = self.disturbed[-1]

        def watch():
            while span[1] is None:
                status = self.agent.status()
                if status and status["uplink"]["state"] == "working" and sum(
                        lane["records_queued"] for lane in status["lanes"]) < 2 * (MQTT_RATE + HTTP_RATE):
                    span[1] = time.time() + 0.5
                time.sleep(0.2)
        threading.Thread(target=watch, daemon=True).start()

    def quiet(self, made):
        return not any(begin <= made <= (end or float("inf")) for begin, end in self.disturbed)

    # ---- the readings

    def feed_mqtt(self, streams):
        """The same readings to the local broker and to the bridge."""
        ours = Publisher(self.local.port, "producer", lambda number: self.ours.acknowledge([number]))
        theirs = Publisher(self.bridge.port, "producer", lambda number: self.theirs.acknowledge([number]))
        sources = [(name, itertools.cycle(rows)) for name, rows in streams.items()]
        for n in paced(MQTT_RATE, self.feeding.is_set):
            name, rows = sources[n % len(sources)]
            reading = next(rows)
            number, text = self.ours.take(reading)
            ours.publish(f"plant/{name}", text, number)
            number, text = self.theirs.take(reading)
            theirs.publish(f"bridged/{name}", text, number)
        if not ours.drain() or not theirs.drain():
            self.errors.append("a broker did not acknowledge everything")
        ours.close()
        theirs.close()

    def feed_http(self, streams):
        """Batches to the agent; the bridge, which has no HTTP, gets the same readings one by one."""
        theirs = Publisher(self.bridge.port, "producer-2", lambda number: self.theirs.acknowledge([number]))
        rows = itertools.cycle(streams["vehicle"])
        for _ in paced(HTTP_RATE / HTTP_BATCH, self.feeding.is_set):
            batch = [next(rows) for _ in range(HTTP_BATCH)]
            numbers, lines = zip(*(self.ours.take(reading) for reading in batch))
            if self.http.post(lines):
                self.ours.acknowledge(numbers)
            for reading in batch:
                number, text = self.theirs.take(reading)
                theirs.publish("bridged/press", text, number)
        theirs.drain()
        theirs.close()

    def guarded(self, feed, streams):
        try:
            feed(streams)
        except Exception as error:  # A feeder that dies must fail the demonstration, not hang it.
            self.errors.append(f"{feed.__name__}: {error}")

    # ---- the run

    def measure(self):
        for service in (self.agent, self.bridge, self.collector):
            service.measure()

    def run(self):
        self.start()
        self.feeding.set()
        feeders = [threading.Thread(target=self.guarded, args=(feed, readings()), daemon=True)
                   for feed in (self.feed_mqtt, self.feed_http)]
        for feeder in feeders:
            feeder.start()
        begin = time.monotonic()
        events = self.schedule.events()
        shown = 0.0
        while (now := time.monotonic() - begin) < self.seconds:
            if events and now >= events[0][0]:
                what = events.pop(0)[1]
                self.show.event({"cut": "upstream broker stopped", "restore": "upstream broker back",
                                 "kill": "agent and bridge killed (SIGKILL)"}[what])
                getattr(self, what)()
            self.latency.poll()
            self.measure()
            if now - shown >= 1.0:
                shown = now
                self.show.progress(now, self.seconds, self)
            time.sleep(0.02)
        self.feeding.clear()
        for feeder in feeders:
            feeder.join(60)
        self.wait_for_backlog()
        self.measure()
        return self.result()

    def wait_for_backlog(self):
        """Until everything acknowledged is readable, or nothing more comes."""
        last, moved = -1, time.monotonic()
        while time.monotonic() - moved < 15:
            self.latency.poll()
            ours = compare(self.collector.database, self.ours)
            theirs = len(self.received)
            self.show.progress(self.seconds, self.seconds, self)
            if ours["lost"] == 0 and self.agent.queued() == 0 and theirs >= len(self.theirs.acknowledged):
                break
            if ours["landed"] + theirs != last:
                last, moved = ours["landed"] + theirs, time.monotonic()
            time.sleep(0.3)

    def result(self):
        # Before anything is stopped: an agent that leaves says goodbye through the relay.
        sent = self.relay.sent + self.relay.received
        bridge_sent = self.bridge_relay.sent + self.bridge_relay.received
        self.agent.stop()
        self.collector.stop()
        ours = compare(self.collector.database, self.ours)
        verified, report = self.collector.verify()
        landed_theirs = set(self.received)
        return {
            "schema": "pinaflux.demo/1", "produced": self.ours.produced, **ours,
            "json_bytes": self.ours.json_bytes, "sent_bytes": sent, "written_bytes": self.agent.written_bytes,
            "rss_peak_kb": self.agent.rss_peak_kb,
            "latency_ms_p50": self.latency.percentile(0.50, self.quiet),
            "latency_ms_p99": self.latency.percentile(0.99, self.quiet),
            "kills": self.kills, "outages": self.outages, "verified": verified == 0, "errors": self.errors,
            "bridge": {
                "produced": self.theirs.produced, "acknowledged": len(self.theirs.acknowledged),
                "landed": len(landed_theirs), "duplicates": sum(self.received.values()) - len(landed_theirs),
                "lost": len(self.theirs.acknowledged - landed_theirs), "json_bytes": self.theirs.json_bytes,
                "sent_bytes": bridge_sent, "written_bytes": self.bridge.written_bytes,
                "rss_peak_kb": self.bridge.rss_peak_kb}}


class Screen:
    """Progress for a person; a line that rewrites itself on a terminal, one line in five seconds elsewhere."""

    def __init__(self, quiet):
        self.quiet, self.terminal, self.last = quiet, sys.stderr.isatty(), -9.0

    def event(self, text):
        if not self.quiet:
            print(("\r\033[K" if self.terminal else "") + f"    {text}", file=sys.stderr)

    def progress(self, now, seconds, demo):
        if self.quiet or (not self.terminal and time.monotonic() - self.last < 5):
            return
        self.last = time.monotonic()
        share = min(1.0, now / seconds)
        queued = demo.agent.queued()
        text = (f"[{'#' * int(share * 20):20}] {now:4.0f}/{seconds:.0f} s   produced {demo.ours.produced:7}   "
                f"queued {queued if queued is not None else '-':>6}   landed {len(demo.latency.samples):7}")
        print(("\r\033[K" if self.terminal else "") + text, end="" if self.terminal else "\n", file=sys.stderr, flush=True)

    def table(self, result):
        bridge = result["bridge"]
        rows = [("produced", "produced"), ("acknowledged to the source", "acknowledged"), ("landed", "landed"),
                ("duplicates", "duplicates"), ("lost (acknowledged, not landed)", "lost"),
                ("bytes of JSON produced", "json_bytes"), ("bytes on the wire, both directions", "sent_bytes"),
                ("bytes written to disk", "written_bytes"), ("peak memory, KiB", "rss_peak_kb"),
                ("latency p50, ms", "latency_ms_p50"), ("latency p99, ms", "latency_ms_p99")]
        print(f"\n{'':36}{'pinaflux':>14}{'mosquitto bridge':>20}")
        for title, key in rows:
            print(f"{title:36}{show(result[key]):>14}{show(bridge.get(key)):>20}")
        print(f"\n{result['kills']} kills, {result['outages']} outages of the upstream broker; "
              f"wire: {result['sent_bytes'] / max(1, result['json_bytes']):.1%} of the JSON; "
              f"pinaflux-collector verify: {'complete' if result['verified'] else 'NOT COMPLETE'}")
        for error in result["errors"]:
            print(f"error: {error}")


def show(value):
    return "-" if value is None else f"{value:,}"


def main():
    parser = argparse.ArgumentParser(prog="config/demo/run", description="The main job on real input, through cuts and kills.")
    parser.add_argument("--json", action="store_true", help="one line of JSON (pinaflux.demo/1) instead of the table")
    parser.add_argument("--seconds", type=float, default=60, help="how long to feed readings (default 60, at least 20)")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="keep the working directory and name it")
    arguments = parser.parse_args()
    if arguments.seconds < 20:
        parser.error("--seconds must be at least 20: the outages and kills need their time")
    directory = tempfile.mkdtemp(prefix="pinaflux-demo.")
    os.chmod(directory, 0o755)
    screen = Screen(arguments.json)
    demo = Demonstration(arguments.build, directory, arguments.seconds, screen)
    try:
        with demo.stack:
            result = demo.run()
            if arguments.json:
                print(json.dumps(result))
            else:
                screen.table(result)
                query, rows = last_rows(demo.collector.database, "line/press")
                print(f"\nsqlite3 landed.db '{query}'")
                for row in rows:
                    print("    " + " | ".join(map(str, row)))
        ok = result["lost"] == 0 and result["duplicates"] == 0 and result["verified"] and not result["errors"]
        return 0 if ok else 1
    except (TimeoutError, AssertionError, FileNotFoundError) as error:
        print(f"\nconfig/demo/run: {error}\n--- agent\n{demo.agent.tail()}\n--- collector\n{demo.collector.tail()}", file=sys.stderr)
        return 1
    finally:
        if arguments.keep:
            print(f"kept: {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
