"""Certificates for tests: an authority of our own and what it issues, by the openssl command."""

import pathlib
import secrets
import subprocess


_P256 = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


class Authority:
    """A CA in a directory; files are PEM."""

    def __init__(self, directory, name="Test CA"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificate = self.directory / "ca.pem"
        self._key = self.directory / "ca.key"
        _openssl("req", "-x509", "-newkey", *_P256, "-nodes", "-days", "30",
                 "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate)

    def issue(self, name, addresses=("IP:127.0.0.1",), dates=None, more=(), key_kind=_P256):
        """(certificate, key): for a server at these addresses, or for a client of that name. dates: (first, last), as
        19991231235959Z; without them 20 days from now. more: lines of extensions."""
        certificate, key, request = (self.directory / f"{name}.{end}" for end in ("pem", "key", "csr"))
        _openssl("req", "-newkey", *key_kind, "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        extensions = self.directory / f"{name}.ext"
        extensions.write_text("".join(line + "\n" for line in ["subjectAltName=" + ",".join(addresses), *more]))
        if dates:
            self._sign_between(request, dates, extensions, certificate)
        else:
            _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-days", "20",
                     "-set_serial", secrets.randbits(63), "-extfile", extensions, "-out", certificate)
        key.chmod(0o600)
        return certificate, key

    def own(self, name):
        """(certificate, key) of an authority that is a server, too: self-signed, as devices come."""
        other = Authority(self.directory / f"own-{name}", name)
        return other.certificate, other._key

    def _sign_between(self, request, dates, extensions, certificate):
        """`openssl x509` cannot say when a certificate begins; `openssl ca` can, and wants a ledger."""
        ledger = certificate.with_suffix(".ledger")
        ledger.mkdir()
        (ledger / "index.txt").touch()
        settings = ledger / "ca.cnf"
        settings.write_text(f"[ca]\ndefault_ca=d\n[d]\nnew_certs_dir={ledger}\ndatabase={ledger}/index.txt\n"
                            "rand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        _openssl("ca", "-batch", "-notext", "-config", settings, "-cert", self.certificate, "-keyfile", self._key,
                 "-startdate", dates[0], "-enddate", dates[1], "-extfile", extensions, "-in", request, "-out", certificate)


def _openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (arguments, done.stderr)
