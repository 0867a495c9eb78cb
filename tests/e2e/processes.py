"""What processes answer lands once: one that passes records on, one that crashes, over kills of the agent; another program is taken when its file is replaced."""

import contextlib
import json
import sqlite3

from feed import HttpFeeder
from feeding import over_kills
from services import wait_for

BATCHES, BATCH, KILLS = 100, 20, 4

# Adds a field; one line in 60 ends it before its answer.
PYTHON = """import json, random, sys
for line in sys.stdin:
    if random.random() < 1 / 60:
        sys.exit("unlucky")
    r = json.loads(line)
    r["fields"]["twice"] = 2 * r["fields"]["v"]
    print(json.dumps(r), flush=True)
"""
AWK = '{ sub(/}}$/, ",\\"marked\\":1}}"); print; fflush() }'


def more(program):
    return ("  answered: {from: [marked]}\n"
            "pipeline:\n"
            f"  twice: {{from: line, execd: {{command: [/usr/bin/python3, {program}], in_flight_max: 64}}}}\n"
            f"  marked: {{from: twice, execd: {{command: [/usr/bin/mawk, -W, interactive, '{AWK}']}}}}\n")


def _landed(database):
    """(records, distinct ones, their sum, the sum of what was added, of the marks)."""
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM pinaflux_stream WHERE stream = 'line/press'")]
        if not tables:
            return (0, 0, 0, 0, 0)
        columns = {row[1] for row in connection.execute(f'PRAGMA table_info("{tables[0]}")')}
        if not {"twice", "marked"} <= columns:
            return (0, 0, 0, 0, 0)
        query = f'SELECT count(twice), count(DISTINCT CASE WHEN twice IS NOT NULL THEN v END), sum(twice) / 2, sum(twice), sum(marked) FROM "{tables[0]}"'
        return connection.execute(query).fetchone()


def are_tried(command, path, directory):
    """What `config test`, `run --once` and `doctor` say of the configuration; records that end their process are refused there."""
    config = ("--config", path.agent.configuration)
    trial = directory / "trial.test"
    trial.write_text('line/press {"v":4}\n')
    told = command("config", "test", trial, "--print", *config)
    if "refused" not in told:
        assert '-> answered line/press @2026-01-01T00:00:00Z {"marked":1,"twice":8,"v":4}' in told, told
    day = directory / "day.ndjson"
    day.write_text("".join(f'{{"v":{n}}}\n' for n in range(400)))
    came = [json.loads(line) for line in command("run", "--once", day, "--json", "--stream", "line/press", *config).splitlines()]
    landed = [said["record"] for said in came if said.get("lane") == "answered"]
    refused = [said for said in came if "refused" in said]
    assert len(landed) + len(refused) == 400 and 0 < len(refused) < 100, came[-3:]
    assert all(record["twice"] == 2 * record["v"] and record["marked"] == 1 for record in landed), landed[:3]
    assert {said["why"] for said in refused} == {"its process: exit status 1: unlucky"}, refused[:3]
    checks = {check["name"]: check for check in json.loads(command("doctor", "--json", *config))["checks"]}
    assert checks["sandbox"]["text"], checks


def land_once(place, path):
    path.start()
    over_kills(place, path, lambda n: {"v": n}, BATCHES, BATCH, KILLS, (0.3, 1.0))
    records = BATCHES * BATCH
    total = records * (records - 1) // 2
    expected = (records, records, total, 2 * total, records)
    with contextlib.suppress(TimeoutError):
        wait_for("all answers to land", lambda: _landed(path.collector.database) == expected, 120)
    assert _landed(path.collector.database) == expected, (_landed(path.collector.database), expected)


def is_replaced(path, program):
    """Another program in the file of one that runs answers within seconds, without a reload."""
    program.write_text(PYTHON.replace("1 / 60", "0").replace("2 *", "3 *"))
    feeder, numbers = HttpFeeder(path.http_port, "/ingest/press", name="replaced"), iter(range(1_000_000, 1_001_000))

    def answered():
        assert feeder.post([json.dumps({"v": next(numbers)}).encode()])
        with contextlib.closing(sqlite3.connect(path.collector.database, timeout=20)) as connection:
            return connection.execute('SELECT count(*) FROM "line/press" WHERE v >= 1000000 AND twice = 3 * v').fetchone()[0] > 0

    wait_for("the other program to answer", answered, 60, 0.5)
