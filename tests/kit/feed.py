"""Readings to feed, and the ledger of what became of them.

Every reading carries `id`, unique over the whole run, and `ts`, when it was made (epoch milliseconds). The ledger
knows each id that was produced and each that its receiver acknowledged; what landed is compared with it."""

import csv
import http.client
import itertools
import json
import math
import pathlib
import random
import threading
import time

SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"


def _number(text):
    if text == "":
        return None
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _recorded(name, rows_max=20000):
    with open(SHARED / name, newline="") as file:
        rows = list(itertools.islice(csv.DictReader(file), rows_max))
    return [{key: _number(text) for key, text in list(row.items())[1:]} for row in rows]


def _made_meter(rows=5000):
    """Without ../shared: a smart meter that drifts, seven fields with one to three decimals."""
    rng, power, made = random.Random(1), 1.2, []
    for i in range(rows):
        power = max(0.1, power + rng.gauss(0, 0.05) if i % 2 else power)
        made.append({"active_power": round(power, 3), "reactive_power": round(power / 9, 3),
                     "voltage": round(240 + 3 * math.sin(i / 300) + rng.gauss(0, 0.3), 2),
                     "intensity": round(power * 4.2, 1), "kitchen": 0.0, "laundry": float(i // 90 % 3),
                     "heating": float(17 + i // 200 % 2)})
    return made


def _made_vehicle(rows=5000):
    rng, made = random.Random(2), []
    speed = 50
    for i in range(rows):
        speed = min(130, max(0, speed + (rng.randint(-2, 2) if i % 3 == 0 else 0)))
        row = {f"pid_{n:02d}": (n * 7 + i // (40 + n)) % 90 for n in range(18)}
        made.append({"speed": speed, "rpm": speed * 31 + rng.randint(0, 3) * 8, "coolant": 88 + i // 400 % 4, **row})
    return made


def _made_rooms(rows=5000):
    rng = random.Random(3)
    return [{"room": f"room{rng.randint(1, 8)}", "metric": rng.choice(["temperature", "humidity", "co2"]),
             "value": round(20 + rng.random() * 5, 1)} for _ in range(rows)]


def readings():
    """{stream name: a list of readings}, recorded where ../shared is there, else made."""
    if SHARED.is_dir():
        return {"meter": _recorded("uci_power.csv"), "vehicle": _recorded("carobd_1hz.csv"),
                "rooms": _recorded("smarthome_events.csv")}
    return {"meter": _made_meter(), "vehicle": _made_vehicle(), "rooms": _made_rooms()}


class Ledger:
    """What was produced and what was acknowledged. Threads: any."""

    def __init__(self):
        self.lock = threading.Lock()
        self.count = 0
        self.acknowledged = set()
        self.json_bytes = 0

    def take(self, reading):
        """(id, the reading as JSON bytes), counted as produced."""
        with self.lock:
            self.count += 1
            number = self.count
        text = json.dumps({"ts": time.time_ns() // 1_000_000, "id": number, **reading}, separators=(",", ":")).encode()
        with self.lock:
            self.json_bytes += len(text)
        return number, text

    def acknowledge(self, numbers):
        with self.lock:
            self.acknowledged.update(numbers)

    @property
    def produced(self):
        return self.count


class HttpFeeder:
    """Posts NDJSON batches to one path, each with an idempotency key; a batch without an answer is posted
    again with the same key until it is answered. A batch that is refused raises, and one that nobody answers.
    `keyed=False`: without a key (the agent remembers keys, which takes memory), so a broken connection raises, too."""

    PATIENCE = 180.0  # Seconds for one batch.

    def __init__(self, port, path, name="feeder", timeout=15, keyed=True):
        self.port, self.path, self.name, self.timeout, self.keyed = port, path, name, timeout, keyed
        self.connection = None
        self.batches = 0

    def post(self, lines, until=None):
        """True once it was acknowledged; False when `until()` became true before that."""
        self.batches += 1
        key = {"Idempotency-Key": f"{self.name}-{self.batches}"} if self.keyed else {}
        body = b"\n".join(lines) + b"\n"
        end = time.monotonic() + self.PATIENCE
        while True:
            pause = 0.05
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
                self.connection.request("POST", self.path, body, {"Content-Type": "application/x-ndjson"} | key)
                answer = self.connection.getresponse()
                text = answer.read()
                if answer.status in (200, 204):
                    return True
                if answer.status != 503:
                    raise AssertionError(f"HTTP {answer.status} {text[:200]!r}")
                pause = min(1.0, float(answer.getheader("Retry-After", "1")))
            except (OSError, http.client.HTTPException):
                if self.connection:
                    self.connection.close()
                self.connection = None
                if not self.keyed:
                    raise
            if until is not None and until():
                return False
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name}: no acknowledgement for {self.PATIENCE:g} s")
            time.sleep(pause)


def paced(rate, running):
    """Counts 0, 1, 2, ... `rate` times a second while running() is true; catches up after a stall."""
    begin, n = time.monotonic(), 0
    while running():
        due = begin + n / rate
        now = time.monotonic()
        if due > now:
            time.sleep(min(due - now, 0.05))
            continue
        if now - due > 2.0:  # A long stall is not made up for: a sensor does not either.
            begin = now - n / rate
        yield n
        n += 1
