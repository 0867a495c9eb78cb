"""The negative control of the storm's own parts, without any program of ours: reports that must be refused, a landed
row that is taken away or doubled, and each kind of fault done to connections of its own."""

import contextlib
import copy
import pathlib
import socket
import sqlite3
import tempfile
import threading
import time

from storm_controls import double_a_row, seen, take_a_row
from fault_proxy import KINDS, TRICKLE_BYTES, Fault, FaultProxy
from storm_judge import judge, slope_per_1000
from storm_report import GOLDEN, SCHEMA, findings, slope_max
from services import wait_for

TRUTH = {"a": 20, "b": 30}
VALUES = {"int": 7, "float": 1.5, "str": SCHEMA, "bool": True}


def sound_report():
    """A report that passes, made from the golden list."""
    report = {}
    for line in GOLDEN.read_text().splitlines():
        key, kind = line.split()
        at, names = report, key.split(".")
        for name in names[:-1]:
            at = at.setdefault(name, {})
        at[names[-1]] = VALUES[kind]
    report |= {key: 0 for key in ("lost", "duplicates", "undeclared", "strays", "out_of_order")} | {"cuts": 1000}
    report["verify"]["outstanding"] = 0
    return report


def reports_are_refused():
    """each mistake of a report is found, and a sound one is not refused"""
    def change(*path, to):
        def changed(report):
            at = report
            for name in path[:-1]:
                at = at[name]
            at[path[-1]] = to
        return changed

    def removed(report):
        del report["records"]

    def added(report):
        report["faults"]["surprise"] = 1

    mistakes = [removed, added, change("schema", to="pinaflux.storm/2"), change("cuts", to=999), change("records", to=1.5),
                change("rss_slope_kb_per_1000", to=1.6), change("verify", "complete", to=False),
                change("verify", "outstanding", to=1), change("drained", to=False), change("redelivered", to=0),
                change("collector_kills", "before_ack", to=0), change("broker_restarts", "stale", to=0),
                change("controls", "a_row_that_is_doubled", to=False), change("mid_packet", to=0)]
    mistakes += [change("faults", kind, to=0) for kind in KINDS]
    mistakes += [change(key, to=1) for key in ("lost", "duplicates", "undeclared", "strays", "out_of_order")]
    assert not any(findings(sound_report(), 1000).values()), findings(sound_report(), 1000)
    for number, mistake in enumerate(mistakes):
        report = copy.deepcopy(sound_report())
        mistake(report)
        assert any(findings(report, 1000).values()), f"mistake {number} is not found"


@contextlib.contextmanager
def landed_database():
    """What a collector leaves behind that has landed all of TRUTH but for b's 30, which was declared."""
    with tempfile.TemporaryDirectory(prefix="storm-") as directory:
        path = pathlib.Path(directory) / "landed.db"
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.executescript(
                "CREATE TABLE pinaflux_lane(id INTEGER PRIMARY KEY, gateway, last); INSERT INTO pinaflux_lane VALUES(1,'a',20),(2,'b',30);"
                "CREATE TABLE pinaflux_range(lane, first, last, fate, reason); INSERT INTO pinaflux_range VALUES(2, 30, 30, 1, 1);"
                "CREATE TABLE s(_id INTEGER PRIMARY KEY, _gateway, _lane, _seq, gateway, n)")
            rows = [(g, "normal", n, g, n) for g, count in TRUTH.items() for n in range(1, count + 1) if (g, n) != ("b", 30)]
            database.executemany("INSERT INTO s(_gateway, _lane, _seq, gateway, n) VALUES(?,?,?,?,?)", rows)
            database.commit()
            yield path, database


def rows_are_judged():
    """a declared loss is lost and declared; a row that is taken away, doubled, strange or misplaced is seen"""
    with landed_database() as (path, database):
        def verdict(*statements):
            for statement in statements:
                database.execute(statement)
            database.commit()
            return judge(path, TRUTH)

        sound = verdict()
        assert (sound.records, sound.landed, sound.lost, sound.undeclared) == (50, 49, 1, 0), sound
        assert not sound.duplicates + sound.strays + sound.out_of_order, sound
        assert all(seen(path, TRUTH).values())
        take_a_row(database)
        assert (v := verdict()).lost == 2 and v.undeclared == 1, v
        double_a_row(database)
        assert (v := verdict()).duplicates == 1, v
        assert (v := verdict("UPDATE s SET _gateway = 'b' WHERE n = 7 AND gateway = 'a'")).strays == 1 and v.undeclared == 2, v
        assert (v := verdict("UPDATE s SET _seq = 99 WHERE n = 8 AND gateway = 'a'")).out_of_order == 1, v
        assert judge(path, TRUTH | {"c": 5}).undeclared == 7


