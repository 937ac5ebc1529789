# SPDX-License-Identifier: Apache-2.0
"""Chains of no-ops: in a row (chain-n), and asked at once (fan-k) by fan-out and by calls.

Every function answers with what it was sent, and gather and caller refuse anything else: an
answer of 200 says that every branch was there, and right.
"""
import os
import random
import signal
import subprocess
import tempfile

import golden
import tap
from client import poll
from harness import ChainTest, Traffic, in_parallel

COUNTS = (1, 2, 9, 32)
ASKING = ("head", "caller", "gather")  # get answers as well
LOAD = 4000  # requests
SIZES = (0, 1, 100, 2000, 5000, 60000)


def body(size, seed=0):
    return random.Random(seed * 100000 + size).randbytes(size)


def took(status):
    """How many requests the kernel handed to each function that does not ask others itself."""
    return {f["name"]: sum(i["in"] for i in f["instances"]) for f in status["functions"]
            if f["name"] not in ASKING}


class Fan(ChainTest):
    def ask(self, chain, connection, size, seed=0):
        sent = body(size, seed)
        answer = connection.request("POST", "/", sent)
        self.assertEqual((answer.status, answer.body == sent), (200, True),
                         f"{size} bytes: {answer}\n{chain.report()}")

    def whole(self, folder, file, functions):
        """Answers of all sizes, one after the other and at once; each function has had each."""
        with golden.example(folder, file) as chain:
            with chain.connect() as connection:
                for size in SIZES:
                    self.ask(chain, connection, size)
            self.assertEqual(took(chain.status()), dict.fromkeys(functions, len(SIZES)))

            def many(client):
                with chain.connect() as connection:
                    for n in range(10):
                        self.ask(chain, connection, 100 + n, client)
            in_parallel(8, many)
            self.assertEqual(sum(chain.violations().values()), 0)
            chain.wait_idle(leases=True)

    def test_rows(self):
        for count in COUNTS:
            with self.subTest(count=count):
                self.whole("chain-n", f"chain-{count}.yaml",
                           [f"f{i}" for i in range(1, count + 1)])

    def test_fan_out_by_the_chain(self):
        for count in COUNTS:
            with self.subTest(count=count):
                self.whole("fan-k", f"fan-all-{count}.yaml",
                           [f"b{i}" for i in range(1, count + 1)])

    def test_fan_out_by_calls(self):
        for count in COUNTS:
            with self.subTest(count=count):
                self.whole("fan-k", f"fan-calls-{count}.yaml",
                           [f"b{i}" for i in range(1, count + 1)])

    def test_copies(self):
        with golden.example("fan-k", "fan-calls-9.yaml", body="copy") as chain, \
                chain.connect() as connection:
            for size in SIZES:
                self.ask(chain, connection, size)

    def test_load(self):
        """64 connections without a pause: grants, answers and requests come mixed in one read."""
        for file in ("chain-n/chain-9.yaml", "fan-k/fan-all-9.yaml", "fan-k/fan-all-32.yaml",
                     "fan-k/fan-calls-9.yaml", "fan-k/fan-calls-32.yaml"):
            with self.subTest(file=file), golden.example(*file.split("/")) as chain, \
                    tempfile.NamedTemporaryFile() as sent:
                sent.write(body(128))
                sent.flush()
                done = subprocess.run(
                    ["h2load", "--h1", "-t1", "-c64", f"-n{LOAD}", "-d", sent.name,
                     f"http://127.0.0.1:{chain.port}/"], capture_output=True, text=True,
                    timeout=60, check=True).stdout
                self.assertIn(f"{LOAD} succeeded, 0 failed, 0 errored", done)
                self.assertEqual(sum(chain.violations().values()), 0)
                chain.wait_idle(leases=True)

    def test_a_branch_dies(self):
        """What was asked of it is refused or answered, nothing hangs, and it goes on."""
        for file in ("fan-all-9.yaml", "fan-calls-9.yaml"):
            with self.subTest(file=file), golden.example("fan-k", file) as chain:
                sent = body(100)
                traffic = Traffic(chain, lambda n: ("POST", "/", sent),
                                  lambda n, a: self.assertIn(a.status, (200, 502, 503)))
                with traffic:
                    for _ in range(3):
                        old = chain.instance_pid("b5")
                        os.kill(old, signal.SIGKILL)
                        chain.replaced("b5", [old])
                        done = traffic.done
                        poll("it goes on", lambda: traffic.done > done + 20)
                poll("it answers", lambda: chain.request("POST", "/", sent).status == 200)
                chain.wait_idle(leases=True)


if __name__ == "__main__":
    tap.main()
