"""A TCP proxy that breaks what goes through it, in the ways that links break.

Each connection gets a Fault when it is accepted, or none. It strikes at a byte count (so in the middle of a packet)
or after a time, and a connection is counted under its kind when the proxy, and nobody else, has broken it:

  cut         both ends are closed in order
  reset       a part of what came is passed on, then both ends get RST
  stall       nothing passes for a while, then a little, then both ends are closed
  half_open   one end is closed and the other is not told: it talks to nobody, until it gives up or gets RST
  trickle     from the first byte on a few bytes at a time, each a segment of its own; then reset
  unanswered  what is sent arrives, no answer does; then reset for the one who dialled: what arrived will be sent again

Threads: one runs the proxy; everything public may be called from any."""

import collections
import dataclasses
import selectors
import socket
import struct
import threading
import time

KINDS = ("cut", "reset", "stall", "half_open", "trickle", "unanswered")
TICK = 0.02
TRICKLE_TICK = 0.004
TRICKLE_BYTES = 8
BUFFER_MAX = 256 * 1024
PATIENCE = 2.0   # Seconds that a reset waits for something to be in the middle of.
RELIEF = 0.2  # Seconds that a stalled connection works again before its end.


@dataclasses.dataclass
class Fault:
    """Strikes once `bytes` were passed on to the target, or `seconds` after the first of them, whichever comes first."""

    kind: str
    seconds: float
    bytes: int = 1 << 60
    into: int = 0            # Of reset, after `seconds`: not before so many bytes of what comes next have passed.
    hold: float = 1.0        # How long a stall, a half-open end or a missing answer lasts.
    far_stays: bool = False  # Of half_open: the target is the one that is not told.


