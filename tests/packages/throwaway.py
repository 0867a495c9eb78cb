"""A throwaway root: just enough of a Debian for dpkg to install packages into, scripts chrooted.

Copied from this machine: dash and the few programs that maintainer scripts call, with the libraries they load.
dpkg itself stays outside (--root); its database, users and files are the root's own.
"""

import os
import pathlib
import shutil
import subprocess

PROGRAMS = ("dash", "getent", "groupadd", "useradd", "install", "rm", "rmdir")
SYSTEMD = ("systemd-sysusers", "systemd-tmpfiles", "systemctl")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def libraries(program):
    """What the loader maps for a program, itself included."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return {word for line in said.splitlines() for word in line.split() if word.startswith("/")}


class Root:
    def __init__(self, directory, systemd, units=False):
        self.directory = pathlib.Path(directory)
        for folder in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc/default", "run", "tmp", "dev", "var/log",
                       "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"):
            self.path(folder).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            self.path(name).symlink_to(f"usr/{name}")
        for program in PROGRAMS + (SYSTEMD if systemd else ()):
            self.take(program)
        self.path("usr/bin/sh").symlink_to("dash")
        self.users()
        # The packages depend on passwd, whose programs were copied above.
        self.path("var/lib/dpkg/status").write_text(
            "Package: passwd\nStatus: install ok installed\nArchitecture: all\nMulti-Arch: foreign\nVersion: 1\n"
            "Maintainer: none\nDescription: copied\n\n")
        if units:
            shutil.copytree("/usr/lib/systemd/system", self.path("usr/lib/systemd/system"), symlinks=True)
            self.take("kill")

    def take(self, program):
        found = shutil.which(program, path=PATH)
        if not found:
            raise FileNotFoundError(f"{program} is not installed on this machine")
        self.copy(found, f"usr/{'sbin' if 'sbin' in found else 'bin'}/{program}")
        for library in libraries(found):
            self.copy(library, library.lstrip("/"))

    def copy(self, source, target):
        target = self.path(target)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(os.path.realpath(source), target)

    def users(self):
        self.path("etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
        self.path("etc/group").write_text("root:x:0:\n")
        self.path("etc/shadow").write_text("root:*:19000:0:99999:7:::\n")
        self.path("etc/gshadow").write_text("root:*::\n")
        self.path("etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\n")
        self.path("etc/login.defs").write_text("SYS_UID_MIN 100\nSYS_UID_MAX 999\nSYS_GID_MIN 100\nSYS_GID_MAX 999\n")

    def path(self, *parts):
        return self.directory.joinpath(*parts)

    def dpkg(self, *words):
        """Runs dpkg on this root; returns what was said."""
        return self.call("dpkg", f"--root={self.directory}", *words)

    def run(self, *words, user=None):
        """Runs a program inside."""
        return self.call("chroot", *([f"--userspec={':'.join(map(str, self.ids(user)))}"] if user else []), self.directory, *words)

    def call(self, *command):
        environment = {"PATH": PATH, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=environment, check=False, timeout=300)
        assert done.returncode == 0, f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}"
        return done.stdout

    def table(self, name):
        return [line.split(":") for line in self.path("etc", name).read_text().splitlines()]

    def ids(self, user):
        """(uid, gid) as this root numbers them."""
        return next((int(row[2]), int(row[3])) for row in self.table("passwd") if row[0] == user)

    def owner(self, info):
        """(user, group) of a file, by this root's names."""
        return (next((row[0] for row in self.table("passwd") if int(row[2]) == info.st_uid), info.st_uid),
                next((row[0] for row in self.table("group") if int(row[2]) == info.st_gid), info.st_gid))