def growth_is_a_slope():
    """memory that grows with the cuts has a slope, memory that is only noisy has none"""
    leak = [(cuts, 100_000 + cuts * 10 + cuts % 3) for cuts in range(0, 1000, 10)]
    assert 9990 < slope_per_1000(leak) < 10_010 and slope_max(32, 500) < 4500 and slope_max(32, 10_000) < 300
    assert abs(slope_per_1000([(cuts, 100_000 + cuts % 3) for cuts in range(0, 1000, 10)])) < 1
    assert slope_per_1000([]) == slope_per_1000([(1, 2)]) == slope_per_1000([(1, 2), (1, 3)]) == 0


class _Target:
    """Answers each byte with one, and knows how its connections ended."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard = bytearray()
        self.end = None  # "closed" or "reset", of the last connection.
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                self.heard.clear()
                self.end = None
                try:
                    while data := peer.recv(65536):
                        self.heard += data
                        peer.sendall(data)
                    self.end = "closed"
                except OSError:
                    self.end = "reset"

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


MESSAGE = bytes(range(250)) * 8


def _suffer(proxy, fault, again=True):
    """How it ended for a caller who said MESSAGE (`again`: and again): closed or reset."""
    proxy.plan = lambda: fault
    with socket.create_connection(("127.0.0.1", proxy.port)) as caller:
        caller.settimeout(0.05)
        end = time.monotonic() + 20
        silent = False
        while time.monotonic() < end:
            try:
                if not silent:
                    caller.sendall(MESSAGE)
                    silent = not again
                if not caller.recv(65536):
                    return "closed"
            except TimeoutError:
                pass
            except OSError:
                return "reset"
    raise TimeoutError(f"a {fault.kind} never ended")


def faults_happen():
    """each kind of fault happens, is counted once, and breaks a connection as it says"""
    target = _Target()
    proxy = FaultProxy(target.port)
    try:
        for count, kind in enumerate(KINDS, 1):
            fault = Fault(kind, seconds=0.2, bytes=1500 if kind in ("reset", "trickle") else 1 << 60, hold=0.3)
            writes = proxy.writes
            end = _suffer(proxy, fault, again=kind not in ("reset", "trickle", "unanswered"))
            assert proxy.broken[kind] == 1 and proxy.cuts == count, proxy.broken
            wait_for("the target's end", lambda: target.end is not None)
            if kind == "reset":
                assert proxy.mid_packet == 1 and end == target.end == "reset", (proxy.mid_packet, end, target.end)
                assert MESSAGE[:1500].startswith(target.heard), len(target.heard)
            if kind == "trickle":
                assert proxy.writes - writes >= 1500 // TRICKLE_BYTES and end == "reset", (proxy.writes - writes, end)
            if kind == "half_open":
                assert end == "reset", end
            if kind == "unanswered":
                assert end == "reset" and bytes(target.heard) == MESSAGE, (end, len(target.heard))
        proxy.heal()
        with socket.create_connection(("127.0.0.1", proxy.port)) as caller:
            caller.sendall(b"after the storm")
            assert caller.recv(100) == b"after the storm"
        assert proxy.cuts == len(KINDS), "a healed link is no cut"
    finally:
        proxy.close()
        target.close()


def a_lost_answer_is_one():
    """what is said while answers are lost arrives, and no answer comes back"""
    target = _Target()
    proxy = FaultProxy(target.port, lambda: Fault("unanswered", seconds=0.1, hold=4.0))
    try:
        with socket.create_connection(("127.0.0.1", proxy.port)) as caller:
            caller.settimeout(10)
            caller.sendall(b"first")
            assert caller.recv(100) == b"first"
            wait_for("the fault", lambda: any(link.struck for link in proxy.links))
            caller.sendall(b"second")
            wait_for("the second to arrive", lambda: target.heard == b"firstsecond")
            try:
                assert caller.recv(100) == b"", "an answer came"
            except ConnectionResetError:
                pass
        assert proxy.broken["unanswered"] == 1
    finally:
        proxy.close()
        target.close()


CASES = [reports_are_refused, rows_are_judged, growth_is_a_slope, faults_happen, a_lost_answer_is_one]


def run():
    failed = 0
    for case in CASES:
        try:
            case()
            print(f"ok      {case.__doc__}")
        except Exception as error:  # A case fails however it fails.
            failed += 1
            print(f"FAILED  {case.__doc__}: {type(error).__name__}: {error}")
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0
