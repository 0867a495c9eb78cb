"""The report of tests/peers: its golden shape, what is wrong with one, and the table for people."""

import pathlib

from paths import PATHS

GOLDEN = pathlib.Path(__file__).resolve().parent / "run.golden"
OURS = ("pinaflux", "pinaflux_http")  # What is judged: whoever acknowledges there is ours, or lives.
TITLES = {"pinaflux": "Pinaflux, MQTT", "pinaflux_broker_killed": "Pinaflux, MQTT, local broker killed, too",
          "pinaflux_http": "Pinaflux, HTTP", "mosquitto": "bridge, saves every second",
          "mosquitto_default": "bridge, default saves"}
ROWS = (("acknowledged", "acknowledged"), ("acknowledged, then lost", "lost"), ("landed", "landed"),
        ("duplicates, sent once", "duplicates"), ("duplicates, sent again by the producer", "resent_duplicates"),
        ("crashes of its own", "crashes"), ("bytes on the wire, up", "wire_bytes_up"), ("bytes on the wire, down", "wire_bytes_down"),
        ("bytes written at the gateway", "written_bytes"), ("peak memory of the gateway, KiB", "peak_kb"),
        ("records drained", "drained"), ("link back to the first of them, s", "drain_first_s"), ("drain from link back to the last, records/s", "drain_per_s"),
        ("CPU s per million landed, whole path", "cpu_s_per_million"),
        ("CPU s per million landed, gateway", "gateway_cpu_s_per_million"))
FREE = ("cpu_s", "cpu_s_by_phase")  # Their keys are names of processes.


def measured(report):
    return [name for name in PATHS if name in report]


def ratio(report):
    """Ours over the bridge's that saves every second, of the whole path and of the gateway alone."""
    found = {}
    for name in OURS:
        for key in ("cpu", "gateway_cpu"):
            whole = f"{key}_s_per_million"
            known = name in report and report.get("mosquitto", {}).get(whole)
            found[f"{name}_{key}_ratio"] = round(report[name][whole] / report["mosquitto"][whole], 3) if known else None
    return found


def findings(report):
    """What must not be. Speed is no reason."""
    wrong = []
    for name in measured(report):
        found = report[name]
        if found["acknowledged"] != report["records"]:
            wrong.append(f"{name}: {found['acknowledged']} of {report['records']} records were acknowledged")
        if name in OURS:
            wrong += [f"{name}: {key} {found[key]}" for key in ("lost", "duplicates", "resent_duplicates", "strangers", "crashes") if found[key]]
            wrong += [f"{name}: pinaflux-collector verify does not say complete"] * (found["verified"] is not True)
            continue
        if not found["landed"] or not found["drained"]:
            wrong.append(f"{name}: it delivered {found['landed']} records, {found['drained']} of them in the drain")
        if found["lost"] and report["kills"] == 0:  # It would be no peer: our mistake, not its.
            wrong.append(f"{name}: it lost {found['lost']} although nobody was killed: it is not set up as it should be")
    return wrong


def typed_keys(report):
    """{"key type"}, those of every path under one name: PATH."""
    kind = {type(None): "bool", int: "int", float: "float", str: "str", bool: "bool", dict: "dict"}
    keys = {f"{key} {kind[type(value)]}" for key, value in report.items() if key not in PATHS and not key.endswith("_ratio")}
    keys |= {f"{key} float" for key in report if key.endswith("_ratio")}
    for name in measured(report):
        keys |= {f"PATH.{key} {kind[type(value)]}" for key, value in report[name].items()}
    return keys


def shape(report):
    """What differs from the golden list of keys and their types."""
    golden, found = set(GOLDEN.read_text().splitlines()), typed_keys(report)
    return [f"'{key}' is gone" for key in sorted(golden - found)] + [
        f"'{key}' is not in {GOLDEN.name}" for key in sorted(found - golden)]


def show(value):
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def table(report):
    names = measured(report)
    lines = ["| | " + " | ".join(TITLES[name] for name in names) + " |", "|---" * (len(names) + 1) + "|",
             *("| " + " | ".join([title, *(show(report[name][key]) for name in names)]) + " |" for title, key in ROWS), ""]
    lines += [f"{TITLES[name]}: {report[name]['version']}; CPU s "
              + ", ".join(f"{process} {seconds}" for process, seconds in report[name]["cpu_s"].items()) for name in names]
    lines.append(f"{report['records']:,} records of {report['record_bytes']} bytes, {report['kills']} kills, seed {report['seed']}")
    for name in OURS:
        whole, gateway = (report[f"{name}_{key}_ratio"] for key in ("cpu", "gateway_cpu"))
        if whole is not None:
            lines.append(f"{TITLES[name]}: {whole} of the bridge's CPU per landed record on the whole path, {gateway} at the gateway")
    return "\n".join(lines)
