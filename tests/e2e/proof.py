"""Nobody between gateway and collector can delete, forge or answer: the attacker here is the broker itself."""

import base64
import hashlib
import hmac
import subprocess
import threading

import landed
from feed import HttpFeeder
from mqtt import Publisher, Subscriber
from services import wait_for


class Attacker:
    """Reads everything that passes the broker, and writes whatever it likes."""

    def __init__(self, port):
        self.seen, self.lock = [], threading.Lock()
        self.subscriber = Subscriber(port, "attacker-in", "pinaflux/#", self._take, clean=True)
        self.publisher = Publisher(port, "attacker-out", lambda tag: None)
        wait_for("the attacker to listen", lambda: self.subscriber.connection and self.subscriber.connection.alive)

    def _take(self, topic, payload):
        with self.lock:
            self.seen.append((topic, payload))

    def heard(self, leaf):
        with self.lock:
            return [payload for topic, payload in self.seen if f"/gate/{leaf}" in topic]

    def say(self, leaf, payload):
        self.publisher.publish(f"pinaflux/gate/{leaf}", payload, leaf)
        assert self.publisher.drain()

    def close(self):
        self.subscriber.close()
        self.publisher.close()


def pairs(payload):
    """The pairs of a line, and those of its first line only."""
    return dict(pair.split("=", 1) for pair in payload.split(b"\n", 1)[0].decode().split(" ")[1:])


def write_key(folder, name, text):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text)
    file.chmod(0o600)
    return file


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def covered(way, line, frame=b""):
    return f"pinaflux to {way}".encode() + b"\0" + line + frame


def mac(key, way, line, frame=b""):
    return base64url(hmac.new(key, covered(way, line, frame), hashlib.sha256).digest()[:16])


class Mac:
    """One key, at the gateway and at the collector."""

    kind, missing, wrong, tested = "mac", "no_mac", "wrong_mac", "uplink.mac"

    def __init__(self, place):
        self.folder = place.path("keys")
        self.own = write_key(place.path("gateway"), "link.key", "k" * 32)
        self.gateway = f"keys: {{link: {{file: {self.own}}}}}\n"
        self.uplink = "mac: link"
        self.options = ["--keys", self.folder]
        self.right()

    def right(self):
        write_key(self.folder / "gate", "link", "k" * 32)

    def another(self):
        write_key(self.folder / "gate", "link", "x" * 32)

    def check_heard(self, attacker):
        pass

    def forged_acks(self, ack, its):
        return [f"{ack} mac={its['mac']}\n", f"{ack} mac=link:AAAAAAAAAAAAAAAAAAAAAA\n"]

    def forged_data(self, line, frame):
        return []

    def check_more(self, path, reload, test):
        pass


