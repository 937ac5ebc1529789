# SPDX-License-Identifier: Apache-2.0
"""rlimits.py - changes a limit of a process that runs.

Gateways and functions are users of their own, and root may change the limits of others only with
CAP_SYS_RESOURCE, which it lacks in many containers. Who is the same user may: so it is done as him.
"""
import resource
import subprocess
from pathlib import Path

OPTIONS = {resource.RLIMIT_NOFILE: "nofile", resource.RLIMIT_AS: "as"}


def text(value):
    return "unlimited" if value == resource.RLIM_INFINITY else str(value)


def rlimit_set(pid, kind, soft, hard):
    """OSError: the process is gone, or it cannot be done."""
    status = dict(line.split(":\t", 1)
                  for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
                  if ":\t" in line)
    done = subprocess.run(["prlimit", "--pid", str(pid),
                           f"--{OPTIONS[kind]}={text(soft)}:{text(hard)}"],
                          user=int(status["Uid"].split()[0]), group=int(status["Gid"].split()[0]),
                          extra_groups=[], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"prlimit of {pid}: {done.stderr}")


def rlimit_of(pid, kind):
    """Soft and hard."""
    names = {resource.RLIMIT_NOFILE: "Max open files", resource.RLIMIT_AS: "Max address space"}
    for line in Path(f"/proc/{pid}/limits").read_text(encoding="utf-8").splitlines():
        if line.startswith(names[kind]):
            return tuple(resource.RLIM_INFINITY if v == "unlimited" else int(v)
                         for v in line[len(names[kind]):].split()[:2])
    raise OSError(f"{pid} has no limits")
