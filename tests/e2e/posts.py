"""What leaves by HTTP: envelopes to our collector, through a server that speaks TLS before it."""

import pathlib
import socket
import ssl
import threading

import landed
from certificates import Authority
from connect_proxy import ConnectProxy
from feed import HttpFeeder
from services import Collector, free_port, wait_for


class TlsFront:
    """Speaks TLS to those who dial it, and passes on to a port what they say: as nginx would."""

    def __init__(self, target_port, certificate, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cut = False
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        try:
            if self.cut:
                raise OSError("cut")
            near = self.context.wrap_socket(near, server_side=True)
            far = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
            far.settimeout(None)
        except OSError:
            near.close()
            return
        self.connections += [near, far]
        threading.Thread(target=self._pipe, args=(far, near), daemon=True).start()
        self._pipe(near, far)

    def _pipe(self, source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def drop(self):
        connections, self.connections = self.connections, []
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.cut = True
        self.listener.close()
        self.drop()


def envelopes_by_https(place, path, feed):
    """Over kills of both ends and cuts, and then through a proxy, everything lands once; no broker is needed."""
    authority = Authority(pathlib.Path(place.directory) / "ca")
    certificate = authority.issue("front", ("IP:127.0.0.1", "DNS:localhost"))
    http_port = free_port()
    path.collector = place.keep(Collector(place.directory, place.collector_program, None, name="collector-http",
                                          options=["--http", f"tcp://127.0.0.1:{http_port}"]))
    front = TlsFront(http_port, *certificate)
    place.stack.callback(front.close)
    text = path.configuration(path.sources)
    uplink = f'uplink: {{broker: "https://localhost:{front.port}", ca: "{authority.certificate}", back_off_max: 1s}}\n'
    path.agent.write_configuration(text[:text.index("uplink:")] + uplink)
    path.collector.start()
    path.agent.start()
    feeder = HttpFeeder(path.http_port, "/ingest/press")
    feed(path, feeder, 500)
    wait_for("the first records to land", lambda: landed.compare(path.collector.database, path.ledger)["lost"] == 0, 60)
    for _ in range(3):
        front.cut = True
        front.drop()
        feed(path, feeder, 300)
        front.cut = False
        feed(path, feeder, 300)
        front.drop()
        path.collector.kill()
        feed(path, feeder, 300)
        path.collector.start()
        feed(path, feeder, 300)
        path.agent.kill()
        path.agent.start()
    assert path.agent.stop() == 0
    proxy = ConnectProxy().start()
    place.stack.callback(proxy.stop)
    path.agent.write_configuration(text[:text.index("uplink:")] + uplink.replace(
        "ca:", f'proxy: "http://127.0.0.1:{proxy.port}", ca:'))
    path.agent.start()
    feed(path, feeder, 300)
    result = path.settle()
    assert set(proxy.asked) == {f"CONNECT localhost:{front.port} HTTP/1.1"}, proxy.asked
    assert result["landed"] == path.ledger.produced, result
    status = path.agent.status()["uplink"]
    assert status["state"] == "working" and status["broker"].startswith("https://"), status
    assert path.agent.stop() == 0 and path.collector.stop() == 0
