# SPDX-License-Identifier: Apache-2.0
"""report.py - what a run came to, as a dict for JSON and as text."""
from ledger import percentile


def build(scenario, seed, seconds, injector, ledgers, judge, figures):
    """`figures`: what the scenario measured besides."""
    answers, reasons, sums = {}, {}, {"requests": 0, "late": 0, "extra": 0}
    for ledger in ledgers:
        for name, count in ledger.sums["outcomes"].items():
            answers[name] = answers.get(name, 0) + count
        for name, count in ledger.sums["reasons"].items():
            reasons[name] = reasons.get(name, 0) + count
        for name in sums:
            sums[name] += ledger.sums[name]
    return {
        "scenario": scenario, "seed": seed, "seconds": seconds, "passed": not judge.failures,
        "faults": injector.counts(), "nothing to hit": injector.skipped, **sums,
        "answers": {n: c for n, c in answers.items() if c}, "reasons": reasons,
        "changes": injector.changes, "asked by faults": injector.asker.answers,
        "client stall, ms": max(ledger.sums["stall_max_ms"] for ledger in ledgers),
        "figures": figures, "checks": dict(judge.checks), "failures": judge.failures,
        "events": injector.events,
    }


def spread(values):
    """Quantiles and the greatest, as it is told."""
    if not values:
        return {}
    shares = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
    return {"count": len(values), **{n: round(percentile(values, q), 1) for n, q in shares},
            "max": round(max(values), 1)}


def line(name, values):
    return f"  {name:<24} " + ("  ".join(f"{k} {v}" for k, v in values.items()) or "none")


def text(report):
    """A page; the events are in the JSON alone."""
    lines = [f"{report['scenario']}: seed {report['seed']}, {report['seconds']} s, "
             f"{report['requests']} requests, client stall {report['client stall, ms']} ms",
             line("faults", report["faults"]), line("answers", report["answers"])]
    for name in ("nothing to hit", "reasons", "changes", "asked by faults"):
        if any(report[name].values()):
            lines.append(line(name, report[name]))
    for name, value in report["figures"].items():
        lines.append(line(name, value) if isinstance(value, dict) else f"  {name:<24} {value}")
    lines.append(line("checks", report["checks"]))
    lines += [f"  FAILED {failure}" for failure in report["failures"]]
    lines.append(f"{report['scenario']}: {'passed' if report['passed'] else 'FAILED'}")
    return "\n".join(lines)
