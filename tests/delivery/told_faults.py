"""The faults of `told`, in the order of its table: what is made wrong, and the uplink that meets it."""

import os
import socket
import ssl
import struct
import time

import told_world as strange
from told_world import Skip, drained, reset, says

ALL = []  # (name, slow, function)
LONG_AGO, LATE = ("20200101000000Z", "20210101000000Z"), ("20600101000000Z", "20610101000000Z")
PORTAL = b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n"
NO_HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"


class Uplink:
    """An uplink of the configuration, and the words before the programs that read it."""

    def __init__(self, broker, more="", prefix=()):
        self.broker, self.more, self.prefix = broker, more, prefix

    def text(self):
        more = f", {self.more}" if self.more else ""
        return f'uplink: {{type: mqtt, broker: "{self.broker}", ack: collector, back_off_max: 1s{more}}}\n'


def fault(name, slow=False):
    """slow: it waits for a time-out of ours, so it begins first."""
    def add(function):
        ALL.append((name, slow, function))
        return function
    return add


def plain(port, more=""):
    return Uplink(f"tcp://127.0.0.1:{port}", more)


def trusted(here, port, more="", host="127.0.0.1"):
    own = f"ca: {here.world.authority.certificate}" + (f", {more}" if more else "")
    return Uplink(f"tls://{host}:{port}", own)


