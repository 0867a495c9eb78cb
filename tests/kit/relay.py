"""A TCP relay that counts what passes in both directions, and that can be cut."""

import selectors
import socket
import threading
import time


class Relay:
    def __init__(self, target_port, port=0):
        self.target_port = target_port
        self.sent = 0      # From those who dialled us to the target.
        self.received = 0  # And back.
        self.bytes_per_second = None  # To the target; None: as fast as it goes.
        self.accepted_at = None  # When the last connection was taken, time.monotonic().
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.pairs = {}
        self.lock = threading.Lock()
        self.cut = False
        self.closed = False
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while not self.closed:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.cut:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            self.accepted_at = time.monotonic()
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.pairs[near] = far
            threading.Thread(target=self._pump, args=(near, far), daemon=True).start()

    def _pump(self, near, far):
        selector = selectors.DefaultSelector()
        selector.register(near, selectors.EVENT_READ, far)
        selector.register(far, selectors.EVENT_READ, near)
        try:
            while True:
                for key, _ in selector.select():
                    pace = self.bytes_per_second if key.fileobj is near else None
                    data = key.fileobj.recv(max(1, pace // 50) if pace else 65536)
                    if not data:
                        return
                    if pace:
                        time.sleep(len(data) / pace)
                    if key.fileobj is near:
                        self.sent += len(data)
                    else:
                        self.received += len(data)
                    key.data.sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.pairs.pop(near, None)
            selector.close()
            for end in (near, far):
                end.close()

    def drop(self):
        """Ends every connection now."""
        with self.lock:
            pairs = list(self.pairs.items())
        for near, far in pairs:
            for end in (near, far):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.closed = True
        self.listener.close()
        self.drop()
