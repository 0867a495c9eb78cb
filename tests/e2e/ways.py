"""Lanes that leave by uplinks of their own: to two receivers, and by two ways to one."""

import sqlite3
import subprocess
import types

import landed
from feed import HttpFeeder, Ledger
from services import Collector, free_port, wait_for

DOOR = '  door: {type: http, listen: "tcp://127.0.0.1:@DOOR@", format: ndjson, time: {field: ts, unit: ms}}\n'


def ids_of(databases, lane):
    """{id: how often it landed} of a lane, over some databases."""
    counts = {}
    for database in databases:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
        for table, columns in landed.streams(connection):
            if "id" in columns:
                for (number,) in connection.execute(f'SELECT id FROM "{table}" WHERE id IS NOT NULL AND _lane = ?', (lane,)):
                    counts[number] = counts.get(number, 0) + 1
        connection.close()
    return counts


class Ways:
    """Readings of two sources in two lanes; alarms leave by HTTP."""

    def __init__(self, place, path, feed):
        self.place, self.path, self.feed = place, path, feed
        self.second_port, self.door_port = free_port(), free_port()
        self.alarms = types.SimpleNamespace(ledger=Ledger())
        self.normal_feeder = HttpFeeder(path.http_port, "/ingest/press")
        self.alarm_feeder = HttpFeeder(self.door_port, "/ingest/door")

    def configuration(self, alarm_uplink="second"):
        text = self.path.configuration(self.path.sources).replace(
            "lanes:\n", DOOR.replace("@DOOR@", str(self.door_port)) + "lanes:\n").replace(
            "uplink:", "  alarm: {from: door%s}\nuplink:" % (f", uplink: {alarm_uplink}" if alarm_uplink else ""))
        if alarm_uplink:
            text += f'uplinks: {{second: {{broker: "http://127.0.0.1:{self.second_port}", back_off_max: 1s}}}}\n'
        return text

    def feed_both(self, count=300):
        self.feed(self.path, self.normal_feeder, count)
        self.feed(self.alarms, self.alarm_feeder, count)

    def landed(self, lane, ledger, *databases):
        wait_for(f"lane {lane} to land", lambda: not ledger.acknowledged - ids_of(databases, lane).keys(), 60, 0.2)
        twice = [number for number, count in ids_of(databases, lane).items() if count > 1]
        assert not twice, (lane, twice[:5])

    def uplink(self, name):
        status = self.path.agent.status()
        return next(u for u in status["uplinks"] if u["name"] == name)


def to_two_receivers(place, path, feed):
    """While one receiver is down the other's lane goes on; a lane that is given another way goes on there."""
    ways = Ways(place, path, feed)
    second = place.keep(Collector(place.directory, place.collector_program, None, name="second",
                                  options=["--http", f"tcp://127.0.0.1:{ways.second_port}"]))
    path.agent.write_configuration(ways.configuration())
    second.start()
    path.start()
    first_database = path.collector.database

    def both():
        ways.landed("normal", path.ledger, first_database)
        ways.landed("alarm", ways.alarms.ledger, second.database)

    ways.feed_both()
    both()
    assert ways.uplink("second")["broker"].startswith("http://"), ways.uplink("second")
    path.upstream.stop()
    ways.feed_both()
    ways.landed("alarm", ways.alarms.ledger, second.database)
    wait_for("the first to be down", lambda: ways.uplink("uplink")["state"] != "working", 30)
    assert ways.uplink("second")["state"] == "working"
    path.agent.kill()
    path.agent.start()
    path.upstream.start()
    second.kill()
    ways.feed_both()
    ways.landed("normal", path.ledger, first_database)
    second.start()
    both()

    # What waits when a lane gets another way leaves by that.
    wait_for("the queue to be empty", lambda: path.agent.queued() == 0, 60)
    second.stop()
    ways.feed_both()
    assert path.agent.stop() == 0
    path.agent.write_configuration(ways.configuration(alarm_uplink=None))
    path.agent.start()
    ways.feed_both()
    ways.landed("alarm", ways.alarms.ledger, first_database, second.database)
    ways.landed("normal", path.ledger, first_database)
    assert [u["name"] for u in path.agent.status()["uplinks"]] == ["uplink"]
    for collector in (path.collector, second):
        status, report = collector.verify()
        assert status == 0, report
    assert path.agent.stop() == 0


def two_ways_to_one(place, path, feed):
    """One collector hears one lane by its broker and another by HTTP, and tells each uplink of its own lanes."""
    ways = Ways(place, path, feed)
    path.collector = place.keep(Collector(place.directory, place.collector_program, path.upstream.port, name="both",
                                          options=["--http", f"tcp://127.0.0.1:{ways.second_port}"]))
    path.agent.write_configuration(ways.configuration())
    path.start()
    database = path.collector.database
    for kill in (path.agent, path.collector, path.agent):
        ways.feed_both()
        kill.kill()
        kill.start()
    ways.feed_both()
    ways.landed("normal", path.ledger, database)
    ways.landed("alarm", ways.alarms.ledger, database)
    wait_for("the queue to be empty", lambda: path.agent.queued() == 0, 60)
    for name in ("uplink", "second"):
        assert ways.uplink(name)["acks_rejected"] == 0, ways.uplink(name)
    status, report = path.collector.verify()
    assert status == 0, report
    for name in ((), ("second",)):
        done = subprocess.run([*place.prefix, place.agent_program, "test", "uplink", *name, "--config", path.agent.configuration],
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and "collector" in done.stdout, done
    assert path.agent.stop() == 0
