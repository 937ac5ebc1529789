# SPDX-License-Identifier: Apache-2.0
"""Bodies as large as the largest buffer: through chains, calls, fan-outs; nobody copies them."""
import random
import re
import subprocess
import zlib

import golden
import tap
from harness import BUILD, Chain, ChainTest

MI = 1 << 20
FUNCTIONS = [f"f{i}" for i in range(1, 7)]
EXAMPLES = BUILD / "functions/examples"

HEAD = """
apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {{name: large}}
spec:
  ingress:
  - http: {{path: /, maxBody: {size}Mi}}
  timeout: 15s
  pool: {{memory: {memory}Mi, bufferSizes: [2Ki, {size}Mi]}}
  functions:
"""
BRANCHES = """
  - {{name: b1, exec: {examples}/chain-n/echo}}
  - {{name: b2, exec: {examples}/chain-n/echo}}
  - {{name: b3, exec: {examples}/chain-n/echo}}
"""
JOIN = BRANCHES + """
  - {{name: head, exec: {examples}/chain-n/pass}}
  - {{name: gather, exec: {examples}/fan-k/gather, config: {{branches: "3"}}}}
  routes:
  - {{from: ingress, to: head}}
  - {{from: head, to: {{all: [b1, b2, b3]}}, join: {{at: gather}}}}
  - {{from: gather, to: reply}}
"""
GROW = """
  - {{name: only, exec: {examples}/probe/probe}}
  routes:
  - {{from: ingress, to: only}}
  - {{from: only.left, to: reply}}
  - {{from: only.right, to: reply}}
  - {{from: only, to: reply}}
"""
CALLS = BRANCHES + """
  - {{name: caller, exec: {examples}/fan-k/caller, calls: {{{calls}}},
     config: {{branches: "3", body: {body}}}}}
  routes:
  - {{from: ingress, to: caller}}
  - {{from: caller, to: reply}}
"""


def noise(size):
    return random.Random(size).randbytes(size)


def total(body):
    """What functions/examples/big/sum.c makes of it."""
    return b"%08x" % zlib.crc32(body)


def copied(status):
    return sum(f["counters"].get("copied_bytes", 0) for f in status["functions"])


def went(status):
    return status["kernel"]["descriptors"], [i["in"] for f in status["functions"]
                                             for i in f["instances"]]


def large(functions, size=16, memory=128, body="reference"):
    """A chain for bodies of `size` MiB."""
    calls = ", ".join(f"b{i}: b{i if i <= 3 else 1}" for i in range(1, 33))
    text = (HEAD + functions).format(examples=EXAMPLES, size=size, memory=memory, calls=calls,
                                     body=body)
    return Chain("large", text=text)


class Big(ChainTest):
    def test_six_functions_read_16_mib(self):
        """As many descriptors as for 100 bytes, and not a byte copied."""
        with golden.example("big", "big.yaml", ("--trace",)) as chain, chain.connect() as connection:
            costs = {}
            for size in (100, 16 * MI):
                before = went(chain.status())
                body = noise(size)
                answer = connection.request("POST", "/", body)
                self.assertEqual((answer.status, answer.body), (200, total(body)), answer)
                for name in FUNCTIONS:
                    self.assertEqual(answer.header(f"x-sum-{name}").encode(), total(body))
                timing = answer.header("server-timing")
                self.assertEqual(re.findall(r"(f\d);dur", timing), FUNCTIONS, timing)
                self.assertIn('"2Ki/' if size == 100 else '"16Mi/', timing)
                after = went(chain.status())
                costs[size] = (after[0] - before[0],
                               [a - b for a, b in zip(after[1], before[1])])
            self.assertEqual(costs[100], (7, [1] * 6))
            self.assertEqual(costs[16 * MI], costs[100])
            self.assertEqual(copied(chain.status()), 0)
            chain.wait_idle()

    def test_http2(self):
        with golden.example("big", "big.yaml") as chain:
            body = noise(16 * MI)
            file = chain.folder / "body"
            file.write_bytes(body)
            done = subprocess.run(
                ["curl", "-sS", "--max-time", "20", "--http2-prior-knowledge", "--data-binary",
                 f"@{file}", f"http://127.0.0.1:{chain.port}/"], capture_output=True, check=True)
            self.assertEqual(done.stdout, total(body))

    def test_one_byte_more_is_refused(self):
        with golden.example("big", "big.yaml") as chain:
            answer = chain.request("POST", "/", bytes(16 * MI + 1))
            self.assertProblem(answer, 413, "big")
            self.assertEqual(chain.request("POST", "/", b"x").body, total(b"x"))

    def test_grows(self):
        """From nothing to the largest; a byte more is an error, and the request unchanged."""
        with large(GROW, memory=80) as chain:
            for _ in range(3):
                answer = chain.request("POST", "/", b"", {"x-probe": f"grow={16 * MI}"})
                self.assertEqual((answer.status, len(answer.body)), (200, 16 * MI))
                self.assertEqual(answer.body[-4:], bytes(97 + (16 * MI - 4 + i) % 26 for i in range(4)))
            answer = chain.request("POST", "/", b"", {"x-probe": f"grow={16 * MI + 1}"})
            self.assertProblem(answer, 413)
            chain.wait_idle(leases=True)

    def fan(self, functions, **pool):
        with large(functions, **pool) as chain:
            body = noise(pool.get("size", 16) * MI)
            for _ in range(2):
                answer = chain.request("POST", "/", body, timeout=30)
                self.assertEqual((answer.status, answer.body == body), (200, True), answer)
            self.assertEqual(copied(chain.status()), 0)
            chain.wait_idle(leases=True)

    def test_fan_out_and_join(self):
        self.fan(JOIN)

    def test_calls_by_reference(self):
        self.fan(CALLS)

    def test_calls_that_copy(self):
        """Each takes a buffer as large."""
        with large(CALLS, memory=144, body="copy") as chain:
            body = noise(16 * MI)
            answer = chain.request("POST", "/", body, timeout=30)
            self.assertEqual((answer.status, answer.body == body), (200, True), answer)
            self.assertEqual(copied(chain.status()), 3 * 16 * MI)
            chain.wait_idle(leases=True)

    def test_the_largest_there_is(self):
        self.fan(JOIN, size=64, memory=224)


if __name__ == "__main__":
    tap.main()
