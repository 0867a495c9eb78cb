"""The course that every path of tests/peers runs, and what is counted of it.

    steady        the link is up, records at a pace
    kills         the same, and the gateway is killed (SIGKILL) at moments that the seed says
    backlog       the link is cut while records come at the pace, then they come as fast as they are acknowledged
    backlog_kills the link is still cut, records at the pace, the gateway is killed
    drain         nothing comes any more, the link is back: timed from there to the last record that lands
"""

import dataclasses
import random
import threading
import time

from services import wait_for

AWAY_S = 0.5    # A gateway that was killed starts again after this.
POLL_S = 0.02
CALM_S = 2.0    # So long nothing landed although everything has: no duplicates come either.


@dataclasses.dataclass
class Sizes:
    steady_s: int = 10
    kills_s: int = 12
    rate: int = 1000      # Records a second, of the phases with a pace.
    backlog: int = 100_000
    kills: int = 6        # A half while the link is up, the others while it is cut.
    quiet_s: int = 10     # So long nothing landed: nothing more will.
    seed: int = 1

    @property
    def records(self):
        return self.rate * (self.steady_s + 2 * self.kills_s + 1) + self.backlog


class Course:
    def __init__(self, path, sizes, show):
        self.path, self.sizes, self.show = path, sizes, show
        self.rng = random.Random(sizes.seed)  # The same moments for each path.
        self.cpu, self.marked = {}, {}
        self.crashes = 0

    def mark(self, phase):
        """What each process has taken since the last mark."""
        self.supervise()
        self.path.measure()
        now = {service.name: service.cpu_seconds for service in self.path.services}
        self.cpu[phase] = {name: round(seconds - self.marked.get(name, 0), 2) for name, seconds in now.items()}
        self.marked = now

    def run(self):
        path, sizes = self.path, self.sizes
        path.start()
        time.sleep(1)
        self.mark("start")
        self.feed("steady", sizes.steady_s * sizes.rate, sizes.rate)
        self.load_with_kills("kills", (sizes.kills + 1) // 2)
        wait_for("the link to be in use again", lambda: self.settled(2.0), 60)
        self.cut()
        self.feed("backlog", sizes.backlog)
        self.load_with_kills("backlog_kills", sizes.kills // 2)
        drain = self.drain()
        return self.result(drain)

    def supervise(self):
        """A gateway's process that ended by itself starts again, as systemd does it, and is counted."""
        for service in self.path.gateway:
            if not service.running():
                self.crashes += 1
                self.show(f"{service.name} ended by itself, status {service.process.returncode}: {service.tail(1)}")
                service.stop()  # Keeps its accounts as they were read last.
                service.start()

    def feed(self, phase, count, rate=None):
        self.show(f"{phase}: {count} records")
        self.path.producer.start(count, rate)
        self.path.producer.join()
        self.mark(phase)

    def load_with_kills(self, phase, kills):
        sizes, begin = self.sizes, time.monotonic()
        self.show(f"{phase}: {sizes.kills_s * sizes.rate} records, {kills} kills")
        self.path.producer.start(sizes.kills_s * sizes.rate, sizes.rate)
        # Each in a span of its own, so that the gateway is up again before the next.
        span = sizes.kills_s / max(1, kills)
        for n in range(kills):
            at = n * span + self.rng.uniform(0.2, max(0.3, span - AWAY_S - 0.5))
            time.sleep(max(0.0, begin + at - time.monotonic()))
            self.supervise()
            self.path.kill()
            time.sleep(AWAY_S)
            self.path.revive()
        self.path.producer.join()
        self.mark(phase)

    def settled(self, seconds):
        """True once nothing landed for so long."""
        now = self.path.landed_now()
        if now != getattr(self, "_last", None):
            self._last, self._moved = now, time.monotonic()
        return time.monotonic() - self._moved >= seconds

    def cut(self):
        self.show("the link is cut")
        timer = threading.Timer(0.5, self.path.cut)
        timer.start()
        self.path.producer.start(self.sizes.rate, self.sizes.rate)
        self.path.producer.join()
        timer.join()

    def drain(self):
        """{seconds and records from the link's return to the last one}; the accounts are read for the last time when it came."""
        path = self.path
        wait_for("the receiver to rest", lambda: self.settled(1.0), 30)
        before = path.landed_now()
        self.show("the link is back")
        path.heal()
        begin = moved = read = time.monotonic()
        last, first = before, None
        while True:
            self.supervise()
            now, landed = time.monotonic(), path.landed_now()
            if landed != last:
                last, moved, first = landed, now, first or now
            if now - moved < 1.0 and now - read > 0.2:  # The PUBACKs after the last one are a part of it.
                self.path.measure()
                read = now
            calm = path.nothing_waits() if now - moved > CALM_S else False
            if now - moved > (CALM_S if calm else self.sizes.quiet_s):
                break
            time.sleep(POLL_S)
        now = {service.name: service.cpu_seconds for service in path.services}
        self.cpu["drain"] = {name: round(seconds - self.marked[name], 2) for name, seconds in now.items()}
        return {"records": last - before, "seconds": max(POLL_S, moved - begin), "first": (first or begin) - begin}

    def result(self, drain):
        path = self.path
        wire = (path.relay.sent, path.relay.received)  # Before anything is stopped: who leaves says goodbye.
        cpu = {service.name: service.cpu_seconds for service in path.services}
        written, peak = (sum(getattr(service, name) for service in path.gateway) for name in ("written_bytes", "rss_peak_kb"))
        verified = path.verified()
        counts = path.counts()
        found = judge(path.account, counts)
        millions = max(1, found["landed"]) / 1e6
        return {"version": path.version(), **found, "wire_bytes_up": wire[0], "wire_bytes_down": wire[1],
                "written_bytes": written, "peak_kb": peak, "drained": drain["records"],
                "drain_first_s": round(drain["first"], 2), "drain_s": round(drain["seconds"], 2), "drain_per_s": round(drain["records"] / drain["seconds"]),
                "cpu_s_per_million": round(sum(cpu.values()) / millions, 2),
                "gateway_cpu_s_per_million": round(sum(cpu[service.name] for service in path.gateway) / millions, 2),
                "cpu_s": {name: round(seconds, 2) for name, seconds in cpu.items()}, "cpu_s_by_phase": self.cpu,
                "crashes": self.crashes, "verified": verified}


def judge(account, counts):
    """What became of the records: lost are those that were acknowledged and are not there; a duplicate is one more row of a
    record that its producer sent once, resent_duplicates those of records that it had to send again."""
    acknowledged = sum(account.acknowledged)
    lost = sum(1 for number, yes in enumerate(account.acknowledged) if yes and number not in counts)
    twice = [(number, count - 1) for number, count in counts.items() if count > 1]
    known = len(account.sent)
    return {"acknowledged": acknowledged, "landed": len(counts), "lost": lost,
            "duplicates": sum(more for number, more in twice if not (0 <= number < known and account.sent[number] > 1)),
            "resent": sum(1 for count in account.sent if count > 1),
            "resent_duplicates": sum(more for number, more in twice if 0 <= number < known and account.sent[number] > 1),
            "strangers": sum(1 for number in counts if not (0 <= number < known and account.sent[number]))}
