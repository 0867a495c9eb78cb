"""Masked values are nowhere: a canary under each operator, over reloads, kills, refusals and dead letters; the control without a mask shows them all."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import time
import urllib.request

from feed import HttpFeeder
from feeding import Feeding
from services import wait_for

# Field, its value as it comes, what of it must not be seen anywhere.
CANARIES = {
    "dropped": ("drop-7f3a91c4", "drop-7f3a91c4"),
    "token": ("hmac-7f3a91c4", "hmac-7f3a91c4"),
    "word": ("replace-7f3a91c4", "replace-7f3a91c4"),
    "short": ("tr-7f3a91c4", "-7f3a91c4"),
    "unlisted": ("allow-7f3a91c4", "allow-7f3a91c4"),
    "note": ("to canary7f3a@mail.example or so", "canary7f3a@mail.example"),
    "iban": ("DE89370400440532013000", "DE89370400440532013000"),
    "badge": ("see emp-731946 there", "emp-731946"),
    "serial": ("731946028517364", "731946028517364"),
    "level": (731946.28517, "731946.28517"),
    "rounded": (918273.64551, "918273.64551"),
    "noisy": (546372.81909, "546372.81909"),
    "seen": ("2026-07-25T06:14:09.731946Z", "06:14:09.731946"),
    "lat": (52.7319461, "52.7319461"),
    "lon": (13.7319462, "13.7319462"),
}


def mask(key):
    return (f"keys:\n  people: {{file: {key}}}\n"
            "mask:\n"
            "  - {stream: \"line/**\", allow: [v, token, word, short, note, iban, badge, serial, level, rounded, noisy, seen, lat, lon, dropped, id, ts], others: drop}\n"
            "  - {field: dropped, with: drop}\n"
            "  - {field: token, with: hmac, key: people}\n"
            "  - {field: word, with: replace, text: \"-\"}\n"
            "  - {field: short, with: truncate, length: 2}\n"
            "  - {field: note, value: email, with: replace, text: \"[removed]\"}\n"
            "  - {value: iban, with: replace, text: \"[removed]\"}\n"
            "  - {match: '\\bemp-[0-9]{6}\\b', with: hmac, key: people}\n"
            "  - {field: serial, with: ff1, key: people}\n"
            "  - {field: level, with: bucket, width: 1000}\n"
            "  - {field: rounded, with: round, step: 1000}\n"
            "  - {field: noisy, with: noise, width: 50, key: people}\n"
            "  - {field: seen, with: coarsen, to: 1h}\n"
            "  - {with: grid, lat: lat, lon: lon, cell: 500}\n"
            "  - {name: stream, stream: \"line/**\", match: 'ward-[0-9a-f]+', with: hmac, key: people}\n")


STREAM = "ward-7f3a91c4"
PIPELINE = "pipeline:\n  checked: {from: line, schema: {fields: [{name: v, type: int, max: 900}]}}\n"


def reading(v):
    return json.dumps({"v": v, **{name: value for name, (value, _) in CANARIES.items()}}).encode()


def _found(texts):
    """Canaries in these texts, with the first place of each."""
    wanted = {name: seen for name, (_, seen) in CANARIES.items()} | {"stream": STREAM}
    return {name: next(where for where, text in texts.items() if seen in text) for name, seen in wanted.items()
            if any(seen in text for text in texts.values())}


def _landed(database):
    if not database.exists():
        return ""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as connection:
        return "\n".join(connection.iterdump())


def _said(place, path, command):
    """Everything that the agent says, keeps or sends, as text."""
    config = ("--config", path.agent.configuration)
    texts = {"log": path.agent.log.read_text(), "collector's log": path.collector.log.read_text(), "landed": _landed(path.collector.database)}
    for arguments in (("status", "--socket", path.agent.socket), ("status", "--json", "--socket", path.agent.socket), ("queue", "stats", "--json", *config),
                      ("queue", "peek", "--lane", "normal", "--count", "1000", *config), ("dead-letters", "list", *config), ("dlq", "list", "--json", *config),
                      ("schema", "list", "--json", *config), ("graph", path.agent.configuration)):
        texts[" ".join(map(str, arguments[:2]))] = command(*arguments)
    texts["doctor"] = subprocess.run([*place.prefix, place.agent_program, "doctor", *config], capture_output=True, text=True, timeout=60).stdout
    letters = json.loads(command("dead-letters", "list", "--json", *config))["letters"]
    for letter in letters:
        texts[f"letter {letter['id']}"] = command("dead-letters", "show", str(letter["id"]), *config)
    for page in ("metrics", "healthz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{path.agent.metrics_port}/{page}", timeout=10) as answer:
            texts[page] = answer.read().decode()
    for file in place.path("spool").iterdir():
        texts[file.name] = file.read_bytes().decode("latin-1")
    return texts, letters


def are_nowhere(place, path, configuration, command):
    key = place.path("people.key")
    key.write_text("k" * 32 + "\n")
    key.chmod(0o600)
    masked = configuration(mask(key) + PIPELINE)
    path.agent.write_configuration(masked)
    path.start()
    feeder = HttpFeeder(path.http_port, f"/ingest/{STREAM}")
    heard = place.path("tap.txt").open("w")
    taps = []

    def listen():
        taps.append(subprocess.Popen([*place.prefix, place.agent_program, "tap", "--socket", path.agent.socket], stdout=heard, stderr=heard))
        place.stack.callback(taps[-1].kill)

    def feed(stop):
        broken, n = HttpFeeder(path.http_port, f"/ingest/{STREAM}", name="broken", keyed=False), 0
        while not stop.is_set():
            n += 1
            assert feeder.post([reading(n % 1000), reading(990 if n % 4 == 0 else 5)])
            if n % 10 == 0:
                with contextlib.suppress(Exception):  # It is refused, or the agent is away.
                    broken.post([reading(1)[:-9]])
            time.sleep(0.01)

    feeding = Feeding(feed)
    for round_ in range(3):
        listen()
        time.sleep(0.6)
        generation = path.agent.status()["configuration"]
        path.agent.write_configuration(masked + f"# {round_}\n")
        path.agent.process.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda g=generation: (s := path.agent.status()) and s["configuration"] != g, 20)
        path.agent.write_configuration(masked.replace("  - {field: dropped, with: drop}\n", ""))
        path.agent.process.send_signal(signal.SIGHUP)  # It would let more through.
        wait_for("its refusal", lambda n=round_: path.agent.log.read_text().count("let more through") > n, 20)
        path.agent.write_configuration(masked + f"# {round_}\n")
        path.agent.kill()
        path.agent.start()
    path.upstream.stop()
    wait_for("records to wait in the queue", lambda: (path.agent.queued() or 0) > 10, 60)
    wait_for("dead letters", lambda: any(x["reason"] == "node_failed" for x in json.loads(
        command("dlq", "list", "--json", "--config", path.agent.configuration))["letters"]), 60)
    feeding.end()
    texts, letters = _said(place, path, command)
    assert {letter["reason"] for letter in letters} >= {"node_failed"}, letters
    heard.flush()
    texts["tap"] = place.path("tap.txt").read_text()
    assert '"v":5' in texts["tap"] and '"v":5' in texts["queue peek"] and texts["landed"].count("INSERT") > 5
    assert not _found(texts), _found(texts)
    path.upstream.start()
    path.agent.stop()
    # The control: what the same search finds where nothing is masked.
    path.agent.write_configuration(configuration(PIPELINE))
    path.agent.start()
    path.upstream.stop()
    assert feeder.post([reading(1), reading(990)])
    texts, _ = _said(place, path, command)
    missing = set(CANARIES) | {"stream"}
    missing -= set(_found(texts))
    assert not missing, missing