def closed_port():
    """A port of loopback that stays without a listener: bound, and never listened on."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder


# The way to the broker.

@fault("the broker's name is unknown to the name server")
def unknown_name(here):
    return Uplink("tcp://no.such.name.invalid:1883", prefix=here.names(strange.dns(3)))


@fault("the broker's name is known, and has no address")
def name_without_address(here):
    return Uplink("tcp://mail.example.invalid:1883", prefix=here.names(strange.dns(0)))


@fault("the name server is silent", slow=True)
def silent_name_server(here):
    return Uplink("tcp://broker.example.invalid:1883", prefix=here.names(lambda query: None))


@fault("the name server refuses to answer")
def refusing_name_server(here):
    return Uplink("tcp://broker.example.invalid:1883", prefix=here.names(strange.dns(5)))


@fault("there is no network")
def no_network(here):
    here.needs_rooms()
    return Uplink("tcp://192.0.2.1:1883", prefix=("unshare", "--net"))


@fault("nobody listens at the port")
def refused(here):
    holder = here.stack.enter_context(closed_port())
    return plain(here.known(holder.getsockname()[1]))


@fault("nobody listens at the port (tls://)")
def refused_tls(here):
    holder = here.stack.enter_context(closed_port())
    return trusted(here, here.known(holder.getsockname()[1]))


def black_hole(here):
    """A port that drops what would connect: its queue of connections is full."""
    listener = here.stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = here.known(listener.getsockname()[1])
    for _ in range(4):
        filler = here.stack.enter_context(socket.socket())
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", port))
    return port


@fault("packets are swallowed: no answer to TCP", slow=True)
def swallowed(here):
    return plain(black_hole(here))


@fault("packets are swallowed: no answer to TCP (tls://)", slow=True)
def swallowed_tls(here):
    return trusted(here, black_hole(here))


# The HTTP proxy.

def through(here, proxy, broker="tcp://127.0.0.1", more=""):
    """An uplink by the proxy at that port to the good broker behind it."""
    port = here.known(here.world.broker.port)
    return Uplink(f"{broker}:{port}", f'proxy: "http://127.0.0.1:{proxy}"' + (f", {more}" if more else ""))


def answers(status, more=b""):
    return says(b"HTTP/1.1 " + status + b"\r\n" + more + b"\r\n")


@fault("nobody listens at the proxy's port")
def no_proxy(here):
    return through(here, here.known(here.stack.enter_context(closed_port()).getsockname()[1]))


@fault("packets to the proxy are swallowed", slow=True)
def swallowed_by_proxy(here):
    return through(here, black_hole(here))


@fault("the proxy wants a user")
def proxy_wants_user(here):
    return through(here, here.serve(strange.proxy("gate:secret")))


@fault("the proxy does not take our password")
def proxy_wants_other_user(here):
    password = here.file("password", "wrong\n")
    return through(here, here.serve(strange.proxy("gate:secret")),
                   more=f"proxy_user: gate, proxy_password: {{file: {password}}}")


@fault("the proxy takes our password")
def proxy_takes_user(here):
    password = here.file("password", "secret\n")
    return through(here, here.serve(strange.proxy("gate:secret")),
                   more=f"proxy_user: gate, proxy_password: {{file: {password}}}")


@fault("the proxy forbids the broker's port")
def proxy_forbids(here):
    return through(here, here.serve(answers(b"403 Forbidden", b"Content-Length: 0\r\n")))


@fault("the proxy does not reach the broker")
def proxy_does_not_reach(here):
    holder = here.stack.enter_context(closed_port())
    return Uplink(f"tcp://127.0.0.1:{here.known(holder.getsockname()[1])}",
                  f'proxy: "http://127.0.0.1:{here.serve(strange.proxy())}"')


@fault("a captive portal answers for the proxy")
def portal_for_proxy(here):
    return through(here, here.serve(says(PORTAL)))


@fault("an SSH server answers for the proxy")
def ssh_for_proxy(here):
    return through(here, here.serve(says(SSH)))


@fault("the proxy hangs up at once")
def closing_proxy(here):
    return through(here, here.serve(lambda connection: None))


@fault("the proxy is silent", slow=True)
def silent_proxy(here):
    return through(here, here.serve(drained))


@fault("the proxy's answer has no end")
def endless_proxy(here):
    return through(here, here.serve(says(b"HTTP/1.1 200 OK\r\nVia: " + b"x" * 65536)))


@fault("the proxy says yes, and hangs up")
def lying_proxy(here):
    return through(here, here.serve(answers(b"200 OK")))


@fault("the proxy says yes, and hangs up (tls://)")
def lying_proxy_tls(here):
    return through(here, here.serve(answers(b"200 OK")), "tls://127.0.0.1", f"ca: {here.world.authority.certificate}")


# WebSocket.

@fault("ws:// to a web server that knows no WebSocket")
def no_websocket(here):
    return Uplink(f"ws://127.0.0.1:{here.serve(answers(b'200 OK', b'Content-Length: 0' + bytes([13, 10])))}/mqtt")


@fault("ws:// with a path that the web server does not have")
def no_such_path(here):
    return Uplink(f"ws://127.0.0.1:{here.serve(answers(b'404 Not Found', b'Content-Length: 0' + bytes([13, 10])))}/mqtt")


@fault("ws:// to the plain MQTT port of a broker")
def websocket_at_plain_port(here):
    return Uplink(f"ws://127.0.0.1:{here.known(here.world.broker.port)}/mqtt")


# HTTP.

def posted(port, more=""):
    return Uplink(f"http://127.0.0.1:{port}", more)


def status(here, line, more=b""):
    return posted(here.serve(answers(line, more + b"Content-Length: 0" + bytes([13, 10]))))


@fault("http:// where nobody listens")
def posted_to_nobody(here):
    return posted(here.known(here.stack.enter_context(closed_port()).getsockname()[1]))


@fault("http:// to a server that knows no such path")
def posted_to_no_path(here):
    return status(here, b"404 Not Found")


@fault("http:// to a server that asks for a user")
def posted_without_user(here):
    return status(here, b"401 Unauthorized")


@fault("http:// to a server that is not ready")
def posted_too_early(here):
    return status(here, b"503 Service Unavailable", b"Retry-After: 1" + bytes([13, 10]))


@fault("http:// to a captive portal")
def posted_to_portal(here):
    return status(here, b"302 Found", b"Location: http://portal.example/" + bytes([13, 10]))


@fault("http:// to a captive portal that shows its page")
def posted_to_page(here):
    page = b"<!DOCTYPE html><title>Log in</title>"
    return posted(here.serve(says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page)))


@fault("http:// to a server that takes no POST")
def posted_to_files(here):
    return status(here, b"501 Not Implemented")


@fault("http:// to something that is no HTTP server")
def posted_to_ssh(here):
    return posted(here.serve(says(SSH)))


# Who answers at a tcp:// port.

@fault("the port accepts and says nothing", slow=True)
def silent_port(here):
    return plain(here.serve(drained))


@fault("the port closes at once")
def closing_port(here):
    return plain(here.serve(lambda connection: None))


@fault("the port resets the connection when we speak")
def resetting_port(here):
    return plain(here.serve(reset))


@fault("tcp:// at the TLS port of a broker")
def tls_behind_tcp(here):
    return plain(here.served(here.world.server))


@fault("tcp:// at a TLS port whose server says so by an alert")
def tls_alert_behind_tcp(here):
    return plain(here.serve(says(bytes([21, 3, 1, 0, 2, 2, 70]))))


@fault("a captive portal answers (HTTP redirect)")
def portal_behind_tcp(here):
    return plain(here.serve(says(PORTAL)))


@fault("an SSH server answers")
def ssh_behind_tcp(here):
    def each(connection):
        connection.sendall(SSH)
        connection.recv(4096)
        connection.sendall(b"Invalid SSH identification string.\r\n")
        connection.shutdown(socket.SHUT_WR)
        drained(connection)
    return plain(here.serve(each))


# Who answers at a tls:// port.

@fault("the TLS port accepts and says nothing", slow=True)
def silent_tls_port(here):
    return trusted(here, here.serve(drained))


@fault("the TLS port closes at once")
def closing_tls_port(here):
    return trusted(here, here.serve(lambda connection: None))


@fault("the TLS port resets the connection when we speak")
def resetting_tls_port(here):
    return trusted(here, here.serve(reset))


@fault("tls:// at the plain port of a broker")
def plain_behind_tls(here):
    return trusted(here, here.known(here.world.broker.port))


@fault("a plain MQTT broker answers at the TLS port in MQTT")
def mqtt_behind_tls(here):
    return trusted(here, here.serve(says(strange.connack(4, 1))))


@fault("a web server answers at the TLS port (HTTP 400)")
def web_behind_tls(here):
    return trusted(here, here.serve(says(NO_HTTP)))


@fault("a captive portal answers at the TLS port (HTTP redirect)")
def portal_behind_tls(here):
    return trusted(here, here.serve(says(PORTAL)))


@fault("an SSH server answers at the TLS port")
def ssh_behind_tls(here):
    return trusted(here, here.serve(says(SSH)))


@fault("the connection is cut within the ServerHello")
def cut_in_handshake(here):
    def each(connection):
        connection.recv(4096)
        connection.sendall(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")
        connection.shutdown(socket.SHUT_WR)
        drained(connection)
    return trusted(here, here.serve(each))


@fault("the connection is cut after the ServerHello")
def cut_after_hello(here):
    records = strange.tampering(here.served(here.world.server), lambda kind, record: record if kind == 22 else None)
    return trusted(here, here.serve(records))


@fault("the connection stalls after the ServerHello", slow=True)
def stalled_after_hello(here):
    def change(kind, record):
        if kind != 22:
            time.sleep(strange.PATIENCE)
        return record
    return trusted(here, here.serve(strange.tampering(here.served(here.world.server), change)))


@fault("a device in between changes a byte")
def changed_byte(here):
    def change(kind, record):
        return record if kind != 23 else record[:-1] + bytes([record[-1] ^ 1])
    return trusted(here, here.serve(strange.tampering(here.served(here.world.server), change)))


# The server's certificate.

@fault("the server's certificate is of a CA that we do not know")
def unknown_issuer(here):
    return trusted(here, here.served(here.world.stranger.issue("unknown")))


@fault("no `ca` is given, and the system's CAs do not know the server's")
def system_trust(here):
    if not os.path.exists("/etc/ssl/certs/ca-certificates.crt"):
        raise Skip("needs the package ca-certificates")
    return Uplink(f"tls://127.0.0.1:{here.served(here.world.server)}")


@fault("the server's certificate is self-signed")
def self_signed(here):
    return trusted(here, here.served(here.world.stranger.own("broker.example")))


@fault("the server's certificate is for another name")
def wrong_name(here):
    certificate = here.world.authority.issue("other", ("DNS:other.example", "DNS:*.plant.example"))
    return trusted(here, here.served(certificate), host="localhost")


@fault("the server's certificate is for another address")
def wrong_address(here):
    return trusted(here, here.served(here.world.authority.issue("address", ("IP:10.0.0.5",))))


@fault("the server's certificate has expired")
def expired(here):
    return trusted(here, here.served(here.world.authority.issue("old", dates=LONG_AGO)))


@fault("the server's certificate is not valid yet (as when our clock is behind)")
def not_yet_valid(here):
    return trusted(here, here.served(here.world.authority.issue("early", dates=LATE)))


@fault("the server's certificate has a key that is too short")
def short_key(here):
    certificate = here.world.authority.issue("short", key_kind=("rsa:1024",))
    return trusted(here, here.served(certificate, "ciphers DEFAULT@SECLEVEL=0\n"))


@fault("the server's certificate is a client's")
def client_certificate_of_a_server(here):
    return trusted(here, here.served(here.world.authority.issue("purpose", more=("extendedKeyUsage=clientAuth",))))


# Our certificate.

def wants_certificate(here, version=None):
    def change(context):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(here.world.authority.certificate)
        if version:
            context.maximum_version = version
    return here.tls(here.world.server, change)


def own(certificate):
    return f"certificate: {certificate[0]}, key: {certificate[1]}"


@fault("the server wants a certificate of ours, and we have none")
def no_certificate(here):
    return trusted(here, wants_certificate(here))


@fault("the server wants a certificate of ours, and we have none (TLS 1.2)")
def no_certificate12(here):
    return trusted(here, wants_certificate(here, ssl.TLSVersion.TLSv1_2))


@fault("our certificate is of a CA that the server does not know")
def foreign_certificate(here):
    return trusted(here, wants_certificate(here), own(here.world.stranger.issue("foreign")))


@fault("our certificate has expired")
def expired_certificate(here):
    return trusted(here, wants_certificate(here), own(here.world.authority.issue("late", dates=LONG_AGO)))


# Pre-shared keys, versions, suites.

def psk(identity, key):
    return f"tls: {{psk_identity: {identity}, psk: {{file: {key}}}}}"


def psk_broker(here):
    keys = here.file("keys", "gate:" + "5a" * 32 + "\n", 0o644)
    return here.mosquitto(f"psk_hint plant\npsk_file {keys}\n")


@fault("the pre-shared key is another than the server's")
def wrong_key(here):
    return Uplink(f"tls://127.0.0.1:{psk_broker(here)}", psk("gate", here.file("psk", "6b" * 32)))


@fault("the server does not know the identity of our pre-shared key")
def unknown_identity(here):
    return Uplink(f"tls://127.0.0.1:{psk_broker(here)}", psk("gone", here.file("psk", "5a" * 32)))


@fault("we have a pre-shared key, and the server only certificates")
def key_for_certificates(here):
    return Uplink(f"tls://127.0.0.1:{here.served(here.world.server)}", psk("gate", here.file("psk", "5a" * 32)))


@fault("we expect a certificate, and the server has only pre-shared keys")
def certificates_for_key(here):
    return trusted(here, psk_broker(here))


@fault("the server speaks TLS 1.2, and we want 1.3 at least")
def server_too_old(here):
    def change(context):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return trusted(here, here.tls(here.world.server, change), 'tls: {version_min: "1.3"}')


@fault("the server speaks TLS 1.3 only, and our suites are those of 1.2")
def server_too_new(here):
    return trusted(here, here.served(here.world.server, "tls_version tlsv1.3\n"),
                   "tls: {ciphers: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]}")


@fault("the server's oldest version is TLS 1.1")
def server_ancient(here):
    def change(context):
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    return trusted(here, here.tls(here.world.server, change))


@fault("no cipher suite is in common")
def no_suite(here):
    def change(context):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-ECDSA-AES256-SHA384")
    return trusted(here, here.tls(here.world.server, change))


@fault("the server does not speak the protocol of `alpn`")
def no_alpn(here):
    """As AWS IoT does. Python's ssl goes on without a protocol, so the alert is made by hand."""
    def each(connection):
        read_hello = strange.read_whole(connection, 5)
        strange.read_whole(connection, struct.unpack("!H", read_hello[3:])[0])
        connection.sendall(bytes([21, 3, 3, 0, 2, 2, 120]))
        connection.shutdown(socket.SHUT_WR)
        drained(connection)
    return trusted(here, here.serve(each), "tls: {alpn: [x-amzn-mqtt-ca]}")


