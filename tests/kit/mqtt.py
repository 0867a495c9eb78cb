"""A small MQTT 3.1.1 client for tests: QoS 1 publishing with an account of what was acknowledged, and
subscribing with a persistent session. Threads: one reader for each connection."""

import collections
import socket
import struct
import threading
import time


def _text(value):
    raw = value.encode()
    return struct.pack("!H", len(raw)) + raw


def _packet(kind, body):
    length, size = b"", len(body)
    while True:
        byte, size = size & 0x7F, size >> 7
        length += bytes([byte | (0x80 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


class Connection:
    """One TCP connection, from CONNECT to its end. `on_packet(kind, body)` runs on the reader thread."""

    def __init__(self, port, client_id, clean, on_packet, keep_alive=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lock = threading.Lock()
        self.send(_packet(0x10, _text("MQTT") + bytes([4, 2 if clean else 0]) + struct.pack("!H", keep_alive) + _text(client_id)))
        self.buffer = b""
        kind, body = self._read()
        if kind != 0x20 or body[1] != 0:
            raise ConnectionError(f"the broker refused {client_id}: {body!r}")
        self.session_present = bool(body[0] & 1)
        self.socket.settimeout(None)
        self.alive = True
        self.on_packet = on_packet
        self.reader = threading.Thread(target=self._run, daemon=True)

    def begin(self):
        self.reader.start()
        return self

    def send(self, data):
        with self.lock:
            self.socket.sendall(data)

    def close(self):
        self.alive = False
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def _take(self, count):
        while len(self.buffer) < count:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("closed by the broker")
            self.buffer += more
        piece, self.buffer = self.buffer[:count], self.buffer[count:]
        return piece

    def _read(self):
        kind = self._take(1)[0]
        size, shift = 0, 0
        while True:
            byte = self._take(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        return kind, self._take(size)

    def _run(self):
        try:
            while self.alive:
                kind, body = self._read()
                self.on_packet(kind, body)
        except (OSError, ConnectionError):
            pass
        self.alive = False


class Publisher:
    """Publishes with QoS 1 and says of each message when the broker acknowledged it. Survives the broker:
    what was not acknowledged is sent again, marked as a duplicate, on the next connection."""

    def __init__(self, port, client_id, on_ack, window=500):
        self.port, self.client_id, self.on_ack = port, client_id, on_ack
        self.room = threading.Semaphore(window)
        self.lock = threading.Lock()
        self.waiting = collections.OrderedDict()  # packet id -> (topic, payload, tag)
        self.next_id = 0
        self.connection = None

    def _packet_in(self, kind, body):
        if kind & 0xF0 != 0x40:
            return
        with self.lock:
            entry = self.waiting.pop(struct.unpack("!H", body[:2])[0], None)
        if entry:
            self.room.release()
            self.on_ack(entry[2])

    def _connected(self):
        if self.connection and self.connection.alive:
            return True
        try:
            self.connection = Connection(self.port, self.client_id, False, self._packet_in).begin()
            with self.lock:
                again = list(self.waiting.items())
            for packet_id, (topic, payload, _) in again:
                self.connection.send(_packet(0x3A, _text(topic) + struct.pack("!H", packet_id) + payload))
            return True
        except OSError:
            self.connection = None
            return False

    def publish(self, topic, payload, tag, patience=60.0):
        """Blocks while the window is full. The payload is bytes; `tag` is given to on_ack."""
        end = time.monotonic() + patience
        while not self.room.acquire(timeout=0.05):
            self._connected()
            if time.monotonic() > end:
                raise TimeoutError(f"{self.client_id}: no acknowledgement for {patience:g} s")
        with self.lock:
            while True:
                self.next_id = self.next_id % 65535 + 1
                if self.next_id not in self.waiting:
                    break
            packet_id = self.next_id
            self.waiting[packet_id] = (topic, payload, tag)
        if self.connection and self.connection.alive:
            try:
                self.connection.send(_packet(0x32, _text(topic) + struct.pack("!H", packet_id) + payload))
            except OSError:
                pass
        else:
            self._connected()

    def drain(self, seconds=30.0):
        """Waits until everything is acknowledged."""
        end = time.monotonic() + seconds
        while self.waiting:
            self._connected()
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def close(self):
        if self.connection:
            self.connection.close()


class Subscriber:
    """Receives with QoS 1 and a persistent session (`clean`: one that its connection ends); reconnects for ever
    until closed."""

    def __init__(self, port, client_id, topic, on_message, clean=False):
        self.port, self.client_id, self.topic, self.on_message, self.clean = port, client_id, topic, on_message, clean
        self.connection = None
        self.closed = False
        self.subscribed = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _packet_in(self, kind, body):
        if kind & 0xF0 == 0x90:
            self.subscribed.set()
        if kind & 0xF0 != 0x30:
            return
        size = struct.unpack("!H", body[:2])[0]
        topic, rest = body[2:2 + size].decode(), body[2 + size:]
        qos = (kind >> 1) & 3
        self.on_message(topic, rest[2:] if qos else rest)
        if qos:
            self.connection.send(_packet(0x40, rest[:2]))

    def _run(self):
        while not self.closed:
            if self.connection is None or not self.connection.alive:
                try:
                    self.connection = Connection(self.port, self.client_id, self.clean, self._packet_in)
                    self.connection.send(_packet(0x82, b"\0\1" + _text(self.topic) + b"\1"))
                    self.connection.begin()
                except OSError:
                    self.connection = None
            time.sleep(0.1)

    def close(self):
        self.closed = True
        self.thread.join()
        if self.connection:
            self.connection.close()
