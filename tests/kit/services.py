"""Services under test: started on loopback, watched by process id, ended by process id.

Every service keeps the kernel's accounts over its restarts: bytes written, peak memory, CPU seconds.
A kill -9 takes the account of the moment before with it, so it is read right before the kill.
"""

import contextlib
import itertools
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time
import urllib.request


def _ports():
    """Every port below those that the kernel gives to who dials, each once, from a random one on; with PINAFLUX_PORTS=I/N the
    I-th of N parts of them, for what runs beside others."""
    first_dialled = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = range(10_000, max(first_dialled, 12_000))
    part, parts = map(int, os.environ.get("PINAFLUX_PORTS", "0/1").split("/"))
    ports = ports[len(ports) * part // parts:len(ports) * (part + 1) // parts]
    begin = random.randrange(len(ports))
    return itertools.cycle([*ports[begin:], *ports[:begin]])


_PORTS = _ports()


def free_port():
    """A port that nobody listens on at this moment, and that nobody gets meanwhile who dials or asks here again."""
    for port in _PORTS:
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise AssertionError("the ports have no end")


def wait_for(what, condition, seconds=20.0, pause=0.02):
    """Waits until condition() is true; says what it waited for when it is not."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(pause)


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


class Service:
    """One program that may be started, ended and killed many times."""

    def __init__(self, name, directory, command, environment=None):
        self.name = name
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.command = [str(part) for part in command]
        self.environment = environment
        self.process = None
        self.starts = 0
        self.written_before = 0
        self.cpu_before = 0.0
        self.rss_peak_kb = 0
        self.log = self.directory / f"{name}.log"

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def running(self):
        return self.process is not None and self.process.poll() is None

    def start(self):
        assert not self.running(), f"{self.name} runs already"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=None if self.environment is None else {**os.environ, **self.environment})
        self.starts += 1
        return self

    def measure(self):
        """Reads the kernel's accounts; call it now and then, so that a peak is not missed."""
        if not self.running():
            return
        try:
            proc = pathlib.Path("/proc") / str(self.pid)
            status = dict(line.split(":", 1) for line in proc.joinpath("status").read_text().splitlines())
            self.rss_peak_kb = max(self.rss_peak_kb, int(status.get("VmHWM", "0 kB").split()[0]))
            io = dict(line.split(": ") for line in proc.joinpath("io").read_text().splitlines())
            fields = proc.joinpath("stat").read_text().rsplit(")", 1)[1].split()
            self._written = int(io["write_bytes"])
            self._cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, KeyError, ValueError):
            pass

    _written = 0
    _cpu = 0.0

    def _settle(self):
        self.written_before += self._written
        self.cpu_before += self._cpu
        self._written, self._cpu = 0, 0.0

    @property
    def written_bytes(self):
        return self.written_before + self._written

    @property
    def cpu_seconds(self):
        return self.cpu_before + self._cpu

    def kill(self):
        """SIGKILL: what a power cut does to a process. One that had ended by itself did not live to be killed."""
        self.measure()
        status = self.process.poll()
        assert status is None, f"{self.name} had ended by itself, status {status}:\n{self.tail()}"
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()
        self._settle()

    def stop(self, seconds=20):
        """SIGTERM; returns the exit status."""
        self.measure()
        if self.running():
            os.kill(self.pid, signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.kill(self.pid, signal.SIGKILL)
                self.process.wait()
                raise TimeoutError(f"{self.name} did not end within {seconds} s of SIGTERM") from None
        self._settle()
        return None if self.process is None else self.process.returncode

    def end(self):
        """However it stands: not running afterwards."""
        try:
            self.stop()
        except TimeoutError:
            pass

    def tail(self, lines=15):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


class Mosquitto(Service):
    """A broker on loopback. `extra` goes into its configuration file as it is."""

    def __init__(self, name, directory, port=None, persistence=False, extra=""):
        self.port = port or free_port()
        directory = pathlib.Path(directory) / name
        directory.mkdir(parents=True, exist_ok=True)
        os.chmod(directory, 0o777)
        self.configuration = directory / "mosquitto.conf"
        store = f"persistence true\npersistence_location {directory}/\n" if persistence else "persistence false\n"
        self.configuration.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\n{store}"
            f"user root\nmax_queued_messages 0\nmax_inflight_messages 0\nmax_queued_bytes 0\n"
            f"log_dest stderr\nlog_type error\nlog_type warning\n{extra}")
        super().__init__(name, directory, [mosquitto_program(), "-c", self.configuration])

    def start(self):
        super().start()
        wait_for(f"{self.name} to listen", lambda: answers(self.port) or not self.running())
        assert self.running(), f"{self.name} ended at once:\n{self.tail()}"
        return self


def mosquitto_program():
    for path in ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"):
        if os.path.exists(path):
            return path
    raise FileNotFoundError("mosquitto is not installed: toolchains/setup --with-tests installs it")


class Agent(Service):
    """`pinaflux run` on a configuration given as text; control and metrics sockets are added."""

    def __init__(self, directory, program, configuration, name="agent", prefix=()):
        directory = pathlib.Path(directory) / name
        directory.mkdir(parents=True, exist_ok=True)
        self.program = program
        self.configuration = directory / "pinaflux.yaml"
        self.socket = directory / "control.sock"
        self.metrics_port = free_port()
        self.write_configuration(configuration)
        super().__init__(name, directory, [*prefix, program, "run", "--config", self.configuration])

    def write_configuration(self, configuration):
        self.configuration.write_text(
            configuration + f"\ncontrol: {{socket: {self.socket}, listen: \"tcp://127.0.0.1:{self.metrics_port}\"}}\n")

    def start(self, wait=True):
        super().start()
        if wait:
            wait_for(f"{self.name} to start", lambda: answers(self.metrics_port) or not self.running())
            assert self.running(), f"{self.name} ended at once:\n{self.tail()}"
        return self

    def status(self):
        """What the running agent says of itself, or None while it cannot be asked."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/healthz", timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.loads(error.read())
        except (OSError, ValueError):
            return None

    def queued(self):
        status = self.status()
        return None if status is None else sum(lane["records_queued"] for lane in status["lanes"])


class Collector(Service):
    """`database`: where it lands, if not in a file of its own."""

    def __init__(self, directory, program, broker_port, name="collector", prefix=(), options=(), scheme="tcp", database=None):
        directory = pathlib.Path(directory) / name
        directory.mkdir(parents=True, exist_ok=True)
        self.program = program
        self.database = database or directory / "landed.db"
        self.metrics_port = free_port()
        super().__init__(name, directory, [
            *prefix, program, "run", "--broker", f"{scheme}://127.0.0.1:{broker_port}" if broker_port else "none",
            "--database", self.database,
            "--listen", f"tcp://127.0.0.1:{self.metrics_port}", *options])

    def start(self):
        super().start()
        wait_for(f"{self.name} to start", lambda: answers(self.metrics_port) or not self.running())
        assert self.running(), f"{self.name} ended at once:\n{self.tail()}"
        return self

    def verify(self):
        """(exit status, the report) of `pinaflux-collector verify`."""
        done = subprocess.run([self.program, "verify", "--database", self.database, "--json"],
                              capture_output=True, text=True, timeout=600)
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else {"error": done.stderr}
