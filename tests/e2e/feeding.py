"""Records that come in a thread of their own, while something else happens to the agent."""

import json
import random
import threading
import time

from feed import HttpFeeder


class Feeding:
    """Calls `feed(stop)` in a thread; `end()` sets `stop`, waits, and raises what it raised."""

    def __init__(self, feed):
        self.stop, self.errors = threading.Event(), []
        self.thread = threading.Thread(target=self._run, args=(feed,), daemon=True)
        self.thread.start()

    def _run(self, feed):
        try:
            feed(self.stop)
        except Exception as error:  # noqa: BLE001
            self.errors.append(error)

    def join(self, seconds=300):
        self.thread.join(seconds)
        assert not self.thread.is_alive() and not self.errors, self.errors

    def end(self):
        self.stop.set()
        self.join()


def over_kills(place, path, record, batches, batch, kills, pause):
    """`batches` of `batch` records, record(n) each, acknowledged while the agent is killed after pauses of (least, most) seconds."""
    feeder, rng = HttpFeeder(path.http_port, "/ingest/press"), random.Random(place.arguments.seed)

    def feed(_stop):
        for first in range(0, batches * batch, batch):
            assert feeder.post([json.dumps(record(n)).encode() for n in range(first, first + batch)])
            time.sleep(0.02)

    feeding = Feeding(feed)
    for _ in range(kills):
        time.sleep(rng.uniform(*pause))
        path.agent.kill()
        path.agent.start()
    feeding.join()
