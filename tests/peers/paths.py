"""The paths that tests/peers compares: each a gateway, a relay that counts and cuts, a cloud broker with TLS, a receiver.

    pinaflux                 producer -MQTT-> local mosquitto --> agent -relay, TLS-> cloud broker --> collector --> SQLite
    pinaflux_broker_killed   the same; the local mosquitto has persistence, as the bridge, and is killed with the agent
    pinaflux_http            producer -HTTP-> agent -relay, TLS-> cloud broker --> collector --> SQLite
    mosquitto                producer -MQTT-> mosquitto with a bridge -relay, TLS-> cloud broker --> mosquitto_sub --> a file
    mosquitto_default        the same; it saves its queue when mosquitto does by default
"""

import collections
import contextlib
import json
import pathlib
import socket
import sqlite3
import subprocess

import landed
from certificates import Authority
from load import Account, HttpProducer, MqttProducer
from relay import Relay
from services import Agent, Collector, Mosquitto, Service, free_port, mosquitto_program, wait_for

AUTOSAVE_CAREFUL = 1     # Seconds between two saves of the bridge's queue: what one who cares would write.
AUTOSAVE_DEFAULT = 1800  # What mosquitto does when nobody writes anything.

# Packet ids have 16 bits: a backlog must not be in flight as a whole.
IN_FLIGHT = "max_inflight_messages 1000\n"

BRIDGE = """
autosave_interval {autosave}
connection cloud
address 127.0.0.1:{relay}
topic # out 1
cleansession false
restart_timeout 1 1
bridge_cafile {ca}
"""

AGENT = """
pinaflux: 1
gateway: {{id: gate}}
spool: {{path: {directory}/spool, size_max: 1GiB}}
sources:
  line: {{{source}, time: {{field: ts, unit: ms}}}}
lanes:
  normal: {{from: [line]}}
uplink: {{type: mqtt, broker: "tls://127.0.0.1:{relay}", ca: {ca}, ack: collector, back_off_max: 1s}}
"""

# Rows of a table: two look-ups in its index, no scan.
LANDED = 'SELECT coalesce((SELECT max(_id) FROM "{table}") - (SELECT min(_id) FROM "{table}") + 1, 0)'


