"""What /proc tells: who belongs to whom, memory, CPU time, and how busy the machine is otherwise."""

import ctypes
import os
import platform
import signal
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    """What a supervisor leaves behind becomes our child, so that nothing is lost or left over."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def stat_of(pid):
    """(state, parent), or None where it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(root):
    """root and all below it."""
    children = {}
    for pid in pids():
        known = stat_of(pid)
        if known and known[0] != "Z":
            children.setdefault(known[1], []).append(pid)
    found, open_ends = [], [root]
    while open_ends:
        pid = open_ends.pop()
        found.append(pid)
        open_ends.extend(children.get(pid, []))
    return found


def services_of(table_path):
    """{slot: pid} of the sleepers that note themselves in this table."""
    found = {}
    for pid in pids():
        command = command_of(pid)
        if len(command) >= 3 and command[1] == table_path and command[0].endswith("sleeper"):
            found[int(command[2])] = pid
    return found


def cgroup_of(pid):
    """The directory of its cgroup v2; None where it has none."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    below = [line[3:] for line in lines if line.startswith("0::")]
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()
              if line.split()[2] == "cgroup2"]
    return Path(mounts[0] + below[0]) if below and mounts else None


def alive(pid):
    known = stat_of(pid)
    return known is not None and known[0] not in "ZX"


def wait_until_gone(processes, timeout):
    """True once all are dead. Looks at one at a time: cheap, whatever their number."""
    deadline = time.monotonic() + timeout
    for pid in processes:
        while alive(pid):
            reap()
            if time.monotonic() > deadline:
                return False
            time.sleep(0.001)
    return True


def kill_all(processes):
    for pid in processes:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def memory_of(processes):
    """Sums of smaps_rollup, in kB. Private memory is told too, since what is shared depends on who else runs."""
    total = {"Pss": 0, "Rss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    for pid in processes:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            key, _, rest = line.partition(":")
            if key in total:
                total[key] += int(rest.split()[0])
    return {"pss": total["Pss"], "rss": total["Rss"], "private": total["Private_Clean"] + total["Private_Dirty"]}


def cpu_ns(processes):
    """CPU time of all threads so far. schedstat counts in ns; the ticks of stat would show 0 or 10 ms."""
    total = 0
    for pid in processes:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0])
    return total


def _busy():
    values = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = values[3] + values[4]
    return sum(values) - idle, sum(values)


def busy_percent(seconds=0.5):
    """Of all CPUs together, by anybody."""
    busy, total = _busy()
    time.sleep(seconds)
    busy_then, total_then = _busy()
    return 100.0 * (busy_then - busy) / max(1, total_then - total)


def wait_for_quiet(limit_percent, timeout):
    """Waits until others leave the machine alone, at most `timeout` s; returns how busy it is."""
    deadline = time.monotonic() + timeout
    while True:
        now = busy_percent()
        if now <= limit_percent or time.monotonic() > deadline:
            return round(now, 1)


def become_realtime():
    """Puts us, and with us every supervisor and service that we start, before all that others run: on a machine
    that is shared, figures are then nearly those of one that is idle."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def machine():
    model = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    release = [line.partition("=")[2].strip('"') for line in Path("/etc/os-release").read_text().splitlines()
               if line.startswith("PRETTY_NAME")]
    return {"cpus": os.cpu_count(), "cpu": model[0] if model else "?", "kernel": platform.release(),
            "system": release[0] if release else "?", "load": round(os.getloadavg()[0], 2),
            "scheduling": "realtime" if os.sched_getscheduler(0) == os.SCHED_RR else "normal"}
