"""What the faults of `told` are made with: strange servers, brokers that misbehave, a name server, closed rooms.

Everything listens on loopback. A strange server is a function that gets each connection on a thread of its own.
"""

import contextlib
import functools
import os
import pathlib
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "kit"))
from cases import Skip  # noqa: E402
from certificates import Authority  # noqa: E402
from connect_proxy import lead, read_head  # noqa: E402
from mqtt import Subscriber  # noqa: E402,F401
from services import Collector, Mosquitto  # noqa: E402

PATIENCE = 40  # Seconds: longer than any time-out of ours.


def once(make):
    """The method's value, made once however many threads ask."""
    name = "_" + make.__name__

    @functools.wraps(make)
    def ask(self):
        with self.lock:
            if name not in self.__dict__:
                self.__dict__[name] = make(self)
            return self.__dict__[name]
    return property(ask)


class World:
    """What several faults share: authorities, and one broker with its collector. Made when first asked for."""

    def __init__(self, directory, build):
        self.directory = pathlib.Path(directory)
        self.build = build
        self.stack = contextlib.ExitStack()
        self.lock = threading.RLock()

    @once
    def authority(self):
        return Authority(self.directory / "ca", "Plant CA")

    @once
    def stranger(self):
        return Authority(self.directory / "stranger", "Stranger CA")

    @once
    def server(self):
        return self.authority.issue("server", ("IP:127.0.0.1", "DNS:localhost"))

    @once
    def gateway(self):
        return self.authority.issue("gateway")

    @once
    def broker(self):
        """A good broker, plain, with a collector."""
        broker = Mosquitto("broker", self.directory).start()
        self.stack.callback(broker.end)
        collector = Collector(self.directory, self.build / "pinaflux-collector", broker.port)
        self.stack.callback(collector.end)
        collector.start()
        return broker

    @once
    def rooms(self):
        """Whether we may have file systems and networks of our own: a fault of names or routes needs one."""
        may = ["unshare", "--mount", "--net", "true"]
        return os.geteuid() == 0 and subprocess.run(may, capture_output=True).returncode == 0


class Here:
    """What one fault gets: a directory, and servers that end with it. `ports` do not show in the table."""

    def __init__(self, world, directory):
        self.world = world
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.stack = contextlib.ExitStack()
        self.ports = set()

    def file(self, name, text, mode=0o600):
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def serve(self, each):
        """Port of a server that gives each connection to each(), and closes it then."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.stack.callback(listener.close)
        self.stack.callback(_unblock, listener)

        def one(connection):
            with connection:
                connection.settimeout(PATIENCE)
                with contextlib.suppress(OSError, EOFError):
                    each(connection)

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return self.known(listener.getsockname()[1])

    def known(self, port):
        self.ports.add(port)
        return port

    def mosquitto(self, extra="", anonymous=True):
        broker = Mosquitto("broker", self.directory, extra=extra)
        # Mosquitto 2.0.11 with `max_queued_messages 0` hangs up on whoever publishes what it denies.
        text = re.sub(r"(?m)^max_(queued|inflight)_.*\n", "", broker.configuration.read_text())
        broker.configuration.write_text(text if anonymous else text.replace("anonymous true", "anonymous false"))
        self.stack.callback(broker.end)
        return self.known(broker.start().port)

    def collector(self, port, *options):
        collector = Collector(self.directory, self.world.build / "pinaflux-collector", port, options=options)
        self.stack.callback(collector.end)
        collector.start()

    def served(self, certificate, extra=""):
        """A broker that speaks TLS with this (certificate, key)."""
        return self.mosquitto(f"certfile {certificate[0]}\nkeyfile {certificate[1]}\n{extra}")

    def tls(self, certificate, change=lambda context: None, after=None):
        """A server that speaks TLS as Python does, its alerts not lost with the connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        change(context)

        def each(connection):
            with connection.dup() as raw:
                try:
                    with context.wrap_socket(connection, server_side=True) as wrapped:
                        (after or drained)(wrapped)
                except ssl.SSLError:
                    raw.shutdown(socket.SHUT_WR)
                    drained(raw)
        return self.serve(each)

    def names(self, answer):
        """Words before a program that then asks a name server of ours; answer(query) gives its bytes or None."""
        self.needs_rooms()
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.stack.callback(server.close)
        number = os.getpid() % 60_000 + 250
        for turn in range(100):
            address = f"127.53.{(number + turn * 7) // 250 % 250 + 1}.{(number + turn) % 250 + 1}"
            with contextlib.suppress(OSError):
                server.bind((address, 53))
                break
        server.settimeout(PATIENCE)

        def listen():
            with contextlib.suppress(OSError):
                while True:
                    query, peer = server.recvfrom(4096)
                    reply = answer(query)
                    if reply:
                        server.sendto(reply, peer)

        threading.Thread(target=listen, daemon=True).start()
        setting = self.file("resolv.conf", f"nameserver {address}\noptions timeout:1 attempts:1\n", 0o644)
        return ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(setting))

    def needs_rooms(self):
        if not self.world.rooms:
            raise Skip("needs the right to make namespaces (root)")