# Files.

@fault("the CA file does not exist")
def no_ca_file(here):
    return Uplink("tls://127.0.0.1:8883", f"ca: {here.directory}/ca.pem")


@fault("the CA file is no PEM file")
def no_pem(here):
    return Uplink("tls://127.0.0.1:8883", f"ca: {here.file('ca.pem', 'this is a note')}")


@fault("the CA file's certificate is damaged")
def damaged_pem(here):
    lines = here.world.authority.certificate.read_text().splitlines()
    del lines[3]
    return Uplink("tls://127.0.0.1:8883", f"ca: {here.file('ca.pem', chr(10).join(lines))}")


@fault("the CA folder holds no certificate")
def empty_folder(here):
    (here.directory / "cas").mkdir()
    return Uplink("tls://127.0.0.1:8883", f"ca: {here.directory}/cas")


@fault("our key does not belong to our certificate")
def foreign_key(here):
    certificate, key = here.world.gateway
    other = here.file("gateway.key", here.world.server[1].read_text())
    copy = here.file("gateway.pem", certificate.read_text())
    return trusted(here, 8883, own((copy, other)))


def encrypted_key(here):
    key = here.directory / "gateway.key"
    strange.openssl("ec", "-in", here.world.gateway[1], "-aes256", "-passout", "pass:right", "-out", key)
    key.chmod(0o600)
    return own((here.file("gateway.pem", here.world.gateway[0].read_text()), key))


