"""The negative control of tests/peers: a judge that is handed what is wrong must say so."""

import copy

from course import judge
from load import Account
from report import GOLDEN, findings, shape

COUNT = 10


def made_account():
    """Ten records, acknowledged; the last two were sent twice."""
    account = Account(COUNT)
    account.send(range(COUNT))
    account.send(range(COUNT - 2, COUNT))
    account.acknowledged[:] = bytes([1] * COUNT)
    return account


def made_report():
    """One that passes, made from the golden list."""
    values = {"int": 0, "float": 1.0, "str": "", "bool": True, "dict": {}}
    report, path = {}, {}
    for line in GOLDEN.read_text().splitlines():
        key, kind = line.split()
        if key.startswith("PATH."):
            path[key[5:]] = values[kind]
        else:
            report[key] = values[kind]
    report["kills"] = 2
    report["records"] = path["acknowledged"] = path["landed"] = path["drained"] = COUNT
    return report | {name: copy.deepcopy(path) for name in ("pinaflux", "pinaflux_http", "mosquitto")}


def judged():
    """(name, what landed, the expected lost, duplicates, resent_duplicates, strangers)"""
    whole = {n: 1 for n in range(COUNT)}
    yield "all is there", whole, (0, 0, 0, 0)
    yield "one row is dropped", {n: 1 for n in whole if n != 3}, (1, 0, 0, 0)
    yield "nothing landed", {}, (COUNT, 0, 0, 0)
    yield "one is there twice", whole | {3: 2}, (0, 1, 0, 0)
    yield "one that was sent again is there thrice", whole | {9: 3}, (0, 0, 2, 0)
    yield "one that nobody sent", whole | {99: 1}, (0, 0, 0, 1)


def mistakes():
    """(name, what is done to a report that passes)"""
    def at(name, **values):
        return lambda report: report[name].update(values)
    yield "ours lost one", at("pinaflux", lost=1)
    yield "ours landed one twice", at("pinaflux_http", duplicates=1)
    yield "ours landed twice what was sent again", at("pinaflux_http", resent_duplicates=1)
    yield "ours landed what nobody sent", at("pinaflux", strangers=1)
    yield "ours crashed", at("pinaflux", crashes=1)
    yield "verify is not complete", at("pinaflux", verified=False)
    yield "not all was acknowledged", at("pinaflux", acknowledged=COUNT - 1)
    yield "the bridge delivered nothing", at("mosquitto", landed=0)
    yield "the bridge drained nothing", at("mosquitto", drained=0)
    yield "the bridge lost some without a kill", lambda report: (report.update(kills=0), report["mosquitto"].update(lost=5))
    yield "a key is gone", lambda report: [report[name].pop("peak_kb") for name in ("pinaflux", "pinaflux_http", "mosquitto")]
    yield "a key is new", at("mosquitto", surprise=1)
    yield "a ratio is gone", lambda report: report.pop("pinaflux_cpu_ratio")


def self_test():
    failed, count = [], 0
    for name, counts, expected in judged():
        count += 1
        found = judge(made_account(), counts)
        got = tuple(found[key] for key in ("lost", "duplicates", "resent_duplicates", "strangers"))
        if got != expected:
            failed.append(f"{name}: {got} instead of {expected}")
    for name, spoil in (("a sound report", lambda report: None), ("the bridge lost some", lambda r: r["mosquitto"].update(lost=5))):
        count += 1
        report = made_report()
        spoil(report)
        if found := findings(report) + shape(report):
            failed.append(f"{name} is refused: {found}")
    for name, spoil in mistakes():
        count += 1
        report = made_report()
        spoil(report)
        if not findings(report) + shape(report):
            failed.append(f"not caught: {name}")
    print(*failed, sep="\n", end="\n" * bool(failed))
    print(f"{count - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0
