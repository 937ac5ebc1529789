# SPDX-License-Identifier: Apache-2.0
"""256 clients at once, every answer verified. With SPROCKET_SLOW=1 for longer and mixed."""
import os
import random
import signal
import threading

import tap
from client import poll
from harness import Chain, ChainTest, in_parallel

SLOW = os.environ.get("SPROCKET_SLOW") == "1"
CLIENTS = 256


class Load(ChainTest):
    def drive(self, chain, requests, sizes, reconnect=0):
        def client(i):
            rng = random.Random(i)
            connection = chain.connect(timeout=60)
            for n in range(requests):
                body = b"%d/%d:" % (i, n) + rng.randbytes(rng.choice(sizes))
                answer = connection.request("POST", chain.path, body)
                if answer.status != 200 or answer.body != body:
                    raise AssertionError(f"client {i} request {n} of {len(body)}: {answer}")
                if reconnect and n % reconnect == reconnect - 1:
                    connection.close()
                    connection = chain.connect(timeout=60)
            connection.close()
            return requests
        return sum(in_parallel(CLIENTS, client))

    def test_256_clients(self):
        requests = 200 if SLOW else 10
        with Chain("trio", timeout="30s", instances=2, args=("--workers", "2")) as chain:
            done = self.drive(chain, requests, (0, 10, 100, 1000))
            status = chain.wait_idle(leases=True)
            self.assertEqual(status["gateway"]["answered"], done)

    def test_256_clients_of_all_sizes(self):
        sizes = (0, 1, 2000, 2030, 16384, 65000, 200_000) if SLOW else (0, 2030, 16384, 65000)
        with Chain("echo", args=("--workers", "2")) as chain:
            self.drive(chain, 40 if SLOW else 4, sizes, reconnect=3)
            chain.wait_idle(leases=True)


class Mix(ChainTest):
    """What happens at once on a bad day; only with SPROCKET_SLOW=1."""

    def setUp(self):
        if not SLOW:
            self.skipTest("slow: set SPROCKET_SLOW=1")

    def test_clients_that_reset_beside_those_that_do_not(self):
        with Chain("trio", timeout="30s", instances=2) as chain:
            def client(i):
                rng = random.Random(i)
                for n in range(60):
                    c = chain.connect(timeout=60)
                    body = rng.randbytes(rng.randrange(3000))
                    if i % 2:
                        c.send("POST", chain.path, body)
                        c.reset()
                    else:
                        answer = c.request("POST", chain.path, body)
                        self.assertEqual((answer.status, answer.body), (200, body), n)
                        c.close()
            in_parallel(CLIENTS, client)
            chain.wait_idle(leases=True)

    def test_functions_killed_under_load(self):
        with Chain("trio", timeout="30s", instances=3) as chain:
            stop = threading.Event()

            def killer():
                rng = random.Random(1)
                while not stop.wait(0.3):
                    instances = chain.instances(rng.choice(["first", "second", "third"]))
                    if instances:
                        os.kill(rng.choice(instances)["pid"], signal.SIGKILL)
            thread = threading.Thread(target=killer, daemon=True)
            thread.start()
            lost = []

            def client(i):
                with chain.connect(timeout=60) as c:
                    for n in range(100):
                        body = b"%d/%d" % (i, n)
                        answer = c.request("POST", chain.path, body)
                        if answer.status == 502:
                            lost.append(n)
                        else:
                            self.assertEqual((answer.status, answer.body), (200, body))
            try:
                in_parallel(CLIENTS, client)
            finally:
                stop.set()
                thread.join()
            self.assertLess(len(lost), CLIENTS * 100 / 4)
            poll("all back", lambda: all(len(chain.instances(n)) == 3
                                         for n in ("first", "second", "third")), 30)
            chain.wait_idle(leases=True)


if __name__ == "__main__":
    tap.main()
