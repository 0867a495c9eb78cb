"""What a stream's records have is told on its topic, retained: who comes late reads it; a change is told, a restart repeats it."""

import json
import threading

from feed import HttpFeeder
from mqtt import Subscriber
from services import wait_for

MORE = ("  checked: {from: [held]}\n"
        "pipeline:\n"
        "  held: {from: line, schema: {fields: [{name: v, type: float, unit: C}]}}\n")
TOPIC = "pinaflux/gate/schema/line/press"


class Reader:
    def __init__(self, port, name):
        self.lock, self.seen = threading.Lock(), []
        self.subscriber = Subscriber(port, name, "pinaflux/+/schema/#", self._take, clean=True)

    def _take(self, topic, payload):
        with self.lock:
            self.seen.append((topic, json.loads(payload)))

    def versions(self):
        with self.lock:
            return [schema["version"] for topic, schema in self.seen if topic == TOPIC]

    def last(self):
        with self.lock:
            return self.seen[-1][1]

    def close(self):
        self.subscriber.close()


def are_announced(place, path):
    path.start()
    feeder = HttpFeeder(path.http_port, "/ingest/press")
    assert feeder.post([b'{"v":1}'])
    early = Reader(path.upstream.port, "early")
    wait_for("the schema to be told", lambda: early.versions())
    first = early.versions()[-1]
    assert feeder.post([b'{"v":2,"mode":"auto"}'])
    wait_for("the new field to be told", lambda: early.versions()[-1] > first)
    schema = early.last()
    assert schema["schema"] == "pinaflux.stream/1" and schema["gateway"] == "gate" and schema["node"] == "held", schema
    assert [(f["name"], f["type"], f["declared"]) for f in schema["fields"]] == [("v", "float", True), ("mode", "text", False)], schema
    assert schema["fields"][0]["unit"] == "C" and schema["more"] == 0, schema
    late = Reader(path.upstream.port, "late")
    wait_for("one that comes late to read it", lambda: late.versions() == early.versions()[-1:])
    late.close()
    told = len(early.versions())
    path.agent.kill()
    path.agent.start()
    wait_for("it to be told again after a start", lambda: len(early.versions()) > told)
    assert early.last() == schema, early.last()
    early.close()
    status, report = path.collector.verify()
    assert status == 0, report
