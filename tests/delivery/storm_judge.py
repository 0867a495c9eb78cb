"""What became of every record: the agents' word for what they took, against what the collector landed and declared.

A record carries `gateway` and `n`; n counts from 1 in each gateway. A gateway has one lane and one feeder, so n is
its sequence number, too, unless somebody has changed the order."""

import contextlib
import dataclasses
import sqlite3

import landed

LOST = 1  # pinaflux_range.fate of what a gateway has declared lost.


@dataclasses.dataclass
class Verdict:
    records: int = 0       # Acknowledged to the feeders.
    landed: int = 0        # Rows.
    lost: int = 0          # Acknowledged, and in no row.
    duplicates: int = 0    # Rows beyond the first of a record.
    undeclared: int = 0    # Lost, and not declared so.
    strays: int = 0        # Rows that nobody was to send: of another gateway, or with a number that was never given.
    out_of_order: int = 0  # Rows whose number is not their place in the lane.


class _Seen:
    """The rows of one gateway."""

    def __init__(self, acknowledged):
        self.rows = bytearray(acknowledged + 1)

    def missing(self):
        return (n for n in range(1, len(self.rows)) if self.rows[n] == 0)


def _declared(connection, gateway):
    """Ranges of sequence numbers."""
    return connection.execute(
        "SELECT first, r.last FROM pinaflux_range AS r JOIN pinaflux_lane AS l ON r.lane = l.id WHERE fate = ? AND gateway = ?",
        (LOST, gateway)).fetchall()


def judge(database, truth):
    """`truth` is {gateway: records 1 to this were acknowledged}. Reads the rows, believes no counter."""
    verdict = Verdict(records=sum(truth.values()))
    seen = {gateway: _Seen(count) for gateway, count in truth.items()}
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        for table, columns in landed.streams(connection):
            if not {"gateway", "n"} <= columns:
                verdict.strays += connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
                continue
            for row in connection.execute(f'SELECT _gateway, _seq, gateway, n FROM "{table}"'):
                _take(verdict, seen, *row)
        for gateway, what in seen.items():
            missing = list(what.missing())
            ranges = _declared(connection, gateway) if missing else []
            verdict.lost += len(missing)
            verdict.undeclared += sum(not any(first <= n <= last for first, last in ranges) for n in missing)
    return verdict


def _take(verdict, seen, sender, seq, gateway, n):
    verdict.landed += 1
    what = seen.get(gateway)
    if what is None or sender != gateway or not isinstance(n, int) or not 0 < n < len(what.rows):
        verdict.strays += 1
        return
    verdict.duplicates += what.rows[n] > 0
    verdict.out_of_order += n != seq
    what.rows[n] = min(what.rows[n] + 1, 255)


def slope_per_1000(samples):
    """Least squares of (cuts, KB), in KB per 1,000 cuts; 0 where there is no line."""
    count = len(samples)
    if count < 2:
        return 0.0
    mean_x, mean_y = (sum(column) / count for column in zip(*samples))
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return 1000 * sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0
