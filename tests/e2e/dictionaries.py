"""Small batches are packed with a dictionary that the collector keeps: made, told, used; lost by either side, and used again."""

import sqlite3
import subprocess
import time

import landed
from feed import HttpFeeder

UPLINK = ('uplink: {{type: mqtt, broker: "tcp://127.0.0.1:{upstream}", ack: collector, back_off_max: 1s, '
          'batch_age: 50ms, dictionaries: true}}\n')
NAMES = [f"{what}_of_the_{where}" for what in ("temperature", "pressure", "vibration") for where in ("inlet", "outlet", "bearing")]


class Kept:
    """The archive, as bytes."""

    def __init__(self, folder):
        self.folder = folder

    def count(self, text):
        return sum(file.read_bytes().count(text) for file in self.folder.glob("*.archive"))

    def packed(self):
        return self.count(b"\npinaflux-env/2 ")

    def dictionaries(self):
        return self.count(b"\npinaflux-dictionary/1 ")


def are_kept_and_used(place, path):
    kept = Kept(place.path("kept"))
    path.collector.command += ["--archive", str(kept.folder)]
    path.start()
    feeder = HttpFeeder(path.http_port, "/ingest/press")

    def post():
        batch = [path.ledger.take({name: (n * 37 + i * 11) % 500 for i, name in enumerate(NAMES)}) for n in range(10)]
        assert feeder.post([text for _, text in batch])
        path.ledger.acknowledge(number for number, _ in batch)

    def until(what, true, seconds=60):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"{what}: {kept.packed()} packed, {kept.dictionaries()} dictionaries; {path.agent.status()}"
            post()
            time.sleep(0.1)

    until("a dictionary is used", lambda: kept.packed() >= 5)
    assert kept.dictionaries() == 1
    path.agent.kill()
    path.agent.start()
    before = kept.packed()
    until("it is used after a restart", lambda: kept.packed() >= before + 5)
    path.settle()
    path.collector.kill()
    with sqlite3.connect(path.collector.database) as db:
        assert db.execute("DELETE FROM pinaflux_dictionary").rowcount == 1
    db.close()
    path.collector.start()
    before = kept.packed()
    until("it is used by a collector that had lost it", lambda: kept.packed() >= before + 5)
    path.settle()

    other = place.path("other.db")
    done = subprocess.run([place.collector_program, "replay", kept.folder, "--database", other, "--json"],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done
    assert landed.compare(other, path.ledger)["lost"] == 0
    decoded = subprocess.run([place.collector_program, "decode", *sorted(kept.folder.glob("*.archive"))],
                             capture_output=True, text=True, timeout=120)
    assert decoded.returncode == 0, decoded.stderr
    assert len(decoded.stdout.splitlines()) >= len(path.ledger.acknowledged), decoded.stderr
    path.check()