def _unblock(listener):
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (command, done.stderr)


def openssl(*arguments):
    run("openssl", *arguments)


def drained(connection):
    """Reads and forgets until the other end closes."""
    while connection.recv(65536):
        pass


def read_whole(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def reset(connection):
    """Reads what comes first, and closes with a RST, not with a FIN."""
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def says(text):
    """Answers whatever comes first with this, and waits for the other end to close."""
    def each(connection):
        connection.recv(4096)
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        drained(connection)
    return each


def proxy(user=None):
    """An HTTP proxy that leads on, for this user ("NAME:PASSWORD") alone if there is one."""
    return lambda connection: lead(connection, read_head(connection), user)


def tampering(port, change):
    """Passes records on to a TLS server, back through change(type, record), which gives the bytes, or None: hang up."""
    def each(near):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as far:
            threading.Thread(target=_pump, args=(near, far), daemon=True).start()
            while True:
                head = read_whole(far, 5)
                record = change(head[0], head + read_whole(far, struct.unpack("!H", head[3:])[0]))
                if record is None:
                    near.shutdown(socket.SHUT_WR)
                    return drained(near)
                near.sendall(record)
    return each


def relay(near, first, port):
    """Passes all on to a good server, what has been read already first."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as far:
        far.sendall(first)
        threading.Thread(target=_pump, args=(near, far), daemon=True).start()
        _pump(far, near)


def _pump(near, far):
    with contextlib.suppress(OSError):
        while True:
            data = near.recv(65536)
            if not data:
                return
            far.sendall(data)


# MQTT: the few packets that a broker that misbehaves needs.

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ = 1, 3, 8, 12


def read_packet(connection):
    """(type, flags, body)"""
    first, size, shift = read_whole(connection, 1)[0], 0, 0
    while True:
        byte = read_whole(connection, 1)[0]
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return first >> 4, first & 15, read_whole(connection, size)


def connack(version, reason=0, code=None, properties=b""):
    """reason: of MQTT 5. code: of 3.1.1, which a broker that knows nothing else sends to all."""
    if version == 5 and reason is not None:
        return bytes([0x20, 3 + len(properties), 0, reason, len(properties)]) + properties
    return bytes([0x20, 2, 0, code if code is not None else reason])


def broker(greeting, suback=0, puback=0, after=lambda kind, connection: False):
    """A broker without subscribers. greeting(version): its CONNACK, or None to hang up; after(): True hangs up."""
    def each(connection):
        kind, _, body = read_packet(connection)
        assert kind == CONNECT
        version = body[6]
        answer = greeting(version)
        if answer is None:
            return
        connection.sendall(answer)
        if answer[3] != 0:
            connection.shutdown(socket.SHUT_WR)
            return drained(connection)
        none = b"\0" if version == 5 else b""
        while True:
            kind, flags, body = read_packet(connection)
            if after(kind, connection):
                return
            if kind == SUBSCRIBE:
                connection.sendall(bytes([0x90, 3 + len(none)]) + body[:2] + none + bytes([suback]))
            elif kind == PUBLISH and flags & 6:
                at = 2 + struct.unpack("!H", body[:2])[0]
                tail = bytes([puback]) + none if version == 5 and puback else b""
                connection.sendall(bytes([0x40, 2 + len(tail)]) + body[at:at + 2] + tail)
            elif kind == PINGREQ:
                connection.sendall(b"\xd0\0")
    return each


def dns(code):
    """A name server's answer to everything: no records, and this response code."""
    return lambda query: query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 0, 0, 0) + query[12:_question_end(query)]


def _question_end(query):
    at = 12
    while query[at]:
        at += 1 + query[at]
    return at + 5