@fault("our key is encrypted, and no password is given")
def no_key_password(here):
    return trusted(here, 8883, encrypted_key(here))


@fault("our key is encrypted with another password")
def wrong_key_password(here):
    return trusted(here, 8883, f"{encrypted_key(here)}, tls: {{key_password: {{file: {here.file('password', 'wrong')}}}}}")


@fault("our key may be read by everybody")
def open_key(here):
    copy = here.file("gateway.pem", here.world.gateway[0].read_text())
    return trusted(here, 8883, own((copy, here.file("gateway.key", here.world.gateway[1].read_text(), 0o644))))


# The broker.

@fault("user or password is wrong")
def wrong_password(here):
    users = here.directory / "users"
    strange.run("mosquitto_passwd", "-b", "-c", users, "gate", "right")
    users.chmod(0o644)
    port = here.mosquitto(f"password_file {users}\n", anonymous=False)
    return plain(port, f"user: gate, password: {{file: {here.file('password', 'wrong')}}}")


@fault("the broker wants a user, and we have none")
def no_user(here):
    return plain(here.mosquitto(anonymous=False))


def refusing(here, reason, code):
    return plain(here.serve(strange.broker(lambda version: strange.connack(version, reason, code if version == 4 else None))))


@fault("the broker refuses the user (Bad User Name or Password)")
def bad_user(here):
    return refusing(here, 0x86, 4)


