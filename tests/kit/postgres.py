"""A PostgreSQL server of a test's own: a fresh cluster, a Unix socket, and on request TLS on loopback; ended by process id."""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from certificates import Authority
from services import Service, free_port, wait_for


def programs():
    """The folder of the newest server that is installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise FileNotFoundError("PostgreSQL is not installed: toolchains/setup --with-tests installs it")
    return found[-1].parent


def _as_nobody():
    """(user and group, the prefix that becomes them): PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return None, []
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user, ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    raise AssertionError("there is neither a user postgres nor nobody")


class Postgres(Service):
    """`certificate` (certificate file, key file): it also listens on a loopback port, with TLS and a password, and there is a
    user `pinaflux`, who owns the database `pinaflux` and is nothing more (address_tls)."""

    PASSWORD = "only-for-tests"

    def __init__(self, name="postgres", certificate=None, settings=()):
        self.user, become = _as_nobody()
        self.bin = programs()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="pinaflux-pg-"))
        self.data = self.home / "data"
        self.port = free_port()
        self.certificate = certificate
        self._give(self.home)
        os.chmod(self.home, 0o755)
        self._become = become
        # PostgreSQL's programs take much from these: a test is the same for everybody.
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        self._environment.update(HOME=str(self.home), LC_ALL="C")
        self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        # A kill leaves memory of the kernel's behind, but for what is mapped from files.
        lines = [f"port = {self.port}", f"unix_socket_directories = '{self.home}'", "listen_addresses = ''",
                 "dynamic_shared_memory_type = mmap", "max_connections = 60", "shared_buffers = 32MB",
                 "log_min_messages = warning", *settings]
        if certificate:
            lines += self._tls(certificate)
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write("\n".join(lines) + "\n")
        super().__init__(name, self.home / "log", [*become, self.bin / "postgres", "-D", self.data],
                         environment={"LC_ALL": "C"})
        self.fresh = True

    def _give(self, path):
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _run(self, program, *arguments):
        subprocess.run([*self._become, self.bin / program, *map(str, arguments)], check=True, capture_output=True, cwd="/",
                       env=self._environment)

    def _tls(self, certificate):
        files = []
        for source, name in zip(certificate, ("server.crt", "server.key")):
            target = self.data / name
            shutil.copyfile(source, target)
            os.chmod(target, 0o600)
            self._give(target)
            files.append(target)
        hba = self.data / "pg_hba.conf"
        hba.write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\nhostssl all all ::1/128 scram-sha-256\n")
        return ["listen_addresses = '127.0.0.1'", "ssl = on", f"ssl_cert_file = '{files[0]}'", f"ssl_key_file = '{files[1]}'",
                "password_encryption = scram-sha-256"]

    def address(self, database="postgres", user="postgres"):
        return f"postgresql://{user}@/{database}?host={self.home}&port={self.port}"

    def address_tls(self, ca, passfile=None, host="localhost", more=""):
        """With every check, and the password."""
        passfile = passfile or self.passfile()
        return (f"postgresql://pinaflux@{host}:{self.port}/pinaflux?sslmode=verify-full&sslrootcert={ca}"
                f"&passfile={passfile}{more}")

    def passfile(self, password=PASSWORD):
        path = self.home / f"password-{password}"
        path.write_text(f"*:*:*:*:{password}\n")
        path.chmod(0o600)
        return path

    def start(self):
        super().start()
        wait_for(f"{self.name} to answer", lambda: self._answers() or not self.running(), seconds=60)
        assert self.running(), f"{self.name} ended at once:\n{self.tail()}"
        if self.fresh and self.certificate:
            self.query(f"CREATE ROLE pinaflux LOGIN PASSWORD '{self.PASSWORD}'")
            self.query("CREATE DATABASE pinaflux OWNER pinaflux")
        self.fresh = False
        return self

    def _answers(self):
        return subprocess.run([self.bin / "pg_isready", "-q", "-d", self.address()], check=False, env=self._environment).returncode == 0

    def query(self, sql, database="postgres", address=None, seconds=120):
        """The rows, each a list of texts."""
        done = subprocess.run([self.bin / "psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1",
                               "-d", address or self.address(database), "-c", sql],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, env=self._environment)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return [line.split("\t") for line in done.stdout.splitlines()]

    def processes(self):
        """(id, time of start) of the server and of all that it has started, parents first."""
        table = {pid: stat for pid in _pids() if (stat := _stat(pid))}
        found = [self.pid] if self.running() else []
        for parent in found:  # It grows meanwhile.
            found += [pid for pid, stat in table.items() if stat["parent"] == parent]
        return [(pid, table[pid]["started"]) for pid in found if pid in table]

    def freeze(self):
        """Connections stay, and nothing is answered. The server first, so that it starts nothing; then until none is new."""
        frozen = []
        while new := [one for one in self.processes() if one not in frozen]:
            for one in new:
                _send(one, signal.SIGSTOP)
            frozen += new
        return frozen

    def thaw(self):
        for one in reversed(self.processes()):
            _send(one, signal.SIGCONT)

    def kill(self):
        """SIGKILL to all of it at one moment, as a power cut: the next start() recovers."""
        mine = self.freeze()
        super().kill()
        for one in mine:
            _send(one, signal.SIGKILL)
        wait_for("its processes to be gone", lambda: not any(_alive(one) for one in mine))

    def stop(self, seconds=30):
        """Its fast shutdown: sessions are ended."""
        if self.running():
            self.thaw()
            os.kill(self.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
                return super().stop(seconds)
            self.kill()
            raise TimeoutError(f"{self.name} did not end within {seconds} s of SIGINT")
        return super().stop(seconds)

    def end(self):
        super().end()
        with contextlib.suppress(OSError, IndexError, ValueError):  # Of one that was killed last: its lock file names it.
            segment = int((self.data / "postmaster.pid").read_text().splitlines()[6].split()[1])
            subprocess.run(["ipcrm", "-m", str(segment)], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.end()
            raise

    def __exit__(self, *_):
        self.end()


def _pids():
    return [int(path.name) for path in pathlib.Path("/proc").iterdir() if path.name.isdigit()]


def _stat(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return {"state": fields[0], "parent": int(fields[1]), "started": int(fields[19])}


def _alive(one):
    """The process itself, and not another that got its number."""
    pid, started = one
    stat = _stat(pid)
    return stat is not None and stat["started"] == started and stat["state"] not in "ZX"


def _send(one, number):
    if _alive(one):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one[0], number)


def self_test():
    """(passed, failed): what the class promises, on a real server."""
    outcomes = []

    def check(name, good):
        outcomes.append(bool(good))
        print(f"{'ok     ' if good else 'FAILED '} {name}", flush=True)

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        authority = Authority(folder)
        server = Postgres(certificate=authority.issue("postgres", ("DNS:localhost", "IP:127.0.0.1")))
        stack.callback(server.end)

        def refused(words, address):
            try:
                server.query("SELECT 1", address=address)
            except RuntimeError as error:
                return words in str(error)
            return False

        server.start()
        server.query("CREATE TABLE t AS SELECT n, n * n AS s FROM generate_series(1, 3) AS n")
        rows = [["1", "1"], ["2", "4"], ["3", "9"]]
        check("rows come back", server.query("SELECT * FROM t ORDER BY n") == rows)
        check("fsync is on", server.query("SHOW fsync") == [["on"]])
        everyone = server.processes()
        check("the server has children", len(everyone) > 3 and everyone[0][0] == server.pid)
        server.kill()
        check("killed, none of it lives", not any(_alive(one) for one in everyone))
        server.start()
        check("what was committed is there after a kill", server.query("SELECT * FROM t ORDER BY n") == rows)

        ca = authority.certificate
        tls = server.query("SELECT ssl, current_user FROM pg_stat_ssl WHERE pid = pg_backend_pid()", address=server.address_tls(ca))
        check("TLS, every check, a password", tls == [["t", "pinaflux"]])
        check("that user is no superuser", server.query("SHOW is_superuser", address=server.address_tls(ca)) == [["off"]])
        check("a wrong name is refused", refused("does not match host name", server.address_tls(
            ca, host="other.invalid", more="&hostaddr=127.0.0.1")))
        check("a wrong password is refused", refused("password authentication failed", server.address_tls(
            ca, passfile=server.passfile("another"))))
        other = Authority(pathlib.Path(folder) / "other", "Another CA").certificate
        check("an unknown issuer is refused", refused("certificate verify failed", server.address_tls(other)))
        check("without TLS nobody comes in over TCP", refused("no encryption", server.address_tls(ca).replace(
            "verify-full", "disable")))

        server.freeze()
        try:
            silent = server.query("SELECT 1", seconds=1) is None
        except subprocess.TimeoutExpired:
            silent = True
        check("frozen, it answers nothing", silent)
        server.thaw()
        check("thawed, it does", server.query("SELECT 1") == [["1"]])
        server.freeze()
        everyone = server.processes()
        check("frozen, it can be stopped, status 0", server.stop() == 0)
        check("stopped, none of it lives", not any(_alive(one) for one in everyone))
        server.start().kill()
        server.end()
        check("at the end its folder is gone", not server.home.exists())
    return sum(outcomes), len(outcomes) - sum(outcomes)
