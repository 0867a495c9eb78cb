"""The load of tests/peers: records from a seed, and the producers that bring them, one over MQTT and one over HTTP.

A record has ten fields, as tests/bench/drain's: a time, an id that is unique in the run, a state, seven measured values that
walk at random with two decimals. About 120 bytes of JSON; the same bytes in the same order for every path."""

import json
import random
import select
import socket
import struct
import sys
import threading
import time

from feed import HttpFeeder
from mqtt import _packet, _text

TOPIC = "peers/press"
WINDOW = 500   # Messages without a PUBACK.
POST = 100     # Records of a POST.
PATIENCE = 240.0
HOLD_S = 0.05


def records(count, seed):
    """[the JSON of record 0, 1, ...], whose ids are 0, 1, ..."""
    rng = random.Random(seed)
    values = [20.0 + 10 * k for k in range(7)]
    made = []
    for n in range(count):
        values = [value + rng.gauss(0, 0.05) for value in values]
        row = {"ts": 1_700_000_000_000 + n * 100, "id": n, "state": "idle" if rng.random() < 0.002 else "run"}
        row |= {f"v{k}": round(value, 2) for k, value in enumerate(values)}
        made.append(json.dumps(row, separators=(",", ":")).encode())
    return made


class Account:
    """What a producer knows: per id, how often it was sent, and whether it was acknowledged."""

    def __init__(self, count):
        self.sent = bytearray(count)
        self.acknowledged = bytearray(count)

    def send(self, numbers):
        for number in numbers:
            self.sent[number] = min(255, self.sent[number] + 1)


class Due:
    """When the n-th record of a phase is to be sent: `rate` a second, or at once."""

    def __init__(self, rate):
        self.rate, self.begin = rate, time.monotonic()

    def count(self):
        """How many are due by now."""
        return 1 << 60 if self.rate is None else int((time.monotonic() - self.begin) * self.rate)


class Producer:
    """Feeds a phase on a thread of its own; join() waits until all of it was acknowledged."""

    def __init__(self, payloads, account):
        self.payloads, self.account = payloads, account
        self.error = None
        self.next = 0

    def start(self, count, rate=None):
        numbers = range(self.next, self.next + count)
        self.next += count
        self.thread = threading.Thread(target=self._guarded, args=(numbers, rate), daemon=True)
        self.thread.start()

    def join(self):
        self.thread.join()
        if self.error:
            raise self.error

    def _guarded(self, numbers, rate):
        try:
            self.feed(numbers, Due(rate))
        except Exception as error:  # Told by the main thread.
            self.error = error

    def close(self):
        pass


class MqttProducer(Producer):
    """QoS 1, MQTT 3.1.1, a session that stays. What has no PUBACK when a connection ends is sent again on the next one,
    marked as sent before, and nothing else is."""

    def __init__(self, port, payloads, account):
        super().__init__(payloads, account)
        self.port = port
        self.socket = None
        self.waiting = {}  # packet id -> number, in the order sent
        self.packet_id = 0
        self.rest = b""

    def _publish(self, kind, packet_id, number):
        return _packet(kind, _text(TOPIC) + struct.pack("!H", packet_id) + self.payloads[number])

    def _connect(self):
        try:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=20)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.sendall(_packet(0x10, _text("MQTT") + bytes([4, 0]) + struct.pack("!H", 0) + _text("producer")))
            answer = b""
            while len(answer) < 4:
                more = self.socket.recv(4 - len(answer))
                if not more:
                    raise ConnectionError("no CONNACK")
                answer += more
            if answer[0] != 0x20 or answer[3] != 0:
                raise ConnectionError(f"CONNACK {answer!r}")
            self.rest = b""
            self.account.send(self.waiting.values())
            self.socket.sendall(b"".join(self._publish(0x3A, *one) for one in self.waiting.items()))
        except OSError:
            self._lost()

    def _lost(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def _take_acks(self, timeout):
        if not select.select([self.socket], [], [], timeout)[0]:
            return 0
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        data = self.rest + data
        whole = len(data) // 4 * 4  # A PUBACK is 4 bytes, and nothing else comes.
        self.rest = data[whole:]
        for kind, _, packet_id in struct.iter_unpack("!BBH", data[:whole]):
            assert kind == 0x40, f"a packet of kind {kind:#x} instead of a PUBACK"
            number = self.waiting.pop(packet_id, None)
            if number is not None:
                self.account.acknowledged[number] = 1
        return whole // 4

    def feed(self, numbers, due):
        sent, count, moved = 0, len(numbers), time.monotonic()
        while sent < count or self.waiting:
            if time.monotonic() - moved > PATIENCE:
                raise TimeoutError(f"no PUBACK for {PATIENCE:g} s, {len(self.waiting)} wait")
            if self.socket is None:
                self._connect()
            if self.socket is None:
                time.sleep(HOLD_S)
                continue
            try:
                room = min(WINDOW - len(self.waiting), due.count() - sent, count - sent)
                if room > 0:
                    self._send(numbers[sent:sent + room])
                    sent += room
                acks = self._take_acks(0.002 if sent < count else 0.02)
                moved = time.monotonic() if acks or room > 0 or not self.waiting else moved
            except OSError:
                sent = self._sent_of(numbers)
                self._lost()

    def _send(self, numbers):
        packets = []
        for number in numbers:
            self.packet_id = self.packet_id % 65535 + 1
            self.waiting[self.packet_id] = number
            packets.append(self._publish(0x32, self.packet_id, number))
        self.account.send(numbers)
        self.socket.sendall(b"".join(packets))

    def _sent_of(self, numbers):
        """How many of a phase were sent or are on their way: what waits is sent again by _connect()."""
        return next((n for n, number in enumerate(numbers) if not self.account.sent[number]), len(numbers))

    def close(self):
        self._lost()


class HttpProducer(Producer):
    """POSTs of NDJSON with an idempotency key, each sent until it was answered. The answer comes after the fsync."""

    def __init__(self, port, payloads, account):
        super().__init__(payloads, account)
        self.feeder = HttpFeeder(port, "/ingest/press", "peers", timeout=15)

    def feed(self, numbers, due):
        for begin in range(0, len(numbers), POST):
            post = numbers[begin:begin + POST]
            while due.count() < begin + len(post):
                time.sleep(0.005)
            self.account.send(post)
            if self.feeder.post([self.payloads[number] for number in post]):
                for number in post:
                    self.account.acknowledged[number] = 1
