"""What others than our collector receive: JSON read by Node's mqtt package, line protocol by an InfluxDB server."""

import itertools
import json
import os
import pathlib
import shutil
import urllib.parse
import urllib.request

import cases
from feed import HttpFeeder, readings
from mqtt import Subscriber
from services import Service, free_port, wait_for

HERE = pathlib.Path(__file__).resolve().parent
NODE_PATHS = "/usr/share/nodejs:/usr/lib/nodejs:/usr/share/javascript"


def _start(path, more):
    path.agent.write_configuration(path.configuration(path.sources).replace("ack: collector", "batch_age: 200ms, " + more))
    path.local.start()
    path.upstream.start()


def _feed(path, feeder, rows, count):
    for _ in range(count):
        batch = [path.ledger.take(next(rows)) for _ in range(50)]
        assert feeder.post([text for _, text in batch])
        path.ledger.acknowledge(number for number, _ in batch)


def json_by_node(place, path, shape, gzip="false"):
    """Every record is read, with its values; what comes twice, for the agent was killed, is known by its name."""
    if not shutil.which("node") or not pathlib.Path("/usr/share/nodejs/mqtt").is_dir():
        raise cases.Skip("node-mqtt is not installed: toolchains/setup --with-tests installs it")
    _start(path, f'format: json, json: {shape}, gzip: {gzip}, topic: "plant/{{gateway}}/{{lane}}/{{stream}}"')
    read = place.path("read.ndjson")
    node = place.keep(Service("node", place.directory, ["node", HERE / "consumer.js", path.upstream.port, "plant/#", read],
                              environment={"NODE_PATH": NODE_PATHS}))
    node.start()
    wait_for("the consumer to subscribe", lambda: read.exists() and "subscribed" in read.read_text())
    path.agent.start()
    feeder, rows = HttpFeeder(path.http_port, "/ingest/press"), itertools.cycle(readings()["meter"])
    fed = []
    keep = lambda: fed.append(next(rows)) or fed[-1]  # noqa: E731
    source = iter(keep, None)
    _feed(path, feeder, source, 10)
    path.agent.kill()
    path.agent.start()
    _feed(path, feeder, source, 10)
    path.upstream.stop()
    _feed(path, feeder, source, 10)
    path.upstream.start()
    wait_for("the queue to be empty", lambda: path.agent.queued() == 0, 60)

    def records():
        lines = [json.loads(line) for line in read.read_text().splitlines()]
        return [line for line in lines if "record" in line]

    wait_for("everything to be read", lambda: len({r["record"]["id"] for r in records()}) == path.ledger.produced, 30)
    named = {}
    for line in records():
        record = line["record"]
        assert line["topic"] == "plant/gate/normal/line/press", line
        name = (record["_gateway"], record["_epoch"], record["_lane"], record["_seq"])
        assert named.setdefault(name, record) == record, (record, named[name])
    ids = [record["id"] for record in named.values()]
    assert len(ids) == len(set(ids)) == path.ledger.produced, (len(ids), len(set(ids)), path.ledger.produced)
    for record in named.values():
        assert {key: record[key] for key in fed[record["id"] - 1]} == fed[record["id"] - 1], record
    status = path.agent.status()["uplink"]
    assert status["state"] == "working" and status["text"] == "", status


class Influx(Service):
    def __init__(self, place):
        self.port = free_port()
        directory = pathlib.Path(place.directory) / "influx"
        directory.mkdir()
        configuration = directory / "influxdb.conf"
        configuration.write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n'
            f'[meta]\ndir = "{directory}/meta"\n[data]\ndir = "{directory}/data"\nwal-dir = "{directory}/wal"\n'
            f'[http]\nbind-address = "127.0.0.1:{self.port}"\nlog-enabled = false\n')
        super().__init__("influxd", directory, ["influxd", "-config", configuration])

    def ask(self, path, body=None, **query):
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=20) as answer:
            return answer.read()

    def up(self):
        try:
            self.ask("/ping")
            return True
        except OSError:
            return False


def _bridge(place, path, influx, refused):
    """Hands over to InfluxDB what comes to the broker, as it is."""
    _start(path, 'format: influx, topic: "influx/{gateway}"')

    def hand_over(topic, payload):
        try:
            influx.ask("/write", payload, db="plant")
        except OSError as error:
            refused.append((error, payload[:500]))

    reader = Subscriber(path.upstream.port, "bridge", "influx/#", hand_over)
    place.stack.callback(reader.close)
    wait_for("the bridge to subscribe", lambda: reader.connection and reader.connection.alive)


def lines_by_influxdb(place, path, posted):
    """InfluxDB takes every message as it is, from a bridge or posted by us, and has every value; a repeated point is the
    same point."""
    if not shutil.which("influxd"):
        raise cases.Skip("influxdb is not installed: toolchains/setup --with-tests installs it")
    influx = place.keep(Influx(place))
    influx.start()
    wait_for("InfluxDB to answer", influx.up, 60)
    influx.ask("/query", b"", q="CREATE DATABASE plant")
    refused = []
    if posted:
        text = path.configuration(path.sources)
        path.agent.write_configuration(text[:text.index("uplink:")] + (
            f'uplink: {{broker: "http://127.0.0.1:{influx.port}/write?db=plant&precision=ns", format: influx, gzip: true, '
            "batch_age: 200ms, back_off_max: 1s}\n"))
    else:
        _bridge(place, path, influx, refused)
    path.agent.start()
    feeder = HttpFeeder(path.http_port, "/ingest/press")
    # A point is its series and its time: each of ours has a time of its own.
    made = ({"ts": 1_700_000_000_000 + n, "temp": 20 + n / 8, "on": n % 2 == 0, "text": f'a "{n}" \\ b, c=d', "count": n, "big": 2**63 + n} for n in itertools.count())
    fed = []
    source = iter(lambda: fed.append(next(made)) or fed[-1], None)
    _feed(path, feeder, source, 5)
    path.agent.kill()
    path.agent.start()
    _feed(path, feeder, source, 5)
    if posted:
        influx.stop()
        _feed(path, feeder, source, 5)
        influx.start()
    wait_for("the queue to be empty", lambda: path.agent.queued() == 0, 60)

    def points():
        answer = json.loads(influx.ask("/query", q='SELECT * FROM "line/press"', db="plant", epoch="ns"))
        series = answer["results"][0].get("series")
        return [dict(zip(series[0]["columns"], row)) for row in series[0]["values"]] if series else []

    def landed():
        return {point["id"] for point in points()} if not refused else True

    wait_for("every point to be there", lambda: landed() is True or len(landed()) >= path.ledger.produced, 30)
    assert not refused, refused[0]
    for point in points():
        row = fed[int(point["id"]) - 1]
        for key in ("temp", "on", "text", "count"):
            assert point[key] == row[key], (point, row)
