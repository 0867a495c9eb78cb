"""InfluxDB 1 as Debian has it, on loopback, in a directory of its own."""

import json
import os
import ssl
import urllib.parse
import urllib.request

from services import Service, answers, free_port, wait_for


def influxd_program():
    if os.path.exists("/usr/bin/influxd"):
        return "/usr/bin/influxd"
    raise FileNotFoundError("influxd is not installed: toolchains/setup --with-tests installs it (package influxdb)")


class Influx(Service):
    """`certificate`: (certificate, key), then it speaks TLS."""

    def __init__(self, directory, database="plant", certificate=None):
        self.port, self.database = free_port(), database
        self.scheme = "https" if certificate else "http"
        directory = directory / "influx"
        directory.mkdir(parents=True, exist_ok=True)
        tls = "" if not certificate else (f'https-enabled = true\nhttps-certificate = "{certificate[0]}"\n'
                                          f'https-private-key = "{certificate[1]}"\n')
        configuration = directory / "influx.conf"
        configuration.write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n'
            f'[meta]\ndir = "{directory}/meta"\n[data]\ndir = "{directory}/data"\nwal-dir = "{directory}/wal"\n'
            f'[monitor]\nstore-enabled = false\n'
            f'[http]\nbind-address = "127.0.0.1:{self.port}"\nlog-enabled = false\n{tls}')
        super().__init__("influxd", directory, [influxd_program(), "-config", configuration], environment={"HOME": str(directory)})

    def start(self):
        super().start()
        wait_for("influxd to listen", lambda: answers(self.port) or not self.running(), 60)
        assert self.running(), f"influxd ended at once:\n{self.tail()}"
        return self

    def create(self):
        self.query(f'CREATE DATABASE "{self.database}"', post=True)
        return self

    def url(self, database=None):
        host = "localhost" if self.scheme == "https" else "127.0.0.1"
        return f"{self.scheme}://{host}:{self.port}/write?db={database or self.database}"

    def query(self, text, post=False):
        """The rows of the first series; [] where there is none."""
        url = f"{self.scheme}://127.0.0.1:{self.port}/query?" + urllib.parse.urlencode({"db": self.database, "q": text, "epoch": "ns"})
        unchecked = ssl._create_unverified_context() if self.scheme == "https" else None
        with urllib.request.urlopen(urllib.request.Request(url, method="POST" if post else "GET"), timeout=30, context=unchecked) as answer:
            result = json.load(answer)["results"][0]
        assert "error" not in result, result
        return result["series"][0]["values"] if "series" in result else []
