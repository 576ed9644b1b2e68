"""systemd as a peer: PID 1 of a container of its own, booted from a Debian tree by systemd-nspawn, and asked from
inside. Only PID 1 counts as the supervisor; its journald, logind and the rest are left out, in its favour."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import proc
from .peer import Peer
from .peers import first_line
from .table import CACHE, Wrong

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"


class Systemd(Peer):
    name = "systemd"

    def __init__(self, services):
        super().__init__(services)
        self.tree = Path(os.environ.get("DPSUP_BENCH_TREE", CACHE / "systemd-tree"))

    def available(self):
        if os.geteuid():
            return "root alone may boot a container"
        if not shutil.which("systemd-nspawn"):
            return "systemd-container is not installed"
        if (self.tree / "usr/lib/systemd/systemd").exists() or (self.tree / "lib/systemd/systemd").exists():
            return None
        if not shutil.which("debootstrap"):
            return "debootstrap is not installed"
        return self.make_tree()

    def make_tree(self):
        """Once, about 250 MB. A half-made tree is not kept."""
        half = self.tree.with_name(self.tree.name + ".half")
        shutil.rmtree(half, ignore_errors=True)
        made = subprocess.run(["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus", SUITE,
                               half, MIRROR], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if made.returncode:
            return f"debootstrap of {SUITE} from {MIRROR} failed"
        half.rename(self.tree)
        return None

    def version(self):
        return first_line("chroot", str(self.tree), "systemctl", "--version")

    # The host's folder `shared` is /bench inside; the programs lie there too.

    def table_inside(self):
        return "/bench/table"

    def service_command(self, slot):
        return ["/bench/sleeper", self.table_inside(), str(slot)]

    def configure(self):
        for path in (self.sleeper, self.stopwatch):
            shutil.copy(path, self.shared)
        units = self.folder / "units"
        units.mkdir()
        names = self.names()
        (units / "bench.target").write_text(
            "[Unit]\n" + "".join(f"Wants=bench-{name}.service\n" for name in names))
        for slot, name in enumerate(names):
            (units / f"bench-{name}.service").write_text(
                "[Unit]\nPartOf=bench.target\nStartLimitIntervalSec=0\n"
                f"[Service]\nExecStart={' '.join(self.service_command(slot))}\nRestart=always\nRestartSec=0\n"
                "StandardOutput=null\nStandardError=null\n")

    def inside(self, *command):
        return ["nsenter", "--target", str(self.pid1), "--all", *command]

    def boot(self):
        command = ["systemd-nspawn", "--quiet", "--boot", "--directory", str(self.tree),
                   f"--machine=dpsup-bench-{os.getpid()}", "--register=no", "--keep-unit",
                   f"--bind={self.shared}:/bench", f"--bind-ro={self.folder}/units:/usr/local/lib/systemd/system"]
        with open(self.folder / "output", "wb") as output:
            self.root = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                         stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while True:
            if self.root.poll() is not None or time.monotonic() > deadline:
                raise Wrong("systemd: the container did not boot")
            time.sleep(0.2)
            inits = [pid for pid in proc.descendants(self.root.pid)
                     if Path(proc.command_of(pid)[0] if proc.command_of(pid) else "").name in ("systemd", "init")]
            if not inits:
                continue
            self.pid1 = inits[0]
            asked = subprocess.run(self.inside("systemctl", "is-system-running"), capture_output=True, text=True,
                                   check=False)
            if asked.stdout.strip() in ("running", "degraded"):
                return

    def launch(self):
        """The container is up; what is timed is `systemctl start bench.target` in it."""
        self.boot()
        command = self.inside("/bench/stopwatch", "exec", self.table_inside(), str(self.services), "systemctl",
                              "start", "bench.target")
        self.starting = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def own_processes(self):
        return [self.pid1]

    def status_command(self):
        return ["systemctl", "list-units", "--no-pager", "--no-legend", "bench-*.service"]

    def status(self):
        done = subprocess.run(self.inside(*self.status_command()), capture_output=True, text=True, timeout=60,
                              check=False)
        return done.stdout.count(" active running ")

    def status_times(self, runs):
        timed = subprocess.run(self.inside("/bench/stopwatch", "times", str(runs), *self.status_command()),
                               capture_output=True, text=True, timeout=120, check=True)
        return [int(line) / 1e6 for line in timed.stdout.split()]

    def ask_to_stop(self):
        self.starting.wait()
        self.stopping = subprocess.Popen(self.inside("systemctl", "stop", "bench.target"))

    def wait_until_stopped(self, services, own, timeout=60):
        super().wait_until_stopped(services, [], timeout)

    def clean_up(self):
        if self.root and self.root.poll() is None:
            self.root.send_signal(signal.SIGTERM)
            try:
                self.root.wait(20)
            except subprocess.TimeoutExpired:
                pass
        super().clean_up()
