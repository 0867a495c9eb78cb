"""The storm's world: gateways behind a fault proxy, a broker that forgets, a collector that dies before it answers.

    feeder -> agent --tls--> FaultProxy -> mosquitto <- FaultProxy <--tls-- collector
    (one of each for a gateway)               ^
                                        Echo, who publishes again what it overheard

The truth is what each agent has answered for: `acknowledged` of its Gateway."""

import contextlib
import json
import random
import sqlite3
import threading
import time

from certificates import Authority
from fault_proxy import Fault, FaultProxy
from feed import HttpFeeder, paced
from mqtt import Publisher, Subscriber
from services import Agent, Collector, Mosquitto, answers, free_port, wait_for

BACKLOG = 3000       # Records of each gateway before there is a broker: what memory it takes to send them is taken then.
BATCH = 10           # Records of a post.
POSTS_PER_S = 2      # Of each gateway.
SPOOL = "64MiB"      # Far more than a storm brings: nothing is ever given up.


def _guarded(who, run):
    """A thread's body: what ends it is told by World.check()."""
    try:
        run()
    except Exception as error:
        who.error = error


class Gateway:
    """An agent with an HTTP source, and the feeder that posts record after record, each until it is answered."""

    def __init__(self, place, name, uplink, running):
        self.name, self.running = name, running
        self.acknowledged = 0  # Records 1 to this: posted, and answered for.
        self.error = None
        self.port = free_port()
        text = (f"pinaflux: 1\ngateway: {{id: {name}, clock: plausible}}\n"
                f"spool: {{path: {place.path(name, 'spool')}, size_max: {SPOOL}}}\n"
                f"sources:\n  line: {{type: http, listen: \"tcp://127.0.0.1:{self.port}\", format: ndjson}}\n"
                f"lanes:\n  normal: {{from: [line]}}\n{uplink}")
        self.agent = place.keep(Agent(place.directory, place.agent_program, text, name=name))
        self.thread = threading.Thread(target=_guarded, args=(self, self._feed), daemon=True)

    def _feed(self):
        feeder = HttpFeeder(self.port, "/ingest/press", name=self.name, timeout=HttpFeeder.PATIENCE, keyed=False)
        while self.running.is_set() and self.acknowledged < BACKLOG:
            self._post(feeder, 100)
        for _ in paced(POSTS_PER_S, self.running.is_set):
            self._post(feeder, BATCH)

    def _post(self, feeder, count):
        numbers = range(self.acknowledged + 1, self.acknowledged + 1 + count)
        lines = [json.dumps({"gateway": self.name, "n": n, "value": n % 97 / 8}).encode() for n in numbers]
        if feeder.post(lines, until=lambda: not self.running.is_set() and not self.agent.running()):
            self.acknowledged += count

    def resident_kb(self):
        with open(f"/proc/{self.agent.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


class Echo:
    """Overhears what is sent to the collector now and then, and publishes it once more, later and in no order."""

    def __init__(self, port, rng):
        self.port, self.rng = port, rng
        self.published = 0
        self.said = set()
        self.error = None
        self.closed = threading.Event()
        self.thread = threading.Thread(target=_guarded, args=(self, self._run), daemon=True)

    def _confirmed(self, _):
        self.published += 1

    def _run(self):
        publisher = Publisher(self.port, "echo", self._confirmed)
        while not self.closed.is_set():
            heard = self._overhear()
            self.rng.shuffle(heard)
            for topic, payload in heard:
                publisher.publish(topic, payload, None)
                self.closed.wait(0.05)
            publisher.drain(5)
            self.closed.wait(2)
        publisher.close()

    def _overhear(self):
        """Up to ten envelopes of one second, none of them our own."""
        heard = []

        def message(topic, payload):
            if len(heard) < 10 and hash(payload) not in self.said:
                self.said.add(hash(payload))
                heard.append((topic, payload))

        # A session that ends with the connection: the broker is not to count a subscriber who is away.
        subscriber = Subscriber(self.port, "overhears", "pinaflux/+/data/+", message, clean=True)
        self.closed.wait(1)
        subscriber.close()
        return heard

    def close(self):
        self.closed.set()
        self.thread.join()


def gateway_faults(rng):
    """One connection in seven ends within its handshake or before it was greeted; the others carry something first."""
    def plan():
        kind = rng.choices(("cut", "reset", "stall", "half_open", "trickle", "unanswered"), (28, 28, 7, 7, 8, 22))[0]
        fault = Fault(kind, seconds=rng.uniform(0.05, 0.6), into=rng.randint(1, 400))
        if kind in ("cut", "reset") and rng.random() < 0.25:
            fault.bytes = rng.randint(1, 1200)
        if kind in ("stall", "half_open"):
            fault.hold, fault.far_stays = rng.uniform(0.3, 2.0), rng.random() < 0.5
            if rng.random() < 0.1:
                fault.hold = 20.0  # Until the keep-alive finds out.
        if kind == "trickle":
            fault.seconds, fault.bytes = 4.0, rng.randint(100, 3000)
        return fault
    return plan


def collector_faults(rng):
    def plan():
        kind = rng.choice(("cut", "reset", "stall", "half_open", "unanswered"))
        return Fault(kind, seconds=rng.uniform(2, 8), into=rng.randint(1, 400), hold=rng.uniform(0.3, 2.0),
                     far_stays=rng.random() < 0.5)
    return plan


class World:
    def __init__(self, place, gateways, seed):
        self.place, self.rng = place, random.Random(seed)
        self.running = threading.Event()
        self.restarts = {"kept": 0, "stale": 0, "removed": 0}
        self.kills = {"before_ack": 0, "other": 0}
        tls_port = free_port()
        authority = Authority(place.path("ca"))
        certificates = {name: authority.issue(name) for name in ("server", "gateway", "collector")}
        served = (f"listener {tls_port} 127.0.0.1\ncafile {authority.certificate}\ncertfile {certificates['server'][0]}\n"
                  f"keyfile {certificates['server'][1]}\nrequire_certificate true\nautosave_interval 5\n")
        self.broker = place.keep(Mosquitto("broker", place.directory, persistence=True, extra=served))
        self.gateway_link = FaultProxy(tls_port, gateway_faults(random.Random(self.rng.random())))
        self.collector_link = FaultProxy(tls_port, collector_faults(random.Random(self.rng.random())))
        for link in self.links:
            place.stack.callback(link.close)
        self.collector = place.keep(Collector(
            place.directory, place.collector_program, self.collector_link.port, scheme="tls",
            options=["--ca", authority.certificate, "--certificate", certificates["collector"][0],
                     "--key", certificates["collector"][1]]))
        uplink = (f"uplink: {{type: mqtt, broker: \"tls://127.0.0.1:{self.gateway_link.port}\", ca: {authority.certificate}, "
                  f"certificate: {certificates['gateway'][0]}, key: {certificates['gateway'][1]}, ack: collector, "
                  f"back_off_max: 1s, keep_alive: 5s, batch_age: 100ms}}\n")
        self.gateways = [Gateway(place, f"g{n:02d}", uplink, self.running) for n in range(1, gateways + 1)]
        self.echo = Echo(self.broker.port, random.Random(self.rng.random()))

    @property
    def links(self):
        return self.gateway_link, self.collector_link

    @property
    def cuts(self):
        return sum(link.cuts for link in self.links)

    @property
    def truth(self):
        return {gateway.name: gateway.acknowledged for gateway in self.gateways}

    def start(self):
        """Agents first: each has a backlog when the broker comes."""
        self.running.set()
        for gateway in self.gateways:
            gateway.agent.start(wait=False)
        for gateway in self.gateways:
            wait_for(f"{gateway.name} to start", lambda: answers(gateway.port) or not gateway.agent.running(), 60)
            gateway.thread.start()
            self.place.stack.callback(gateway.thread.join)
        self.place.stack.callback(self._leave)  # Before their threads are waited for.
        wait_for("the backlog", self._backlog, 120, 0.1)
        self.broker.start()
        self.collector.start()
        self.echo.thread.start()
        self.place.stack.callback(self.echo.close)

    def _leave(self):
        """All agents end at the same time: one after the other takes long."""
        self.running.clear()
        for gateway in self.gateways:
            gateway.thread.join()
            if gateway.agent.running():
                gateway.agent.process.terminate()

    def _backlog(self):
        self.check()
        return all(gateway.acknowledged >= BACKLOG for gateway in self.gateways)

    def check(self):
        """Raises when something has stopped that nobody here has stopped: then there is no storm any more."""
        for service in (self.broker, self.collector):
            assert service.starts == 0 or service.running(), f"{service.name} ended:\n{service.tail()}"
        for gateway in self.gateways:
            if gateway.error is not None:
                raise gateway.error
            assert gateway.agent.running(), f"{gateway.name} ended:\n{gateway.agent.tail()}"
        assert all(link.thread.is_alive() for link in self.links), "the proxy's thread has ended"
        if self.echo.error is not None:
            raise self.echo.error

    def resident_kb(self):
        return sum(gateway.resident_kb() for gateway in self.gateways)

    def restart_broker(self, memory):
        """kept: it has saved all that it knew. stale: what it saved up to five seconds ago. removed: nothing."""
        if memory == "kept":
            self.broker.stop()
        else:
            self.broker.kill()
        if memory == "removed":
            (self.broker.directory / "mosquitto.db").unlink(missing_ok=True)
        time.sleep(self.rng.uniform(0, 0.5))
        self.broker.start()
        self.restarts[memory] += 1

    def kill_collector(self):
        """Kills it when it has committed and, by the proxy's doing, nobody has heard of that; where no commit comes
        (its link may be down), at any moment."""
        with self._database() as database:
            held = self.collector_link.hold_answers()
            before = self._version(database)
            try:
                wait_for("a commit", lambda: self._version(database) != before or not self.collector_link.holds(held), 5, 0.002)
            except TimeoutError:
                pass
            committed = self._version(database) != before
        in_time = committed and self.collector_link.holds(held)
        self.collector.kill()
        self.kills["before_ack" if in_time else "other"] += 1
        self.collector_link.reset_all()
        time.sleep(self.rng.uniform(0, 0.5))
        self.collector.start()

    def _database(self):
        connection = sqlite3.connect(f"file:{self.collector.database}?mode=ro", uri=True, timeout=30)
        return contextlib.closing(connection)

    @staticmethod
    def _version(database):
        return database.execute("PRAGMA data_version").fetchone()[0]  # Changes with each commit of another.

    def calm(self):
        """The storm ends: the links heal, and no feeder posts any more."""
        for link in self.links:
            link.heal()
        self.echo.close()
        self.running.clear()
        for gateway in self.gateways:
            gateway.thread.join()
        self.check()

    def drained(self):
        self.check()
        return all(gateway.agent.queued() == 0 for gateway in self.gateways)