class Signatures:
    """Each has its own private key, and the other's public one; all made by openssl, one as SEC 1, one as PKCS#8."""

    kind, missing, wrong, tested = "sig", "no_signature", "wrong_signature", "uplink.sign"

    def __init__(self, place, name="keys"):
        self.folder, self.made = place.path(name), place.path(f"{name}-made")
        self.made.mkdir()
        self.gate, self.cloud = self._pair("gate", sec1=True), self._pair("cloud", sec1=False)
        self.gateway = (f"keys: {{pump-7: {{file: {self.gate[0]}}}, cloud: {{file: {self.cloud[1]}}},"
                        f" next-cloud: {{file: {self._pair('next', sec1=False)[1]}}}}}\n")
        self.uplink = "sign: pump-7, acks_by: [next-cloud, cloud]"
        self.options = ["--keys", self.folder, "--sign-key", write_key(place.path("own"), "collector-1.pem", self.cloud[0].read_text())]
        self.right()

    def _pair(self, name, sec1):
        private, public = self.made / f"{name}.pem", self.made / f"{name}.pub"
        if sec1:
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", private)
            assert private.read_text().startswith("-----BEGIN EC PARAMETERS-----"), private.read_text()
        else:
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", private)
        private.chmod(0o600)
        openssl("pkey", "-in", private, "-pubout", "-out", public)
        public.chmod(0o644)  # It is no secret.
        return private, public

    def right(self):
        write_key(self.folder / "gate", "pump-7", self.gate[1].read_text())

    def another(self):
        write_key(self.folder / "gate", "pump-7", self.cloud[1].read_text())

    def _verified(self, public, way, message):
        """openssl takes the signature for that of the key."""
        line, newline, frame = message.partition(b"\n")
        before, value = line.rsplit(b" sig=", 1)
        raw = base64.urlsafe_b64decode(value.split(b":")[1] + b"==")
        assert len(raw) == 64, value
        numbers = [half.lstrip(b"\0") for half in (raw[:32], raw[32:])]
        numbers = [b"\0" + n if n[0] & 0x80 else n for n in numbers]
        body = b"".join(b"\x02" + bytes([len(n)]) + n for n in numbers)
        text, signature = self.made / "message", self.made / "signature"
        text.write_bytes(covered(way, before, newline + frame if frame else b""))
        signature.write_bytes(b"\x30" + bytes([len(body)]) + body)
        return openssl("dgst", "-sha256", "-verify", public, "-signature", signature, text) == "Verified OK\n"

    def check_heard(self, attacker):
        for leaf in ("data/", "hello", "status"):
            for message in attacker.heard(leaf)[:3]:
                assert b" sig=pump-7:" in message and b" mac=" not in message, message[:400]
                assert self._verified(self.gate[1], "collector", message), message[:400]
        for message in attacker.heard("ack")[:3]:
            assert b" sig=collector-1:" in message, message
            assert self._verified(self.cloud[1], "gateway", message), message

    def forged_acks(self, ack, its):
        known = self.cloud[1].read_bytes()  # Which everybody may know.
        return [f"{ack} sig={its['sig']}\n", f"{ack} sig=cloud:{'A' * 86}\n", f"{ack} sig=cloud:AAAA\n",
                *(f"{ack} mac={name}:{mac(known, 'gateway', ack.encode())}\n" for name in ("cloud", "collector-1", "pump-7"))]

    def forged_data(self, line, frame):
        known = self.gate[1].read_bytes()
        frame = b"\n" + frame
        return [("data/normal", line + f" mac=pump-7:{mac(key, 'collector', line, frame)}".encode() + frame)
                for key in (known, known.rstrip())]

    def check_more(self, path, reload, test):
        """Acks by a key that the gateway does not know."""
        own = self.options[-1]
        write_key(own.parent, own.name, self.gate[0].read_text())
        reload()
        tested = test()
        assert tested.returncode == 69 and "uplink.acks_by" in tested.stdout, tested
        write_key(own.parent, own.name, (self.made / "next.pem").read_text())
        reload()
        tested = test()
        assert tested.returncode == 0, tested


