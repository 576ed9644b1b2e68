"""The supervisors, each configured as its manual says, with no delay before a restart where it lets us choose, and
with the output of services thrown away."""

import shutil
import signal
import subprocess
from pathlib import Path

from . import build, proc
from .peer import Peer
from .table import program


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().split("\n")[0]


def debian_version(package):
    return first_line("dpkg-query", "-W", "-f", "${Version}", package)


class Dpsup(Peer):
    name = "dpsup"

    def binary(self, which):
        return build.binary(which)

    def available(self):
        binary = self.binary("dpsupd")
        return None if Path(binary).exists() else f"{binary} is not built (DPSUP_BUILD names another build)"

    def version(self):
        return first_line(self.binary("dpsupd"), "--version")

    def service_keys(self, slot):
        """What a service's table holds besides its command."""
        return 'restart = { policy = "always", delay = "0" }\nlog = { target = "none" }\n'

    def configure(self):
        paths = {"socket": "control.sock", "state_dir": "state", "runtime_dir": "run", "log_dir": "log"}
        text = "[daemon]\n" + "".join(f'{key} = "{self.folder / path}"\n' for key, path in paths.items())
        for slot, name in enumerate(self.names()):
            command = ", ".join(f'"{word}"' for word in self.service_command(slot))
            text += f"\n[service.{name}]\ncommand = [{command}]\n{self.service_keys(slot)}"
        (self.folder / "dpsup.toml").write_text(text)

    def command(self):
        return [self.binary("dpsupd"), "--config", str(self.folder / "dpsup.toml")]

    def clean_up(self):
        """dpsupd removes its cgroups at its end; of one that we had to kill they are left."""
        cgroups = [proc.cgroup_of(pid) for pid in self.running().values()] if self.shared else []
        trees = {cgroup.parent for cgroup in cgroups if cgroup}
        super().clean_up()
        for tree in trees:
            if not tree.name.startswith("dpsup-"):
                continue
            for leaf in [*tree.glob("s*.svc"), tree]:
                try:
                    leaf.rmdir()
                except OSError:
                    pass

    def status_command(self):
        if not Path(self.binary("dpsupctl")).exists():
            return None
        return [self.binary("dpsupctl"), "--socket", str(self.folder / "control.sock"), "status"]

    def count_up(self, output):
        return sum(1 for line in output.splitlines() if line.startswith("s") and " ready" in line)


class Dinit(Peer):
    name = "dinit"

    def available(self):
        return None if shutil.which("dinit") and shutil.which("dinitctl") else "dinit is not installed"

    def version(self):
        return first_line("dinit", "--version")

    def configure(self):
        folder = self.folder / "dinit.d"
        (folder / "boot.d").mkdir(parents=True)
        (folder / "boot").write_text("type = internal\nwaits-for.d = boot.d\n")
        for slot, name in enumerate(self.names()):
            (folder / name).write_text(f"type = process\ncommand = {' '.join(self.service_command(slot))}\n"
                                       "restart = true\nsmooth-recovery = true\nrestart-delay = 0\n")
            (folder / "boot.d" / name).symlink_to(f"../{name}")

    def command(self):
        return ["dinit", "--user", "--quiet", "--services-dir", str(self.folder / "dinit.d"), "--socket-path",
                str(self.folder / "dinitctl"), "--log-file", "/dev/null", "boot"]

    def status_command(self):
        return ["dinitctl", "--socket-path", str(self.folder / "dinitctl"), "list"]

    def count_up(self, output):
        return sum(1 for line in output.splitlines() if line.lstrip().startswith("[[+]") and "] s" in line)


class ScriptPeer(Peer):
    """runit and s6: a directory a service, with a script `run` in it."""

    def configure(self):
        for slot, name in enumerate(self.names()):
            folder = self.folder / "service" / name
            folder.mkdir(parents=True)
            run = folder / "run"
            run.write_text(f"#!/bin/sh\nexec {' '.join(self.service_command(slot))}\n")
            run.chmod(0o755)

    def folders(self):
        return [str(self.folder / "service" / name) for name in self.names()]


class Runit(ScriptPeer):
    name = "runit"
    services_max = 1000

    def available(self):
        return None if shutil.which("runsvdir") else "runit is not installed"

    def version(self):
        return debian_version("runit")

    def command(self):
        return ["runsvdir", str(self.folder / "service")]

    def status_command(self):
        return ["sv", "status", *self.folders()]

    def count_up(self, output):
        return sum(1 for line in output.splitlines() if line.startswith("run:"))

    def ask_to_stop(self):
        self.root.send_signal(signal.SIGHUP)


class S6(ScriptPeer):
    name = "s6"
    restart_wait = 1.0

    def available(self):
        return None if shutil.which("s6-svscan") else "s6 is not installed"

    def version(self):
        return debian_version("s6")

    def command(self):
        return ["s6-svscan", "-c", str(self.services + 10), str(self.folder / "service")]

    def status_command(self):
        # s6 itself has a command for one service only.
        return ["sh", "-c", 'for folder; do s6-svstat "$folder"; done', "status", *self.folders()]

    def count_up(self, output):
        return sum(1 for line in output.splitlines() if line.startswith("up "))


class Supervisord(Peer):
    name = "supervisord"
    restart_wait = 1.0

    def available(self):
        return None if shutil.which("supervisord") else "supervisor is not installed"

    def version(self):
        return first_line("supervisord", "--version")

    def configure(self):
        socket = self.folder / "supervisor.sock"
        text = (f"[unix_http_server]\nfile={socket}\n[supervisorctl]\nserverurl=unix://{socket}\n"
                f"[supervisord]\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={self.folder}/pid\nminfds=20000\n"
                "[rpcinterface:supervisor]\n"
                "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n")
        for slot, name in enumerate(self.names()):
            text += (f"[program:{name}]\ncommand={' '.join(self.service_command(slot))}\nautorestart=true\n"
                     "startsecs=0\nredirect_stderr=true\nstdout_logfile=NONE\n")
        (self.folder / "supervisord.conf").write_text(text)

    def command(self):
        return ["supervisord", "--nodaemon", "--configuration", str(self.folder / "supervisord.conf")]

    def status_command(self):
        return ["supervisorctl", "--configuration", str(self.folder / "supervisord.conf"), "status"]

    def count_up(self, output):
        return output.count(" RUNNING ")


class Floor(Peer):
    """No supervisor: launches and launches again, and does nothing else. See programs/floor.cpp."""

    name = "floor"

    def available(self):
        return None

    def version(self):
        return "posix_spawn and waitpid"

    def configure(self):
        self.floor = program("floor")

    def command(self):
        return [self.floor, self.table.path, str(self.services), self.sleeper]


