"""Negative controls on what has really landed: in copies of the collector's database a row is taken away, and one is
doubled. A judge that does not see that has seen nothing."""

import contextlib
import pathlib
import sqlite3
import tempfile

import landed
from storm_judge import judge


def _a_table(connection):
    """The stream with the most rows, and its columns beside the key."""
    tables = landed.streams(connection)
    table, columns = max(tables, key=lambda t: connection.execute(f'SELECT count(*) FROM "{t[0]}"').fetchone()[0])
    return table, ", ".join(f'"{column}"' for column in sorted(columns - {"_id"}))


def take_a_row(connection):
    table, _ = _a_table(connection)
    connection.execute(f'DELETE FROM "{table}" WHERE _id = (SELECT _id FROM "{table}" ORDER BY _id LIMIT 1 OFFSET 3)')


def double_a_row(connection):
    table, columns = _a_table(connection)
    connection.execute(f'INSERT INTO "{table}" (_id, {columns}) SELECT (SELECT max(_id) + 1 FROM "{table}"), {columns} '
                       f'FROM "{table}" ORDER BY _id LIMIT 1 OFFSET 3')


def _after(change, database, truth):
    """The verdict on a copy that was changed."""
    with tempfile.TemporaryDirectory(prefix="control-", dir=pathlib.Path(database).parent) as directory:
        copy = pathlib.Path(directory) / "landed.db"
        with contextlib.closing(sqlite3.connect(database)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            change(target)
            target.commit()
        return judge(copy, truth)


def seen(database, truth):
    before = judge(database, truth)
    taken, doubled = (_after(change, database, truth) for change in (take_a_row, double_a_row))
    return {"a_row_that_is_taken_away": taken.lost == before.lost + 1 and taken.undeclared == before.undeclared + 1,
            "a_row_that_is_doubled": doubled.duplicates == before.duplicates + 1}
