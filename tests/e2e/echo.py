# SPDX-License-Identifier: Apache-2.0
"""echo.py - one chain that gives back what it gets, for all tests of a class."""
import random

from harness import Chain, ChainTest

SIZES = [2048, 16384, 65536, 1 << 20]
LIMIT = 1 << 20


def noise(size, seed=0):
    return random.Random(size * 31 + seed).randbytes(size)


class EchoTest(ChainTest):
    @classmethod
    def setUpClass(cls):
        cls.chain = Chain("echo")
        cls.addClassCleanup(cls.chain.kill)
        cls.chain.wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.chain.wait_idle(leases=True)
        cls.chain.stop()

    def assert_echo(self, answer, body):
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(len(answer.body), len(body))
        self.assertTrue(answer.body == body, "the body came back changed")
