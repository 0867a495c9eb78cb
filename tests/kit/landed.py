"""What stands in the collector's database, compared with a ledger."""

import sqlite3
import time


def _connect(database):
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    connection.execute("PRAGMA query_only = 1")
    return connection


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'


def streams(connection):
    """The tables that hold records: those with our key columns."""
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = []
    for table in tables:
        columns = {row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})")}
        if {"_gateway", "_lane", "_seq"} <= columns:
            found.append((table, columns))
    return found


def _id_in(columns):
    """What gives a reading's id in a table of these columns; None: nothing does."""
    return "id" if "id" in columns else "json_extract(_record, '$.id')" if "_record" in columns else None


def ids(database):
    """{id: how many rows carry it} over all streams, quarantine included."""
    connection = _connect(database)
    counts = {}
    for table, columns in streams(connection):
        if its := _id_in(columns):
            for (number,) in connection.execute(f"SELECT {its} FROM {_quoted(table)} WHERE {its} IS NOT NULL"):
                counts[number] = counts.get(number, 0) + 1
    connection.close()
    return counts


def rows(database):
    """All rows over all streams."""
    connection = _connect(database)
    total = sum(connection.execute(f"SELECT count(*) FROM {_quoted(t)}").fetchone()[0] for t, _ in streams(connection))
    connection.close()
    return total


def last_rows(database, table, count=5):
    """(the query, its rows): the last landed rows of a stream, the first few fields of each."""
    connection = _connect(database)
    fields = [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})") if not row[1].startswith("_")]
    columns = ", ".join(map(_quoted, ["_seq", "_time", *fields[:4]]))
    query = f"SELECT {columns} FROM {_quoted(table)} ORDER BY _id DESC LIMIT {count}"
    result = connection.execute(query).fetchall()
    connection.close()
    return query, result


def twice(database, count=5):
    """Where readings lie that landed more than once: (id, [(table, epoch, lane, seq)]), the first few of each table."""
    connection = _connect(database)
    places = {}
    for table, columns in streams(connection):
        if its := _id_in(columns):
            for number, *place in connection.execute(
                    f"SELECT {its}, _epoch, _lane, _seq FROM {_quoted(table)} WHERE {its} IS NOT NULL"):
                places.setdefault(number, []).append((table, *place))
    doubled = sorted(number for number, found in places.items() if len(found) > 1)
    shown = [(number, places[number]) for number in [*doubled[:count], *doubled[-count:]]]
    connection.close()
    return f"{len(doubled)} ids from {doubled[:1]} to {doubled[-1:]}: {shown}"


def compare(database, ledger):
    """{acknowledged, landed, duplicates, lost} of a ledger's readings; lost: acknowledged and not there."""
    counts = ids(database)
    return {"acknowledged": len(ledger.acknowledged), "landed": len(counts),
            "duplicates": sum(counts.values()) - len(counts),
            "lost": len(ledger.acknowledged - counts.keys())}


class LatencyWatch:
    """Polls the database for new rows and takes the time from a reading's `id` moment to the moment that a
    reader sees it. `made` maps id to the epoch second it was made."""

    def __init__(self, database):
        self.database = database
        self.seen = {}      # table -> highest rowid seen
        self.samples = []   # (made at, seconds until readable)
        self.connection = None

    def poll(self):
        try:
            if self.connection is None:
                self.connection = _connect(self.database)
            now = time.time()
            for table, columns in streams(self.connection):
                if "id" not in columns:
                    continue
                last = self.seen.get(table, 0)
                query = f"SELECT rowid, _time FROM {_quoted(table)} WHERE rowid > ? AND id IS NOT NULL"
                for rowid, made_ns in self.connection.execute(query, (last,)):
                    last = max(last, rowid)
                    self.samples.append((made_ns / 1e9, now - made_ns / 1e9))
                self.seen[table] = last
        except sqlite3.Error:
            self.connection = None

    def percentile(self, fraction, quiet):
        """Milliseconds; only of readings made while quiet(made at) is true."""
        kept = sorted(delay for made, delay in self.samples if quiet(made))
        return round(kept[min(len(kept) - 1, int(len(kept) * fraction))] * 1000, 1) if kept else None
