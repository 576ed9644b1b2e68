"""The shared table in which services note their starts (see programs/table.hpp), and the programs around it."""

import mmap
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

SLOT = struct.Struct("<QQ")
PAGE = 4096
PROGRAMS = Path(__file__).resolve().parent.parent / "programs"
CACHE = Path(os.environ.get("DPSUP_BENCH_CACHE", "/var/cache/dpsup-bench"))


class Wrong(Exception):
    """A measurement that did not measure what it says it does."""


def program(name):
    """Builds one of our static programs where its source is newer; returns its path."""
    built = CACHE / name
    sources = [PROGRAMS / f"{name}.cpp", PROGRAMS / "table.hpp"]
    if built.exists() and all(source.stat().st_mtime < built.stat().st_mtime for source in sources):
        return str(built)
    CACHE.mkdir(parents=True, exist_ok=True)
    compiler = shutil.which("c++") or shutil.which("g++") or "g++"
    fresh = CACHE / f"{name}.{os.getpid()}"
    subprocess.run([compiler, "-std=c++20", "-O2", "-static", "-o", fresh, sources[0]], check=True)
    fresh.rename(built)
    return str(built)


class Table:
    """Slots 0 to N-1 are the services'; slot N is the launcher's."""

    def __init__(self, path, services):
        self.path = str(path)
        self.services = services
        size = (services + 1) * SLOT.size
        with open(path, "wb") as file:
            file.truncate((size + PAGE - 1) // PAGE * PAGE)
        os.chmod(path, 0o666)
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)

    def started_at(self, slot):
        """When it last started, in ns of CLOCK_MONOTONIC."""
        return SLOT.unpack_from(self.memory, slot * SLOT.size)[0]

    def starts(self, slot):
        return SLOT.unpack_from(self.memory, slot * SLOT.size)[1]

    def all_starts(self):
        return [starts for _, starts in SLOT.iter_unpack(self.memory[: self.services * SLOT.size])]

    def launched_at(self):
        return self.started_at(self.services)

    def last_start(self):
        return max(self.started_at(slot) for slot in range(self.services))

    def wait_until_all_started(self, timeout):
        deadline = time.monotonic() + timeout
        slot = 0
        while slot < self.services:
            if self.starts(slot):
                slot += 1
            elif time.monotonic() > deadline:
                missing = self.all_starts().count(0)
                raise Wrong(f"{missing} of {self.services} services did not start within {timeout:.0f} s")
            else:
                time.sleep(0.005)

    def wait_for_next_start(self, slot, after, timeout):
        """Returns when the start that follows number `after` happened."""
        deadline = time.monotonic() + timeout
        while self.starts(slot) <= after:
            if time.monotonic() > deadline:
                raise Wrong(f"service {slot} was not restarted within {timeout:.0f} s")
            time.sleep(0.001)
        return self.started_at(slot)
