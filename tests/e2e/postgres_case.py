"""A collector lands in PostgreSQL, over TLS, with a password from a file; what it cannot reach or believe it names."""

import os
import subprocess

from certificates import Authority
from feed import HttpFeeder
from postgres import Postgres
from services import Collector, wait_for


def lands(place, path, feed):
    authority = Authority(place.path("pg-ca"))
    with Postgres(certificate=authority.issue("server", ("IP:127.0.0.1", "DNS:localhost"))) as server:
        server.query(f"CREATE ROLE collector LOGIN PASSWORD '{Postgres.PASSWORD}'")
        server.query("CREATE DATABASE landed OWNER collector")
        password = place.path("password")
        password.write_text(f"127.0.0.1:{server.port}:*:collector:{Postgres.PASSWORD}\n")
        os.chmod(password, 0o600)
        base = f"postgresql://collector@127.0.0.1:{server.port}"

        def address(database="landed", ca=authority.certificate, passfile=password):
            return f"{base}/{database}?sslmode=verify-full&sslrootcert={ca}&passfile={passfile}"

        def refused(database, status, words):
            done = subprocess.run([place.collector_program, "run", "--broker", f"tcp://127.0.0.1:{path.upstream.port}",
                                   "--database", database], capture_output=True, text=True, timeout=60)
            assert done.returncode == status and words in done.stderr, (database, done)
            assert Postgres.PASSWORD not in done.stdout + done.stderr

        refused(f"{base.replace('collector@', f'collector:{Postgres.PASSWORD}@')}/landed", 78, "put it into a file")
        refused(address(ca=Authority(place.path("other-ca")).certificate), 77, "certificate is not believed")
        refused(address(passfile="/dev/null"), 77, "check user, password")
        refused(address(database="other"), 66, "create it")
        refused(f"postgresql://postgres@/landed?host={server.home}&port={server.port}&nonsense=1", 78, "no address of a database")

        path.collector.end()
        path.collector = place.keep(Collector(place.directory, place.collector_program, path.upstream.port, name="postgres",
                                              database=address()))
        path.start()
        feeder = HttpFeeder(path.http_port, "/ingest/press")

        def feed_by(count):
            feed(path, feeder, count)

        feed_by(2_000)
        server.freeze()
        feed_by(100)
        server.thaw()
        server.stop()
        feed_by(1_000)
        server.start()
        feed_by(1_000)
        wait_for("all to land", lambda: path.agent.queued() == 0, seconds=120)
        status, report = path.collector.verify()
        assert status == 0 and report["missing"] == 0 and report["duplicates"] == 0, report
        rows = server.query('SELECT count(*), count(DISTINCT (_lane, _seq)) FROM pinaflux."line/press"', "landed")
        assert rows == [["4100", "4100"]], rows
        used = server.query("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename='collector'")
        assert used == [["t"]], used
