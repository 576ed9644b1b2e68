"""One round with one peer: every figure of the comparison, in the order of a service's life."""

import os
import random
import signal
import statistics
import time

from . import proc
from .table import Wrong

BUSY_MAX_PERCENT = 8.0


def restarts(peer, running, samples, budget_s):
    """SIGKILLs services one after the other; ms from just before the kill until the new instance notes itself."""
    took = []
    ends = time.monotonic() + budget_s
    for slot in random.Random(1).sample(sorted(running), min(samples, len(running))):
        if time.monotonic() > ends and len(took) >= 5:
            break
        before = peer.table.starts(slot)
        killed_at = time.monotonic_ns()
        os.kill(running[slot], signal.SIGKILL)
        took.append((peer.table.wait_for_next_start(slot, before, 30) - killed_at) / 1e6)
        time.sleep(0.02)
    return took


def idle_cpu_percent(processes, seconds):
    before, began = proc.cpu_ns(processes), time.monotonic_ns()
    time.sleep(seconds)
    return 100.0 * (proc.cpu_ns(processes) - before) / (time.monotonic_ns() - began)


def stop(peer, running, own):
    began = time.monotonic()
    peer.ask_to_stop()
    peer.wait_until_stopped(list(running.values()), own)
    return time.monotonic() - began


def one_round(peer, options):
    busy = [proc.wait_for_quiet(BUSY_MAX_PERCENT, options.quiet_within)]
    peer.prepare()
    peer.launch()
    peer.table.wait_until_all_started(120)
    figures = {"start_s": (peer.table.last_start() - peer.table.launched_at()) / 1e9}
    time.sleep(1.5 + peer.restart_wait)
    running = peer.running()
    if len(running) != peer.services:
        raise Wrong(f"{peer.name}: {len(running)} of {peer.services} services run")
    own = peer.own_processes()
    figures["processes"] = len(own)
    figures.update({f"{key}_mb": kb / 1024 for key, kb in proc.memory_of(own).items()})

    busy.append(proc.wait_for_quiet(BUSY_MAX_PERCENT, options.quiet_within))
    took = restarts(peer, running, options.restarts, options.restart_budget)
    figures.update({"restart_ms": statistics.median(took), "restart_max_ms": max(took), "restarts": len(took)})

    if peer.status_command():
        busy.append(proc.wait_for_quiet(BUSY_MAX_PERCENT, options.quiet_within))
        up = peer.status()
        if up != peer.services:
            raise Wrong(f"{peer.name}: its status calls {up} of {peer.services} services running")
        figures["status_ms"] = statistics.median(peer.status_times(20))

    figures["idle_cpu_percent"] = idle_cpu_percent(own, options.idle)
    busy.append(proc.wait_for_quiet(BUSY_MAX_PERCENT, options.quiet_within))
    figures["stop_s"] = stop(peer, peer.running(), own)
    figures["busy_before_percent"] = max(busy)
    return figures
