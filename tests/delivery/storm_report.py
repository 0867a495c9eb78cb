"""The storm's report, what is wrong with one, and the golden list of its keys and their types."""

import dataclasses
import pathlib

import storm_controls as controls
from fault_proxy import KINDS
from storm_judge import judge

SCHEMA = "pinaflux.storm/1"
SHAPE = "the report has its golden shape"
GOLDEN = pathlib.Path(__file__).resolve().parent / "storm.golden"

# Measured: an agent's RSS does not move by the connections alone (26 KB in 1,386 cuts of 24 agents without readings).
# With readings each touches a page of its heap late now and then: 5 to 21 KB in the second half of the 30 cuts that it
# gets in a short storm (slopes of 360 to 1,400), and hardly any later (107 in the second half of 3,000 cuts). So a long
# campaign has a limit near the first figure, and finds what leaks by bytes; a short one finds a connection's TLS state
# left behind, which is 10,000 KB in 1,000 cuts and more.
SLOPE_MAX_KB = 64.0
LATE_KB = 64.0         # Of each agent.
WHOLE_CUTS_MIN = 500   # Fewer say nothing about a slope, and need not bring every fault.


def slope_max(gateways, cuts):
    """In KB per 1,000 cuts, over all agents."""
    return round(SLOPE_MAX_KB + LATE_KB * gateways / max(cuts, 1) * 1000, 1)


def report_of(world, drained):
    """What is known once it is calm; the caller adds what it has measured."""
    database, truth = world.collector.database, world.truth
    _, proof = world.collector.verify()
    uplinks = [status["uplink"] for gateway in world.gateways if (status := gateway.agent.status())]
    world.collector.stop()
    return {"schema": SCHEMA, "cuts": world.cuts} | dataclasses.asdict(judge(database, truth)) | {
        "drained": drained,
        "faults": {kind: sum(link.broken[kind] for link in world.links) for kind in KINDS},
        "mid_packet": sum(link.mid_packet for link in world.links),
        "broker_restarts": world.restarts, "collector_kills": world.kills, "echoed": world.echo.published,
        "connects": sum(uplink["connects"] for uplink in uplinks),
        "redelivered": proof["redelivered"],
        "verify": {key: proof[key] for key in ("complete", "lost", "missing", "outstanding", "duplicates", "extra", "forks")},
        "controls": controls.seen(database, truth)}


def typed_keys(value, path=""):
    """{"key.inner type"} of a report."""
    if isinstance(value, dict):
        return {key for name, inner in value.items() for key in typed_keys(inner, f"{path}.{name}" if path else name)}
    return {f"{path} {type(value).__name__}"}


def wrong_shape(report):
    golden, found = set(GOLDEN.read_text().splitlines()), typed_keys(report)
    yield from (f"'{key}' is gone" for key in sorted(golden - found))
    yield from (f"'{key}' is not in {GOLDEN.name}" for key in sorted(found - golden))
    if report.get("schema") != SCHEMA:
        yield f"the schema is not {SCHEMA}"


def wrong_delivery(report):
    for key, what in (("lost", "records were acknowledged and did not land"), ("duplicates", "records landed twice"),
                      ("undeclared", "records are missing and nobody said so"), ("strays", "rows were never sent"),
                      ("out_of_order", "rows are not at their place in the lane")):
        if report[key]:
            yield f"{report[key]} {what}"
    if not report["verify"]["complete"] or report["verify"]["outstanding"]:
        yield f"`pinaflux-collector verify` is not content: {report['verify']}"
    if not report["drained"]:
        yield "the queues did not drain"


def wrong_storm(report, asked):
    """A storm that was none proves nothing. One that was asked to be short need not have seen everything."""
    if report["cuts"] < asked:
        yield f"{report['cuts']} cuts of {asked}"
    if not report["records"]:
        yield "no record was acknowledged"
    if report["cuts"] < WHOLE_CUTS_MIN:
        return
    yield from (f"no fault of the kind {kind}" for kind in KINDS if not report["faults"][kind])
    if not report["mid_packet"]:
        yield "no reset in the middle of a packet"
    yield from (f"no restart of the broker with its memory {kind}" for kind, n in report["broker_restarts"].items() if not n)
    if not report["collector_kills"]["before_ack"]:
        yield "the collector was never killed between its commit and its acknowledgement"
    if not report["echoed"] or not report["redelivered"]:
        yield "nothing was delivered twice"


def wrong_memory(report):
    slope, most = report["rss_slope_kb_per_1000"], report["rss_slope_max_kb_per_1000"]
    if report["cuts"] >= WHOLE_CUTS_MIN and slope > most:
        yield f"the agents grow by {slope} KB in 1,000 cuts, more than {most}"


def wrong_controls(report):
    yield from (f"the judge did not see {name.replace('_', ' ')}" for name, seen in report["controls"].items() if not seen)


def findings(report, asked):
    """{what was looked at: what is wrong with it}."""
    shape = list(wrong_shape(report))
    if any(text.endswith("is gone") for text in shape):
        return {SHAPE: shape}  # There is no more to look at.
    return {"every record landed once or was declared": list(wrong_delivery(report)),
            "the storm was one": list(wrong_storm(report, asked)),
            "memory does not grow with the cuts": list(wrong_memory(report)),
            "the judge sees a row that is taken away or doubled": list(wrong_controls(report)),
            SHAPE: shape}
