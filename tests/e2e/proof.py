"""Nobody between gateway and collector can delete, forge or answer: the attacker here is the broker itself."""

import subprocess
import threading

import landed
from feed import HttpFeeder
from mqtt import Publisher, Subscriber
from services import wait_for


class Attacker:
    """Reads everything that passes the broker, and writes whatever it likes."""

    def __init__(self, port):
        self.seen, self.lock = [], threading.Lock()
        self.subscriber = Subscriber(port, "attacker-in", "pinaflux/#", self._take, clean=True)
        self.publisher = Publisher(port, "attacker-out", lambda tag: None)
        wait_for("the attacker to listen", lambda: self.subscriber.connection and self.subscriber.connection.alive)

    def _take(self, topic, payload):
        with self.lock:
            self.seen.append((topic, payload))

    def heard(self, leaf):
        with self.lock:
            return [payload for topic, payload in self.seen if f"/gate/{leaf}" in topic]

    def say(self, leaf, payload):
        self.publisher.publish(f"pinaflux/gate/{leaf}", payload, leaf)
        assert self.publisher.drain()

    def close(self):
        self.subscriber.close()
        self.publisher.close()


def pairs(payload):
    """The pairs of a line, and those of its first line only."""
    return dict(pair.split("=", 1) for pair in payload.split(b"\n", 1)[0].decode().split(" ")[1:])


def write_key(folder, name, text):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text)
    file.chmod(0o600)
    return file


def check(place, make_path, feed, http, command):
    keys = place.path("keys")
    write_key(keys / "gate", "link", "k" * 32)
    key = write_key(place.path("gateway"), "link.key", "k" * 32)
    path = make_path(place, http, more=f"keys: {{link: {{file: {key}}}}}\n", collector_options=["--keys", keys])
    path.agent.write_configuration(path.configuration(http).replace("ack: collector", "ack: collector, mac: link, batch_age: 100ms"))
    path.start()
    attacker = Attacker(path.upstream.port)
    place.stack.callback(attacker.close)
    feeder = HttpFeeder(path.http_port, "/ingest/press")
    feed(path, feeder, 200)
    path.settle()
    command(place, "test", "uplink", "--config", path.agent.configuration)

    # While the collector is away the broker answers in its place. The numbers fit, and the hash.
    assert path.collector.stop() == 0
    before = len(attacker.heard("data/"))
    feed(path, feeder, 100)
    envelope = wait_for("the next envelope", lambda: attacker.heard("data/")[before:])[-1]
    its = pairs(envelope)
    ack = "pinaflux-ack/1 g={g} l={l} e={e} high={high} h={h}".format(high=its["s"].split("-")[1], **its)
    for forged in (f"{ack}\n", f"{ack} mac={its['mac']}\n", f"{ack} mac=link:AAAAAAAAAAAAAAAAAAAAAA\n"):
        rejected = path.agent.status()["uplink"]["acks_rejected"]
        attacker.say("ack", forged.encode())
        status = wait_for("the forged ack to be refused", lambda: (s := path.agent.status()["uplink"])
                          and s["acks_rejected"] > rejected and s)
        assert "nobody proves to be the collector's" in status["text"], status
    assert path.agent.queued() >= 100
    path.collector.start()
    result = path.settle()
    assert result["landed"] == path.ledger.produced == 300, result

    # It writes in the gateway's name: without a MAC, with another's, with what was sent and changed.
    line, frame = envelope.split(b"\n", 1)
    bare = line.rsplit(b" mac=", 1)[0]
    number = int(its["s"].split("-")[1])
    moved = bare.replace(its["s"].encode(), f"{number + 1}-{number + 100}".encode())
    messages = [("data/normal", bare + b"\n" + frame), ("data/normal", moved + b" mac=" + its["mac"].encode() + b"\n" + frame),
                ("data/normal", line + b"\n" + frame[:-1] + bytes([frame[-1] ^ 1])),
                ("hello", f"pinaflux-hello/1 g=gate l=normal,{its['e']},1,99999999\n".encode())]
    rows = landed.rows(path.collector.database)
    for leaf, payload in messages:
        attacker.say(leaf, payload)
    wait_for("all of it to be refused", lambda: path.collector.log.read_text().count("a message was refused") >= len(messages))
    refused = path.collector.log.read_text()
    assert "reason=no_mac" in refused and "reason=wrong_mac" in refused, refused
    assert landed.rows(path.collector.database) == rows
    path.check()

    # Another key at the collector, read on SIGHUP: nothing lands, and both sides say why. Then the right one again.
    write_key(keys / "gate", "link", "x" * 32)
    path.collector.process.send_signal(1)
    wait_for("the keys to be read", lambda: path.collector.log.read_text().count("proved by their keys") == 3)
    feed(path, feeder, 50)
    wait_for("the collector to refuse", lambda: path.collector.log.read_text().count("reason=wrong_mac") > refused.count("reason=wrong_mac"))
    assert landed.rows(path.collector.database) == rows
    tested = subprocess.run([*place.prefix, place.agent_program, "test", "uplink", "--config", path.agent.configuration],
                            capture_output=True, text=True, timeout=120)
    assert tested.returncode == 69 and "uplink.mac" in tested.stdout, tested
    write_key(keys / "gate", "link", "k" * 32)
    path.collector.process.send_signal(1)
    wait_for("the keys to be read again", lambda: path.collector.log.read_text().count("proved by their keys") == 4)
    path.agent.kill()  # Else it waits for half a minute for what was refused.
    path.agent.start()
    result = path.settle()
    assert result["landed"] == path.ledger.produced == 350, result
