# SPDX-License-Identifier: Apache-2.0
"""load.py - put load on a server with wrk, and check what it answers.

For: bench/figures.
How: wrk runs pinned to the client's CPU with post.lua, which reports one line. A load with
a single error (connection, read, write, timeout, status other than 2xx and 3xx) or with
fewer bytes than that many right answers have is an Error. check() compares answers byte for
byte, over one kept connection; it is run before and after every measurement.
Thread-safety: none needed.
"""
import http.client
import os
import shutil
import subprocess
import urllib.parse

from process import Error

BODY = "a body of 128 bytes, as small as an event or a sensor reading is; " \
       "posted over and over again".ljust(128, ".")
assert len(BODY) == 128
CHECKS = 20


def wrk_path():
    path = shutil.which("wrk")
    if path is None:
        raise Error("wrk is not installed: apt-get install wrk")
    return path


def check(label, url, expected, times=CHECKS):
    """The server answers `expected` to BODY, so many times on one connection."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        for _ in range(times):
            connection.request("POST", parts.path or "/", BODY, {"Content-Type": "text/plain"})
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200 or answer != expected:
                raise Error(f"{label}: wrong answer: {response.status} {answer[:200]!r}, "
                            f"expected 200 {expected[:200]!r}")
    except (OSError, http.client.HTTPException) as error:
        raise Error(f"{label}: {url}: {error!r}") from error
    finally:
        connection.close()


def run(label, url, cpu, connections, seconds, expected, method="POST", script="post.lua",
        words=None):
    """One load. Returns {requests, duration (us), p50 (us), p99 (us), rate (1/s)}. `words` are
    for another script than post.lua."""
    command = [wrk_path(), "-t1", f"-c{connections}", f"-d{seconds}s", "-s",
               os.path.join(os.path.dirname(os.path.abspath(__file__)), script), url, "--",
               *(words or (method, BODY if method == "POST" else ""))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30,
                          preexec_fn=lambda: os.sched_setaffinity(0, {cpu}), check=False)
    line = next((x for x in done.stdout.splitlines() if x.startswith("load ")), None)
    if done.returncode != 0 or line is None:
        raise Error(f"{label}: wrk failed: {(done.stderr or done.stdout).strip()[-300:]}")
    got = {k: int(v) for k, v in (pair.split("=") for pair in line.split()[1:])}
    errors = {k: got[k] for k in ("connect", "read", "write", "timeout", "status") if got[k]}
    if errors or got["requests"] == 0:
        raise Error(f"{label}: {got['requests']} answers and errors {errors or 'none'}")
    if got["bytes"] < got["requests"] * len(expected):
        raise Error(f"{label}: {got['requests']} answers in {got['bytes']} bytes: too short")
    got["rate"] = got["requests"] * 1e6 / got["duration"]
    return got
