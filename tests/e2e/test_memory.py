# SPDX-License-Identifier: Apache-2.0
"""What a chain says of its pool: functions that only read it, and buffers that are zeroed."""
import contextlib
import os
import signal

import tap
from client import poll
from harness import BUILD, Chain, ChainTest, Traffic

READER = BUILD / "tests/functions/reader"
HOSTILE = BUILD / "tests/functions/hostile"


def memory_chain(audit=READER, readonly="audit, also", wipe="false", hugepages="auto"):
    return Chain("memory", reader=READER, audit=audit, readonly=readonly, wipe=wipe, hugepages=hugepages)


class ReadOnly(ChainTest):
    @classmethod
    def setUpClass(cls):
        cls.chain = memory_chain()
        cls.addClassCleanup(cls.chain.kill)
        cls.chain.wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.chain.wait_idle(leases=True)
        cls.chain.stop()

    def order(self, what):
        return self.chain.request(body=b"hello", headers={"x-do": what})

    def test_reads_in_a_row_and_along(self):
        start = len(self.chain.log.lines)
        self.assertEqual(self.order("next").body, b"hello")
        for name in ("audit", "also"):
            said = self.chain.log.wait(rf"{name}.*read 5 bytes: hello", start)
            self.assertTrue(said, self.chain.report())

    def test_answers_with_what_it_was_given(self):
        answer = self.order("reply")
        self.assertEqual((answer.status, answer.body), (200, b"hello"))

    def test_drops(self):
        self.assertEqual(self.order("drop").status, 204)

    def test_fails_with_its_error_and_no_text(self):
        problem = self.assertProblem(self.order("fail"), 400)
        self.assertNotIn("not like this", problem.get("detail", ""))
        self.assertTrue(self.chain.log.wait("failed: not like this"))

    def test_a_body_to_write_to_is_an_error_that_says_so(self):
        pid = self.chain.instance_pid("audit")
        self.assertProblem(self.order("body"), 500)
        self.assertTrue(self.chain.log.wait(r"memory.readOnly.*sp_view"), self.chain.report())
        self.assertEqual(self.chain.instance_pid("audit"), pid)

    def test_calls_that_write_say_why_not(self):
        for what in ("status", "header", "topic", "set", "print"):
            start = len(self.chain.log.lines)
            answer = self.order(what)
            self.assertEqual((answer.status, answer.body), (200, b"hello"), what)
            said = self.chain.log.wait(rf"audit: .*{what}: Read-only file system", start)
            self.assertTrue(said, self.chain.report())
        self.assertEqual(self.order("alloc").status, 200)
        self.assertTrue(self.chain.log.wait("alloc: No buffer space"))


class Hostile(ChainTest):
    """A function that was handed memory to read tries to write to it."""

    def attempts(self, chain):
        start = len(chain.log.lines)
        answer = chain.request(body=b"hello",
                               headers={"x-attack": "write-pool", "x-at": "audit"})
        self.assertEqual((answer.status, answer.body), (200, b"hello"), answer)
        self.assertTrue(chain.log.wait("write done", start), chain.report())
        return [line.split("write ", 1)[1] for line in chain.log.lines[start:]
                if "write " in line and "write done" not in line]

    def test_no_way_to_write(self):
        for hugepages in ("auto", "never"):
            with self.subTest(hugepages=hugepages), \
                    memory_chain(audit=HOSTILE, hugepages=hugepages) as chain:
                tried = self.attempts(chain)
                self.assertEqual(len(tried), 6, tried)
                self.assertEqual([t for t in tried if "allowed" in t], [])


class Wipe(ChainTest):
    """A buffer is given out again without what others have left in it."""

    def leftovers(self, wipe):
        with memory_chain(audit=HOSTILE, readonly="also", wipe=wipe) as chain:
            for _ in range(20):
                chain.request(path="/keeper", body=b"secret" * 200,
                              headers={"x-attack": "smear", "x-at": "keeper"})
            counts = [int(chain.request(path="/keeper", body=b"x",
                                        headers={"x-attack": "peek", "x-at": "keeper"}).body)
                      for _ in range(20)]
            chain.wait_idle(leases=True)
        return counts

    def test_without_it_others_see_it(self):
        self.assertGreater(max(self.leftovers("false")), 1000)

    def test_nothing_is_left(self):
        self.assertEqual(max(self.leftovers("true")), 0)

    def test_nothing_is_left_by_a_gateway_that_died(self):
        with memory_chain(audit=HOSTILE, readonly="also", wipe="true") as chain:
            smear = ("POST", "/keeper", b"secret" * 200,
                     {"x-attack": "smear", "x-at": "keeper"})
            gateway = chain.status()["gateway"]["pid"]
            with contextlib.suppress(AssertionError), \
                    Traffic(chain, lambda n: smear, lambda n, answer: None, clients=4):
                os.kill(gateway, signal.SIGKILL)
            poll("another gateway", lambda: chain.status()["gateway"]["pid"] not in (0, gateway)
                 and chain.status()["gateway"]["state"] == "READY")
            counts = [int(chain.request(path="/keeper", body=b"x",
                                        headers={"x-attack": "peek", "x-at": "keeper"}).body)
                      for _ in range(50)]
            self.assertEqual(max(counts), 0)


if __name__ == "__main__":
    tap.main()