@fault("the broker refuses the client id")
def bad_client_id(here):
    return refusing(here, 0x85, 2)


@fault("the broker is not available for now")
def unavailable(here):
    return refusing(here, 0x88, 3)


@fault("the broker has banned us")
def banned(here):
    return refusing(here, 0x8A, 5)


@fault("the broker has moved to another server")
def moved(here):
    return refusing(here, 0x9D, 3)


@fault("the broker hangs up after CONNECT")
def hangs_up(here):
    return plain(here.serve(strange.broker(lambda version: None)))


@fault("the broker hangs up after CONNECT (tls://)")
def hangs_up_tls(here):
    return trusted(here, here.tls(here.world.server, after=strange.broker(lambda version: None)))


@fault("the broker does not answer CONNECT (tls://)", slow=True)
def silent_broker(here):
    return trusted(here, here.tls(here.world.server))


@fault("the broker speaks MQTT 3.1.1 only: no fault, 3.1.1 is spoken")
def only_311(here):
    """It refuses version 5, and is a good one otherwise."""
    def each(near):
        kind, _, body = strange.read_packet(near)
        if body[6] == 5:
            near.sendall(strange.connack(5, None, 1))
            near.shutdown(socket.SHUT_WR)
            return drained(near)
        strange.relay(near, bytes([kind << 4, len(body)]) + body, here.world.broker.port)
    assert here.world.broker
    return plain(here.serve(each))


