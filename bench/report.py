# SPDX-License-Identifier: Apache-2.0
"""report.py - figures, their floors, and the table of bench/figures.

For: bench/figures.
How: a Report collects rows. A row with a floor passes or fails; a row without is for
information; a section that could not be measured is a failed row with its reason. What is
compared with something that is not installed here is a row without a verdict, and fails only
when all rows are demanded (strict). It also records the environment, since a figure without its
machine says nothing.
Thread-safety: none needed.
"""
import datetime
import json
import os
import platform
import statistics
import subprocess


def _number(value):
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"


class Report:
    def __init__(self, strict=False):
        self.rows, self.strict, self.missing = [], strict, 0

    def add(self, section, figure, samples, unit, most=None, least=None, note=""):
        """A row: the median of `samples`; `most` or `least` is its floor, if it has one. Without
        samples there is nothing that it could be judged by."""
        samples = [float(s) for s in samples]
        if not samples:
            self._unmeasured(section, figure, None if most is least is None else False,
                             "too few of the rounds were valid: is the machine busy?")
            return
        median = statistics.median(samples)
        floor = most if most is not None else least
        passed = None
        if floor is not None:
            passed = median <= floor if most is not None else median >= floor
        self.rows.append({
            "section": section, "figure": figure, "median": median, "unit": unit,
            "min": min(samples), "max": max(samples), "samples": len(samples),
            "floor": floor, "sense": None if floor is None else "<=" if most is not None else ">=",
            "pass": passed, "note": note})

    def _unmeasured(self, section, figure, passed, why):
        self.rows.append({
            "section": section, "figure": f"{figure}: not measured", "median": None, "unit": "",
            "min": None, "max": None, "samples": 0, "floor": None, "sense": None,
            "pass": passed, "note": why})

    def fail(self, section, why):
        """It should have been measured, and was not."""
        self._unmeasured(section, section, False, why)

    def skip(self, section, figure, why):
        """What it needs is not installed."""
        self.missing += 1
        self._unmeasured(section, figure, False if self.strict else None, why)

    def passed(self):
        return all(row["pass"] is not False for row in self.rows)

    def table(self):
        head = ("figure", "median", "unit", "min .. max", "n", "floor", "")
        lines = [head]
        for row in self.rows:
            floor = f"{row['sense']} {_number(row['floor'])}" if row["sense"] else ""
            spread = f"{_number(row['min'])} .. {_number(row['max'])}" if row["samples"] else ""
            verdict = {True: "pass", False: "FAIL", None: ""}[row["pass"]]
            lines.append((row["figure"], _number(row["median"]), row["unit"], spread,
                          str(row["samples"]), floor, verdict))
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        out = []
        for line, row in zip(lines, [None] + self.rows):
            cells = [line[0].ljust(widths[0]), line[1].rjust(widths[1]), line[2].ljust(widths[2]),
                     line[3].rjust(widths[3]), line[4].rjust(widths[4]), line[5].ljust(widths[5]),
                     line[6]]
            out.append("  ".join(cells).rstrip())
            if row and row["note"]:
                out.append("    " + row["note"])
        return "\n".join(out)


def _first_line(command, cwd=None):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=cwd)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return (done.stdout.splitlines() or ["unknown"])[0]


def _cpu_model():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def environment(server_cpu, client_cpu, quick):
    source = os.path.dirname(os.path.abspath(__file__))
    commit = _first_line(["git", "describe", "--always", "--dirty", "--abbrev=12"], source)
    with open("/proc/loadavg") as file:
        load = file.read().split()[0]
    with open("/proc/self/autogroup") as file:
        autogroup = file.read().strip()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit, "kernel": platform.release(), "cpu": _cpu_model(),
        "cpus": os.cpu_count(), "server_cpu": server_cpu, "client_cpu": client_cpu,
        "load_at_start": float(load), "autogroup": autogroup,
        "h2o": _first_line(["pkg-config", "--modversion", "libh2o-evloop"]),
        "quick": quick}


def write_json(path, env, report):
    with open(path, "w") as file:
        json.dump({"environment": env, "passed": report.passed(), "figures": report.rows}, file,
                  indent=1)
        file.write("\n")
