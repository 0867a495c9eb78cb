"""A reload replaces a script while records come: none is lost or comes twice, and each script begins with an empty state."""

import contextlib
import json
import signal
import sqlite3

from feed import HttpFeeder
from feeding import Feeding
from services import wait_for

RELOADS = 4


def script(version):
    return f"state.n = (state.n or 0) + 1\nrecord.n = state.n\nrecord.version = {version}\n"


def more(file):
    return f"  counted: {{from: [count]}}\npipeline:\n  count: {{from: line, script: {{file: {file}}}}}\n"


def _landed(database):
    """(records, distinct values, versions, the sum of the last numbers that each counted)."""
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM pinaflux_stream WHERE stream = 'line/press'")]
        if not tables or "version" not in {row[1] for row in connection.execute(f'PRAGMA table_info("{tables[0]}")')}:
            return (0, 0, 0, 0)
        each = f'SELECT count(n) AS records, count(DISTINCT v) AS distinct_ones, max(n) AS last FROM "{tables[0]}" WHERE n IS NOT NULL GROUP BY version'
        return connection.execute(f"SELECT sum(records), sum(distinct_ones), count(*), sum(last) FROM ({each})").fetchone()


def are_replaced(path, file):
    path.start()
    feeder, sent = HttpFeeder(path.http_port, "/ingest/press"), []

    def feed(stop):
        while not stop.is_set():
            assert feeder.post([json.dumps({"v": len(sent)}).encode()])
            sent.append(len(sent))

    feeding = Feeding(feed)

    def some_more():
        wait_for("records of this script", lambda s=len(sent): len(sent) > s + 2 or feeding.errors, 60)

    for version in range(2, 2 + RELOADS):
        some_more()
        before = path.agent.status()["configuration"]
        file.write_text(script(version))
        path.agent.process.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda b=before: (s := path.agent.status()) and s["configuration"] != b, 30)
    some_more()
    feeding.end()
    expected = (len(sent), len(sent), 1 + RELOADS, len(sent))
    with contextlib.suppress(TimeoutError):
        wait_for("all records to land", lambda: _landed(path.collector.database) == expected, 90)
    assert _landed(path.collector.database) == expected, (_landed(path.collector.database), expected)
