"""Every record is in one window, and none in two, over kills of the agent; silence closes the last ones."""

import contextlib
import sqlite3

from feeding import over_kills
from services import wait_for

BATCHES, BATCH, KILLS = 120, 25, 5
MORE = ("  sums: {from: [per]}\n"
        "pipeline:\n"
        "  per: {from: line, window: {every: 1s, of: [v], give: [sum, min, max, count], by: [machine]}}\n")


def _landed(database):
    """(windows, records in them, their sum, records by themselves)."""
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM pinaflux_stream WHERE stream = 'line/press'")]
        if not tables:
            return (0, 0, 0, 0)
        columns = {row[1] for row in connection.execute(f'PRAGMA table_info("{tables[0]}")')}
        if "count" not in columns:
            return (0, 0, 0, 0)
        return connection.execute(f'SELECT count("count"), coalesce(sum("count"), 0), coalesce(sum(v_sum), 0), count(v) FROM "{tables[0]}"').fetchone()


def add_up(place, path):
    path.start()
    over_kills(place, path, lambda n: {"v": n, "machine": f"m{n % 3}"}, BATCHES, BATCH, KILLS, (0.2, 0.9))
    records = BATCHES * BATCH
    expected = (records, records * (records - 1) // 2, records)
    with contextlib.suppress(TimeoutError):
        wait_for("the last windows to be closed by silence, and to land", lambda: _landed(path.collector.database)[1:] == expected, 120)
    windows, *sums = _landed(path.collector.database)
    assert tuple(sums) == expected, (windows, sums, expected)
    assert 3 <= windows < records / 2, windows
    status, report = path.collector.verify()
    assert status == 0, report
