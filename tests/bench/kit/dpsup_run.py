"""A dpsupd of our own for the benchmarks without peers: started with given services, watched, and stopped."""

import os
import signal
import sys
import time
from contextlib import contextmanager

from . import proc
from .peers import Dpsup
from .table import Wrong

# No backoff and no budget, for what measures restarts themselves.
FREE_RESTARTS = 'restart = { policy = "always", delay = "0", stable_after = "0" }\n'
FREE_BUDGET = "restart_budget = { burst = 1000000, per_second = 1000000 }\n"


class OwnDpsup(Dpsup):
    def __init__(self, services, keys=None, daemon_keys="", command=None):
        super().__init__(services)
        self.keys, self.daemon_keys, self.own_command = keys, daemon_keys, command

    def service_keys(self, slot):
        return self.keys(slot) + 'log = { target = "none" }\n' if self.keys else super().service_keys(slot)

    def service_command(self, slot):
        command = super().service_command(slot)
        return command + self.own_command(slot) if self.own_command else command

    def configure(self):
        super().configure()
        path = self.folder / "dpsup.toml"
        path.write_text(path.read_text().replace("[daemon]\n", "[daemon]\n" + self.daemon_keys))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.root.pid}/fd"))


def parsed(parser):
    """What all of these take besides their own arguments."""
    parser.add_argument("--realtime", action="store_true", help="run before all else on a shared machine (root)")
    options = parser.parse_args()
    if options.realtime:
        proc.become_realtime()
    return options


@contextmanager
def running(peer, timeout=120, before_launch=None):
    """Starts it, waits until every service has noted a start, and stops it at the end."""
    proc.become_subreaper()
    missing = peer.available()
    if missing:
        sys.exit(missing)
    try:
        peer.prepare()
        if before_launch:
            before_launch(peer)
        peer.launch()
        peer.table.wait_until_all_started(timeout)
        time.sleep(1)
        yield peer
        services, own = list(peer.running().values()), peer.own_processes()
        peer.ask_to_stop()
        peer.wait_until_stopped(services, own)
    except Wrong as wrong:
        sys.exit(f"{wrong}\n{peer.tail()}")
    finally:
        peer.clean_up()


def kill_and_wait(peer, processes, timeout=30):
    """SIGKILLs the services {slot: pid} at once and returns s until each runs again."""
    before = {slot: peer.table.starts(slot) for slot in processes}
    began = time.monotonic_ns()
    for pid in processes.values():
        os.kill(pid, signal.SIGKILL)
    return (max(peer.table.wait_for_next_start(slot, before[slot], timeout) for slot in processes) - began) / 1e9
