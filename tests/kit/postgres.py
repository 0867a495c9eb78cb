"""A PostgreSQL server of a test's own: a fresh cluster, a Unix socket, and on request TLS on loopback; ended by process id."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

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
    """`certificate` (a certificates.Certificate or (certificate file, key file)): it also listens on a loopback port, with TLS
    and a password, for the user `collector`."""

    PASSWORD = "only-for-tests"

    def __init__(self, name="postgres", certificate=None, settings=()):
        self.user, become = _as_nobody()
        self.bin = programs()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="pinaflux-pg-"))
        self.data = self.home / "data"
        self.port = free_port()
        self._give(self.home)
        os.chmod(self.home, 0o755)
        self._become = become
        self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        lines = [f"port = {self.port}", f"unix_socket_directories = '{self.home}'", "listen_addresses = ''",
                 "max_connections = 60", "shared_buffers = 32MB", "log_min_messages = warning", *settings]
        if certificate:
            lines += self._tls(certificate)
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write("\n".join(lines) + "\n")
        super().__init__(name, self.home / "log", [*become, self.bin / "postgres", "-D", self.data])

    def _give(self, path):
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _run(self, program, *arguments):
        subprocess.run([*self._become, self.bin / program, *map(str, arguments)], check=True, capture_output=True, cwd="/")

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
        return ["listen_addresses = '127.0.0.1'", "ssl = on", f"ssl_cert_file = '{files[0]}'", f"ssl_key_file = '{files[1]}'"]

    def address(self, database="postgres"):
        return f"postgresql://postgres@/{database}?host={self.home}&port={self.port}"

    def start(self):
        super().start()
        wait_for(f"{self.name} to answer", lambda: self._answers() or not self.running(), seconds=60)
        assert self.running(), f"{self.name} ended at once:\n{self.tail()}"
        return self

    def _answers(self):
        return subprocess.run([self.bin / "pg_isready", "-q", "-h", self.home, "-p", str(self.port)], check=False).returncode == 0

    def query(self, sql, database="postgres"):
        """The rows, each a list of texts."""
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.address(database), "-c", sql],
                              capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return [line.split("\t") for line in done.stdout.splitlines()]

    def processes(self):
        """The server and all that it has started."""
        children = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
        found = [self.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def _signal(self, number):
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def freeze(self):
        self._signal(signal.SIGSTOP)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def kill(self):
        """SIGKILL to all of it, as a power cut: the next start() recovers."""
        mine = [pid for pid in self.processes() if pid != self.pid]
        super().kill()
        for pid in mine:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_for("its processes to be gone", lambda: not any(os.path.exists(f"/proc/{pid}/exe") and _alive(pid) for pid in mine))

    def stop(self, seconds=30):
        """Its fast shutdown: sessions are ended."""
        if self.running():
            os.kill(self.pid, signal.SIGINT)
            self.process.wait(seconds)
        return super().stop(seconds)

    def end(self):
        if self.running():
            self.thaw()
        super().end()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.end()


def _alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