@fault("the broker speaks none of our versions of MQTT")
def no_version(here):
    return plain(here.serve(strange.broker(lambda version: strange.connack(version, None, 1))))


@fault("the broker does not let us subscribe to our acks")
def no_subscribing(here):
    return plain(here.serve(strange.broker(strange.connack, suback=0x87)))


@fault("the broker does not let us publish")
def no_publishing(here):
    rights = here.file("acl", "topic read pinaflux/#\n", 0o644)
    return plain(here.mosquitto(f"acl_file {rights}\n"))


@fault("the broker lets us publish, and keeps the collector's acks from us")
def acks_kept(here):
    rights = here.file("acl", "topic write pinaflux/+/hello\ntopic write pinaflux/+/data/#\n"
                       "topic write pinaflux/+/status\nuser collector\ntopic readwrite pinaflux/#\n", 0o644)
    port = here.mosquitto(f"acl_file {rights}\n")
    here.collector(port, "--user", "collector")
    return plain(port)


@fault("the broker takes nothing for reasons of its own (quota)")
def quota(here):
    return plain(here.serve(strange.broker(strange.connack, puback=0x97)))


@fault("the broker hangs up when we publish")
def hangs_up_at_publish(here):
    return plain(here.serve(strange.broker(strange.connack, after=lambda kind, _: kind == strange.PUBLISH)))


@fault("the broker's greatest packet is smaller than our CONNECT")
def tiny_packets(here):
    return plain(here.mosquitto("max_packet_size 100\n"))


@fault("the broker's greatest packet is smaller than our largest batch: no fault, batches are made smaller")
def small_packets(here):
    port = here.mosquitto("max_packet_size 20000\n")
    here.collector(port)
    return plain(port)


# The collector.

@fault("no collector is there")
def no_collector(here):
    return plain(here.mosquitto())


@fault("somebody else is subscribed to our topics, and no collector answers", slow=True)
def no_answer(here):
    port = here.mosquitto()
    display = strange.Subscriber(port, "display", "pinaflux/#", lambda topic, payload: None)
    here.stack.callback(display.close)
    assert display.subscribed.wait(10)
    return plain(port)


@fault("the collector has another topic root")
def other_root(here):
    return plain(here.known(here.world.broker.port), "topic_root: elsewhere")