def check_bad_keys(place):
    """What cannot prove is refused at the start, with what it is; nothing of a key is said."""
    keys = Signatures(place, "bad")
    private, public = keys.gate[0].read_text(), keys.gate[1].read_text()
    other, locked = keys.made / "other.pem", keys.made / "locked.pem"
    openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", other)
    openssl("pkey", "-in", keys.gate[0], "-aes128", "-passout", "pass:secret", "-out", locked)
    file = keys.made / "key"
    configuration = keys.made / "agent.yaml"
    configuration.write_text(
        f"pinaflux: 1\ngateway: {{id: gate}}\nspool: {{path: {keys.made / 'spool'}, size_max: 64MiB}}\nsources: {{machine: {{type: system}}}}\n"
        f"keys: {{bad: {{file: {file}}}}}\ncontrol: {{socket: {keys.made / 'socket'}}}\nuplink: {{broker: tcp://127.0.0.1:1, USE: bad}}\n")
    agent = [*place.prefix, place.agent_program, "run", "--config", configuration]
    test = [*place.prefix, place.agent_program, "test", "uplink", "--config", configuration]
    collector = [place.collector_program, "run", "--broker", "tcp://127.0.0.1:1", "--database", keys.made / "landed.db"]
    signs, verifies = ["--sign-key", file], ["--keys", keys.folder]
    template = configuration.read_text()

    def refused(words, text, status=78):
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=60)
        assert done.returncode == status and text in done.stderr, (words, text, done)
        said = done.stdout + done.stderr
        assert not any(line in said for line in (private + public).splitlines() if "-----" not in line and len(line) > 8), said

    for text, why in ((other.read_text(), "P-256"), (locked.read_text(), "encrypted"), (public, "there is no private key"),
                      ("k" * 32, "no private key in PEM"), ("", "16 to 4,096 bytes"), (private + "x" * 100_000, "16 to 4,096 bytes"),
                      (private[: len(private) * 2 // 3], "damaged")):
        write_key(file.parent, file.name, text)
        configuration.write_text(template.replace("USE", "sign"))
        for words in (agent, test, [*collector, *signs]):
            refused(words, why)
    for text, why in ((private, "a private key"), (openssl("pkey", "-in", other, "-pubout"), "P-256"), (public[:100], "damaged"),
                      ("", "16 to 4,096 bytes"), (public + "x" * 100_000, "16 to 4,096 bytes")):
        write_key(file.parent, file.name, text)
        write_key(keys.folder / "gate", "pump-7", text)
        configuration.write_text(template.replace("USE", "acks_by"))
        for words in (agent, test, [*collector, *verifies]):
            refused(words, why)
    configuration.write_text(template.replace("USE", "mac"))
    write_key(file.parent, file.name, public)
    for words in (agent, test):
        refused(words, "random bytes")
    file.chmod(0o620)
    refused(agent, "chmod 600", 77)


def check(place, keys, make_path, feed, http, command):
    path = make_path(place, http, more=keys.gateway, collector_options=keys.options)
    path.agent.write_configuration(path.configuration(http).replace("ack: collector", f"ack: collector, {keys.uplink}, batch_age: 100ms"))
    path.start()
    attacker = Attacker(path.upstream.port)
    place.stack.callback(attacker.close)
    feeder = HttpFeeder(path.http_port, "/ingest/press")
    feed(path, feeder, 200)
    path.settle()
    command(place, "test", "uplink", "--config", path.agent.configuration)
    keys.check_heard(attacker)

    # While the collector is away the broker answers in its place. The numbers fit, and the hash.
    assert path.collector.stop() == 0
    before = len(attacker.heard("data/"))
    feed(path, feeder, 100)
    envelope = wait_for("the next envelope", lambda: attacker.heard("data/")[before:])[-1]
    its = pairs(envelope)
    ack = "pinaflux-ack/1 g={g} l={l} e={e} high={high} h={h}".format(high=its["s"].split("-")[1], **its)
    for forged in (f"{ack}\n", *keys.forged_acks(ack, its)):
        rejected = path.agent.status()["uplink"]["acks_rejected"]
        attacker.say("ack", forged.encode())
        status = wait_for("the forged ack to be refused", lambda: (s := path.agent.status()["uplink"])
                          and s["acks_rejected"] > rejected and s)
        assert "nobody proves to be the collector's" in status["text"], status
    assert path.agent.queued() >= 100
    path.collector.start()
    result = path.settle()
    assert result["landed"] == path.ledger.produced == 300, result

    # It writes in the gateway's name: without a proof, with another's, with what was sent and changed.
    line, frame = envelope.split(b"\n", 1)
    proof = f" {keys.kind}=".encode()
    bare = line.rsplit(proof, 1)[0]
    number = int(its["s"].split("-")[1])
    moved = bare.replace(its["s"].encode(), f"{number + 1}-{number + 100}".encode())
    messages = [("data/normal", bare + b"\n" + frame), ("data/normal", moved + proof + its[keys.kind].encode() + b"\n" + frame),
                ("data/normal", line + b"\n" + frame[:-1] + bytes([frame[-1] ^ 1])),
                ("hello", f"pinaflux-hello/1 g=gate l=normal,{its['e']},1,99999999\n".encode()), *keys.forged_data(moved, frame)]
    rows = landed.rows(path.collector.database)
    for leaf, payload in messages:
        attacker.say(leaf, payload)
    wait_for("all of it to be refused", lambda: path.collector.log.read_text().count("a message was refused") >= len(messages))
    refused = path.collector.log.read_text()
    assert f"reason={keys.missing}" in refused and f"reason={keys.wrong}" in refused, refused
    assert landed.rows(path.collector.database) == rows
    path.check()

    def reload():
        read = path.collector.log.read_text().count("proved by their keys")
        path.collector.process.send_signal(1)
        wait_for("the keys to be read", lambda: path.collector.log.read_text().count("proved by their keys") > read)

    def test():
        return subprocess.run([*place.prefix, place.agent_program, "test", "uplink", "--config", path.agent.configuration],
                              capture_output=True, text=True, timeout=120)

    # Another key at the collector, read on SIGHUP: nothing lands, and both sides say why. Then the right one again.
    keys.another()
    reload()
    feed(path, feeder, 50)
    wait_for("the collector to refuse", lambda: path.collector.log.read_text().count(f"reason={keys.wrong}") > refused.count(f"reason={keys.wrong}"))
    assert landed.rows(path.collector.database) == rows
    tested = test()
    assert tested.returncode == 69 and keys.tested in tested.stdout, tested
    keys.right()
    reload()
    keys.check_more(path, reload, test)
    path.agent.kill()  # Else it waits for half a minute for what was refused.
    path.agent.start()
    result = path.settle()
    assert result["landed"] == path.ledger.produced == 350, result