def first_line(*command):
    """Of what a program says of itself."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=20, check=False)
    return (done.stdout.splitlines() or ["unknown"])[0].strip()


class Path:
    """`gateway`: what runs at the gateway, `victim` of them the one that is killed; `far`: what runs in the cloud."""

    producer_class = MqttProducer

    def __init__(self, directory, payloads):
        self.directory = pathlib.Path(directory)
        self.payloads = payloads
        self.stack = contextlib.ExitStack()
        authority = Authority(self.directory / "ca")
        self.ca = authority.certificate
        certificate, key = authority.issue("cloud")
        tls = free_port()
        self.cloud = self.keep(Mosquitto("cloud", directory, extra=IN_FLIGHT + (
            f"listener {tls} 127.0.0.1\ncafile {self.ca}\ncertfile {certificate}\nkeyfile {key}\n")))
        self.relay = Relay(tls)
        self.stack.callback(self.relay.close)
        self.account = Account(len(payloads))
        self.producer = None

    def keep(self, service):
        self.stack.callback(service.end)
        return service

    @property
    def services(self):
        return (*self.gateway, *self.far)

    def measure(self):
        for service in self.services:
            service.measure()

    def start(self):
        self.cloud.start()
        self.start_receiver()
        self.start_gateway()
        self.producer = self.producer_class(self.port, self.payloads, self.account)
        self.stack.callback(self.producer.close)

    def kill(self):
        self.victim.kill()

    def revive(self):
        self.victim.start()

    def cut(self):
        """Nobody listens any more. A relay that accepts and closes makes mosquitto 2.0.11 fail within TLS, and then its
        keepalive list may become a ring that it walks for ever: it would be compared while it hangs."""
        self.relay.listener.shutdown(socket.SHUT_RDWR)  # What waits in accept() wakes up.
        self.relay.close()

    def heal(self):
        before, self.relay = self.relay, Relay(self.relay.target_port, self.relay.port)
        self.relay.sent, self.relay.received = before.sent, before.received
        self.stack.callback(self.relay.close)


class Pinaflux(Path):
    local_options = {}

    def __init__(self, directory, payloads, build):
        super().__init__(directory, payloads)
        self.program = pathlib.Path(build) / "pinaflux"
        before, source = self.ingest()
        self.agent = self.victim = self.keep(Agent(directory, self.program, AGENT.format(
            directory=directory, source=source, relay=self.relay.port, ca=self.ca)))
        self.collector = self.keep(Collector(directory, pathlib.Path(build) / "pinaflux-collector", self.cloud.port))
        self.gateway, self.far = (*before, self.agent), (self.cloud, self.collector)
        self.database = None

    def ingest(self):
        """(what runs before the agent, the agent's source)."""
        self.local = self.keep(Mosquitto("local", self.directory, **self.local_options))
        self.port = self.local.port
        return (self.local,), f'type: mqtt, broker: "tcp://127.0.0.1:{self.port}", topics: ["peers/#"]'

    def version(self):
        return first_line(self.program, "version")

    def start_receiver(self):
        self.collector.start()

    def start_gateway(self):
        for service in self.gateway:
            service.start()
        wait_for("the agent to work", self._works, 30)

    def _works(self):
        status = self.agent.status()
        return status and status["uplink"]["state"] == "working" and all(
            source["state"] == "working" for source in status["sources"])

    def revive(self):
        self.agent.start(wait=False)

    def landed_now(self):
        """Rows in the table, by its first and last number: no scan."""
        try:
            if self.database is None:
                self.database = sqlite3.connect(f"file:{self.collector.database}?mode=ro", uri=True)
                self.stack.callback(self.database.close)
            return sum(self.database.execute(LANDED.format(table=table)).fetchone()[0]
                       for table, _ in landed.streams(self.database))
        except sqlite3.Error:
            return 0

    def nothing_waits(self):
        return self.agent.queued() == 0

    def counts(self):
        """{id: how often it landed}"""
        return landed.ids(self.collector.database)

    def verified(self):
        """What the collector's own proof of completeness says."""
        return self.collector.verify()[0] == 0


class PinafluxBrokerKilled(Pinaflux):
    """What was acknowledged to the producer and was not yet acknowledged by the agent dies with the local broker. It saves
    its sessions: one that had forgotten the agent's would throw away all that comes until the agent is back."""

    local_options = {"persistence": True, "extra": f"autosave_interval {AUTOSAVE_CAREFUL}\n"}

    def kill(self):
        self.local.kill()
        self.agent.kill()

    def revive(self):
        self.local.start()
        self.agent.start(wait=False)


class PinafluxHttp(Pinaflux):
    producer_class = HttpProducer

    def ingest(self):
        self.port = free_port()
        return (), f'type: http, listen: "tcp://127.0.0.1:{self.port}", format: ndjson'


class Bridge(Path):
    def __init__(self, directory, payloads, autosave):
        super().__init__(directory, payloads)
        self.bridge = self.victim = self.keep(Mosquitto("bridge", directory, persistence=True, extra=IN_FLIGHT + BRIDGE.format(
            autosave=autosave, relay=self.relay.port, ca=self.ca)))
        self.port = self.bridge.port
        self.receiver = self.keep(Service("receiver", directory, [  # Its output is its log.
            "mosquitto_sub", "-p", self.cloud.port, "-V", "mqttv311", "-q", "1", "-c", "-i", "receiver", "-t", "peers/#"]))
        self.gateway, self.far = (self.bridge,), (self.cloud, self.receiver)
        self.lines = self.place = 0

    def version(self):
        return first_line(mosquitto_program(), "-h")

    def start_receiver(self):
        self.receiver.start()

    def start_gateway(self):
        self.bridge.start()
        wait_for("the bridge to connect", lambda: self.relay.received > 1000, 30)

    def landed_now(self):
        with open(self.receiver.log, "rb") as file:
            file.seek(self.place)
            while data := file.read(1 << 20):
                self.lines += data.count(b"\n")
                self.place += len(data)
        return self.lines

    def nothing_waits(self):
        return self.lines >= sum(self.account.acknowledged)

    def counts(self):
        with open(self.receiver.log, "rb") as file:
            return collections.Counter(json.loads(line)["id"] for line in file if line.startswith(b"{"))

    def verified(self):
        return None  # It has nothing to say of what it lost.


PATHS = {
    "pinaflux": lambda directory, payloads, build: Pinaflux(directory, payloads, build),
    "pinaflux_broker_killed": lambda directory, payloads, build: PinafluxBrokerKilled(directory, payloads, build),
    "pinaflux_http": lambda directory, payloads, build: PinafluxHttp(directory, payloads, build),
    "mosquitto": lambda directory, payloads, build: Bridge(directory, payloads, AUTOSAVE_CAREFUL),
    "mosquitto_default": lambda directory, payloads, build: Bridge(directory, payloads, AUTOSAVE_DEFAULT),
}
