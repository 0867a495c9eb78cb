"""A collector keeps what lands as it came; the archive lands again, in another database and into the one that runs."""

import json
import subprocess

import landed
from feed import HttpFeeder


def is_replayed(place, path, feed):
    kept = place.path("kept")
    path.collector.command += ["--archive", str(kept)]
    path.start()
    feeder = HttpFeeder(path.http_port, "/ingest/press")
    feed(path, feeder, 2_000)
    path.collector.kill()
    feed(path, feeder, 2_000)
    path.collector.start()
    path.settle()

    def replayed(database, *what):
        done = subprocess.run([place.collector_program, "replay", *what, "--database", database, "--json"],
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done
        report = json.loads(done.stdout)
        assert report["schema"] == "pinaflux.import/1" and all(f["complete"] for f in report["files"]), report
        return sum(f["rows"] for f in report["files"])

    other = place.path("other.db")
    assert replayed(other, kept) == 4_000
    assert landed.compare(other, path.ledger)["lost"] == 0
    assert replayed(other, *sorted(kept.glob("*.archive"))) == 0, "landed twice"
    assert replayed(path.collector.database, kept) == 0, "landed twice by the collector that runs"
    decoded = subprocess.run([place.collector_program, "decode", *sorted(kept.glob("*.archive"))[:1]],
                             capture_output=True, text=True, timeout=120)
    assert decoded.returncode == 0 and len(decoded.stdout.splitlines()) > 1_000, decoded.stderr
    none = subprocess.run([place.collector_program, "replay", place.directory, "--database", other],
                          capture_output=True, text=True, timeout=120)
    assert none.returncode == 66 and "there is no archive in this folder" in none.stderr, none
    path.check()
