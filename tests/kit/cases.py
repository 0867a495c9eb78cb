"""The frame of the end-to-end programs: cases are functions, each in a fresh directory, counted at the end."""

import argparse
import contextlib
import os
import pathlib
import shutil
import sys
import tempfile
import time
import traceback


class Skip(Exception):
    """This machine cannot run the case; the text says why."""


class Place:
    """What a case gets: a fresh directory, the programs, and services that end with it."""

    def __init__(self, arguments):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="pinaflux-case."))
        os.chmod(self.directory, 0o755)
        self.arguments = arguments
        self.agent_program = pathlib.Path(arguments.build).resolve() / "pinaflux"
        self.collector_program = pathlib.Path(arguments.collector_build or arguments.build).resolve() / "pinaflux-collector"
        self.prefix = emulator(self.agent_program)
        self.stack = contextlib.ExitStack()
        self.services = []

    def keep(self, service):
        self.services.append(service)
        self.stack.callback(service.end)
        return service

    def path(self, *parts):
        return self.directory.joinpath(*parts)


def emulator(program):
    """The words before a program of another architecture: qemu-user; nothing for our own."""
    machines = {0x28: "arm", 0xB7: "aarch64", 0xF3: "riscv64"}
    head = program.read_bytes()[:20]
    name = machines.get(int.from_bytes(head[18:20], "little"))
    if name is None or os.uname().machine.startswith(name):
        return ()
    found = shutil.which(f"qemu-{name}") or shutil.which(f"qemu-{name}-static")
    if not found:
        raise Skip(f"qemu-{name} is not installed: toolchains/setup --with-tests installs it")
    return (found,)


def parser(description):
    p = argparse.ArgumentParser(description=description)
    p.add_argument("--build", required=True, help="build directory that holds pinaflux (and pinaflux-collector)")
    p.add_argument("--collector-build", help="build directory of the collector, if another")
    p.add_argument("--only", help="run the cases whose name contains this")
    p.add_argument("--keep", action="store_true", help="keep the directories of failed cases")
    return p


def run(arguments, cases):
    """Runs the cases in order; returns the exit status. Prints one line each, then the count."""
    passed = failed = skipped = 0
    for case in cases:
        name = case.__doc__.splitlines()[0].rstrip(".")
        if arguments.only and arguments.only not in name and arguments.only not in case.__name__:
            continue
        place, begin = Place(arguments), time.monotonic()
        try:
            with place.stack:
                case(place)
            passed += 1
            print(f"ok      {name}  ({time.monotonic() - begin:.1f} s)", flush=True)
        except Skip as reason:
            skipped += 1
            print(f"skipped {name}: {reason}", flush=True)
        except Exception:  # A case fails however it fails.
            failed += 1
            for service in place.services:
                print(f"--- {service.name}:\n{service.tail()}")
            traceback.print_exc(file=sys.stdout)  # After the tails: of a long log only the end is seen.
            print(f"FAILED  {name}  ({time.monotonic() - begin:.1f} s)", flush=True)
            if arguments.keep:
                print(f"kept {place.directory}")
                continue
        shutil.rmtree(place.directory, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or passed == 0 else 0
