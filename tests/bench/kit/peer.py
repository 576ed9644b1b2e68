"""A supervisor under measurement: how it is configured, launched, asked and stopped. One class a supervisor in
peers.py; this one holds what they share."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from . import proc
from .table import Table, Wrong, program


class Peer:
    name = "?"
    restart_wait = 0.0  # seconds that it waits before any restart, by its design
    services_max = None

    def __init__(self, services):
        self.services = services
        self.root = None      # Popen of the launcher
        self.folder = None    # its configuration and state: a real file system, as in life
        self.shared = None    # the table: shared memory
        self.sleeper = program("sleeper")
        self.stopwatch = program("stopwatch")

    # What a peer defines.

    def available(self):
        """None, or why it cannot be measured here."""
        raise NotImplementedError

    def version(self):
        raise NotImplementedError

    def configure(self):
        """Writes the configuration of all services below self.folder."""
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def status_command(self):
        """Shows the state of all services; None where there is no such command."""
        return None

    def count_up(self, output):
        """How many services the output of status_command calls running."""
        raise NotImplementedError

    def ask_to_stop(self):
        self.root.send_signal(signal.SIGTERM)

    # What they share.

    def table_inside(self):
        """The table's path as the services see it."""
        return self.table.path

    def service_command(self, slot):
        return [self.sleeper, self.table_inside(), str(slot)]

    def names(self):
        return [f"s{slot:04}" for slot in range(self.services)]

    def prepare(self):
        self.folder = Path(tempfile.mkdtemp(prefix=f"dpsup-bench-{self.name}-", dir="/var/tmp"))
        self.shared = Path(tempfile.mkdtemp(prefix="dpsup-bench-", dir="/dev/shm"))
        self.shared.chmod(0o755)
        self.table = Table(self.shared / "table", self.services)
        self.configure()

    def launch(self):
        """Becomes the supervisor right after noting the time."""
        command = [self.stopwatch, "exec", self.table.path, str(self.services), *self.command()]
        with open(self.folder / "output", "wb") as output:
            self.root = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                         stderr=subprocess.STDOUT, cwd=self.folder)

    def running(self):
        """{slot: pid} of all services."""
        return proc.services_of(self.table_inside())

    def own_processes(self):
        """Every process of the supervisor that is no service."""
        services = set(self.running().values())
        return [pid for pid in proc.descendants(self.root.pid) if pid not in services]

    def status(self):
        done = subprocess.run(self.status_command(), capture_output=True, text=True, timeout=60, check=False)
        return self.count_up(done.stdout)

    def status_times(self, runs):
        """How long each run of the whole status command took, in ms."""
        timed = subprocess.run([self.stopwatch, "times", str(runs), *self.status_command()], capture_output=True,
                               text=True, timeout=120, check=False)
        if timed.returncode:
            raise Wrong(f"{self.name}: the status command failed: {timed.stderr.strip()[:200]}")
        return [int(line) / 1e6 for line in timed.stdout.split()]

    def wait_until_stopped(self, services, own, timeout=60):
        if not proc.wait_until_gone([*services, *own], timeout):
            raise Wrong(f"{self.name}: not all processes had ended {timeout} s after the stop")

    def tail(self):
        try:
            return (self.folder / "output").read_text(errors="replace")[-600:]
        except OSError:
            return ""

    def clean_up(self):
        """Ends whatever a broken run left, and removes its files."""
        for _ in range(20):
            left = [pid for pid in proc.descendants(os.getpid()) if pid != os.getpid()]
            proc.kill_all(left)
            proc.reap()
            if not left:
                break
            time.sleep(0.1)
        for folder in (self.folder, self.shared):
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
