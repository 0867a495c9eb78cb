"""A control group that bounds the memory of a process, by either version of the kernel's interface."""

import os
import pathlib
import signal
import subprocess
import sys

from cases import Skip

VERSIONS = (  # Where groups are made, and the file of the bound.
    (pathlib.Path("/sys/fs/cgroup"), "memory.max"),
    (pathlib.Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
)


class MemoryGroup:
    """`prefix` goes before a command that is to run in it. Page cache counts, too; it is given back under pressure."""

    def __init__(self, name, bytes_max):
        self.directory, self.bytes_max = None, bytes_max
        for root, bound in VERSIONS:
            directory = root / f"{name}-{os.getpid()}"
            try:
                directory.mkdir()
            except OSError:
                continue
            try:
                with open(directory / bound, "r+") as file:  # Where it is no group of the kernel's, it is not there.
                    file.write(str(bytes_max))
                self.directory = directory
                break
            except OSError:
                directory.rmdir()
        if self.directory is None:
            raise Skip("this machine lets nobody make a memory control group: run as root where /sys/fs/cgroup is writable")
        self.prefix = ("bash", "-c", f'echo $$ >"{self.directory}/cgroup.procs" && exec "$@"', "bash")

    def binds(self):
        """A process that takes twice the bound is killed."""
        greedy = subprocess.run([*self.prefix, sys.executable, "-c", f"bytearray({2 * self.bytes_max})"],
                                stderr=subprocess.DEVNULL, check=False)
        return greedy.returncode == -signal.SIGKILL

    def end(self):
        """Once nothing runs in it."""
        self.directory.rmdir()