class _Flow:
    """One direction: what was read of `source` and has not gone into `sink`."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.waiting = bytearray()
        self.passed = 0
        self.held = False       # Nothing is read, nothing passes.
        self.discards = False   # What is read goes nowhere.

    def read(self):
        """False once the source has ended."""
        try:
            data = self.source.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not self.discards:
            self.waiting += data
        return bool(data)

    def write(self, most):
        """Passes on up to `most` bytes; False once the sink has ended."""
        if self.held or not self.waiting or most <= 0:
            return True
        try:
            count = self.sink.send(self.waiting[:most])
        except BlockingIOError:
            return True
        except OSError:
            return False
        del self.waiting[:count]
        self.passed += count
        return True


class _Link:
    """A connection of ours to the target, for one who dialled us."""

    def __init__(self, near, far, fault):
        self.near, self.far, self.fault = near, far, fault
        self.up, self.down = _Flow(near, far), _Flow(far, near)
        self.spoke = None         # When the first byte passed.
        self.struck = None        # When the fault struck.
        self.at_strike = 0        # Bytes passed up until then.
        self.left = None          # Of half_open: the end that is not told.
        self.counted = False

    @property
    def flows(self):
        return self.up, self.down

    @property
    def trickles(self):
        return self.fault is not None and self.fault.kind == "trickle"


def _close(end, hard=False):
    if hard:  # RST instead of FIN, and what was not sent is thrown away.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


class FaultProxy:
    """Listens on loopback. `plan()` gives the Fault of the next connection, or None."""

    def __init__(self, target_port, plan=lambda: None):
        self.target_port, self.plan = target_port, plan
        self.lock = threading.Lock()
        self.broken = collections.Counter()  # kind -> connections that we broke
        self.mid_packet = 0                  # Of these: with the rest of what had been read still in our hands
        self.ended_by_others = 0
        self.accepted = 0
        self.writes = 0                      # Pieces passed on, in both directions
        self.links = set()
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.closed = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def cuts(self):
        with self.lock:
            return sum(self.broken.values())

    def heal(self):
        """From now on nothing is broken; what is under a fault already ends at once, uncounted if it was not struck."""
        with self.lock:
            self.plan = lambda: None
            for link in list(self.links):
                if link.fault is not None:
                    self._drop(link, hard=True)

    def hold_answers(self):
        """From now on nothing of what our present callers say reaches the target; what the target says reaches them.
        Their connections, which are under no fault any more: for holds()."""
        with self.lock:
            for link in self.links:
                link.up.held, link.fault = True, None
            return set(self.links)

    def holds(self, links):
        with self.lock:
            return bool(links) and links <= self.links

    def reset_all(self):
        """Breaks every connection, what was held included."""
        with self.lock:
            for link in list(self.links):
                self._break(link, "reset", hard=True)

    def close(self):
        self.closed = True
        self.thread.join()
        with self.lock:
            for link in list(self.links):
                self._drop(link)
            self.selector.close()
            self.listener.close()

    # Everything below runs with the lock held.

    def _run(self):
        while not self.closed:
            with self.lock:
                tick = TRICKLE_TICK if any(link.trickles for link in self.links) else TICK
            events = self.selector.select(tick)
            with self.lock:
                for key, _ in events:
                    if key.fileobj is self.listener:
                        self._accept()
                    elif key.fileobj.fileno() >= 0:
                        self._readable(*key.data)
                for link in list(self.links):
                    self._move(link)

    def _accept(self):
        try:
            near, _ = self.listener.accept()
        except OSError:
            return
        try:
            far = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
        except OSError:
            return _close(near, hard=True)
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.setblocking(False)
        link = _Link(near, far, self.plan())
        self.links.add(link)
        self.accepted += 1
        for flow in link.flows:
            self.selector.register(flow.source, selectors.EVENT_READ, (link, flow))

    def _readable(self, link, flow):
        if link not in self.links:
            return
        if flow.held or len(flow.waiting) > BUFFER_MAX or (link.trickles and flow.waiting):
            self.selector.unregister(flow.source)  # _move() takes it up again.
        elif not flow.read():
            self._ended(link)

    def _move(self, link):
        for flow in link.flows:
            if flow.source.fileno() < 0 or flow.sink.fileno() < 0:
                continue
            before = flow.passed
            if not flow.write(self._room(link, flow)):
                return self._ended(link)
            self.writes += flow.passed > before
            if not flow.held and not flow.waiting and flow.source not in self.selector.get_map():
                self.selector.register(flow.source, selectors.EVENT_READ, (link, flow))
        if link.fault is not None:
            self._strike(link)

    @staticmethod
    def _room(link, flow):
        """How much may pass now: a fault that strikes at a byte strikes at that byte."""
        room = TRICKLE_BYTES if link.trickles else BUFFER_MAX
        if link.fault is not None and flow is link.up and link.struck is None:
            room = min(room, link.fault.bytes - flow.passed)
        return room

    def _strike(self, link):
        now, fault = time.monotonic(), link.fault
        if link.struck is None:
            if link.up.passed == 0:
                return
            link.spoke = link.spoke or now
            if link.up.passed < fault.bytes and now - link.spoke < fault.seconds:
                return
            if fault.kind == "reset" and fault.into > 0 and link.up.passed < fault.bytes:
                fault.bytes, fault.into = link.up.passed + fault.into, 0
                fault.seconds += PATIENCE
                return
            link.struck, link.at_strike = now, link.up.passed
            self._begin(link)
        elif fault.kind == "reset" and now - link.struck >= TICK:
            self.mid_packet += bool(link.up.waiting)
            self._break(link, fault.kind, hard=True)
        elif now - link.struck >= fault.hold:
            self._finish(link, now)
        elif fault.kind == "unanswered" and link.up.passed > link.at_strike and now - link.struck > fault.hold / 2:
            self._finish(link, now)

    def _begin(self, link):
        kind = link.fault.kind
        if kind == "cut":
            self._break(link, kind)
        elif kind == "trickle":
            self._break(link, kind, hard=True)
        elif kind == "reset":  # A moment later: an RST at once would take along what it follows.
            link.up.held = True
        elif kind == "stall":
            link.up.held = link.down.held = True
        elif kind == "unanswered":
            link.down.discards = True
            link.down.waiting.clear()
        else:
            self._half_open(link)

    def _finish(self, link, now):
        kind = link.fault.kind
        if kind == "stall" and now - link.struck < link.fault.hold + RELIEF:
            link.up.held = link.down.held = False
        elif kind == "half_open":
            self._drop(link, hard=True)
        elif kind == "unanswered":
            self._forget(link.far)
            _close(link.far)
            self._break(link, kind, hard=True)
        else:
            self._break(link, kind)

    def _half_open(self, link):
        self._count(link, "half_open")
        gone, link.left = (link.near, link.far) if link.fault.far_stays else (link.far, link.near)
        self._forget(gone)
        _close(gone)
        flow = link.down if link.fault.far_stays else link.up
        flow.discards = True
        flow.waiting.clear()

    def _count(self, link, kind):
        if not link.counted:
            link.counted = True
            self.broken[kind] += 1

    def _break(self, link, kind, hard=False):
        self._count(link, kind)
        self._drop(link, hard)

    def _ended(self, link):
        """One end has closed: the other is told, but for one that is to know nothing."""
        if not link.counted:
            self.ended_by_others += 1
        self._drop(link)

    def _drop(self, link, hard=False):
        self.links.discard(link)
        for end in (link.near, link.far):
            self._forget(end)
            if end.fileno() >= 0:
                _close(end, hard)

    def _forget(self, end):
        if end.fileno() >= 0 and end in self.selector.get_map():
            self.selector.unregister(end)
