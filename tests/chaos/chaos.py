#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hits running chains with faults, and checks that nothing is lost.

The seed is printed first: the same seed, seconds and faults give the same schedule. Exit status:
0 everything held, 1 something did not, 2 wrong arguments.
"""
import argparse
import json
import os
import resource
import sys
import time

FDS = 16384


def arguments(names, faults):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help=", ".join(names))
    parser.add_argument("--build", default="build", help="folder that meson built in")
    parser.add_argument("--seed", type=int, help="(default: from the clock)")
    parser.add_argument("--seconds", type=float, help="(default: the scenario's long form)")
    parser.add_argument("--short", action="store_true", help="the form of `make test`")
    parser.add_argument("--rate", type=float, help="requests/s")
    parser.add_argument("--faults", help="NAME or NAME=SECONDS between two, with commas: "
                        + ", ".join(faults))
    parser.add_argument("--json", metavar="FILE", help="the whole report")
    return parser


def faults_of(text, every):
    """"kill-function=0.2,change": names without a number come as often as in the scenario."""
    known = {name.rstrip("!"): period for name, period in every.items()}
    found = {}
    for word in text.split(","):
        name, _, period = word.partition("=")
        found[name] = float(period) if period else known.get(name, 1.0)
    return found


def run(args, scenario, seed):
    # These are only there once the build folder is known.
    import report
    every = scenario.short if args.short and scenario.short else scenario.every
    if args.faults:
        every = faults_of(args.faults, every)
    seconds = args.seconds or (scenario.seconds if args.short else scenario.long_seconds)
    found = scenario.kind(scenario, seed, seconds, args.rate or scenario.rate, every).go()
    print(report.text(found) if "faults" in found else json.dumps(found, indent=1), flush=True)
    return found


def main():
    options = arguments((), ()).parse_known_args()[0] if "--help" not in sys.argv else None
    os.environ["SPROCKET_BUILD"] = os.path.abspath(options.build if options else "build")
    resource.setrlimit(resource.RLIMIT_NOFILE, (FDS, FDS))
    from faults import FAULTS
    from scenarios import SCENARIOS
    args = arguments(SCENARIOS, FAULTS).parse_args()
    names = args.scenario or ["mixed"]
    for name in names:
        if name not in SCENARIOS:
            arguments(SCENARIOS, FAULTS).error(f"no such scenario: {name}")
    for word in (args.faults or "").split(","):
        if word and word.partition("=")[0].rstrip("!") not in FAULTS:
            arguments(SCENARIOS, FAULTS).error(f"no such fault: {word}")
    seed = args.seed if args.seed is not None else time.time_ns() % 1000000
    print(f"seed {seed}", flush=True)
    found = [run(args, SCENARIOS[name], seed) for name in names]
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)
    return 0 if all(f["passed"] for f in found) else 1


if __name__ == "__main__":
    sys.exit(main())
