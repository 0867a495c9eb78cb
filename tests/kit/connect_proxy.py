"""An HTTP proxy on loopback that knows CONNECT alone, asks for a user where it is told to, and can be stopped and started."""

import base64
import socket
import threading

HEAD_BYTES_MAX = 16 * 1024


def read_head(connection):
    """What comes, to the empty line."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = connection.recv(1)
        if not more or len(head) == HEAD_BYTES_MAX:
            raise EOFError
        head += more
    return head.decode("latin-1")


def pump(source, sink):
    """Passes all on, and the end of it."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def lead(near, head, user=None):
    """Answers a CONNECT, and passes on what follows until both ends have closed. True: it led somewhere."""
    method, where, _ = head.split(" ", 2)
    wanted = user and "Basic " + base64.b64encode(user.encode()).decode()
    if wanted and f"\r\nProxy-Authorization: {wanted}\r\n" not in head:
        near.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"plant\"\r\n\r\n")
        return False
    if method != "CONNECT":
        near.sendall(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
        return False
    host, port = where.rsplit(":", 1)
    try:
        far = socket.create_connection((host.strip("[]"), int(port)), timeout=20)
    except OSError:
        near.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        return False
    with far:
        far.settimeout(None)
        near.settimeout(None)
        near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=pump, args=(far, near), daemon=True)
        back.start()
        pump(near, far)
        back.join()
    return True


class ConnectProxy:
    def __init__(self, user=None):
        self.user = user  # "NAME:PASSWORD"
        self.asked = []   # The first line of each request.
        self.port = 0
        self.lock = threading.Lock()
        self.connections = set()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(near,), daemon=True).start()

    def _one(self, near):
        with self.lock:
            self.connections.add(near)
        try:
            head = read_head(near)
            self.asked.append(head.split("\r\n", 1)[0])
            lead(near, head, self.user)
        except (OSError, EOFError, ValueError):
            pass
        finally:
            with self.lock:
                self.connections.discard(near)
            near.close()
