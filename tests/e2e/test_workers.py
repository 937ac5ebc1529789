# SPDX-License-Identifier: Apache-2.0
"""`workers` of a function: threads of its process, each a slot of its own."""
import re
import time

import tap
from client import poll
from daemon import Daemon, chain_text
from harness import Chain, ChainTest, fill, in_parallel

WORKERS = 3
SLEEP_MS = 700


def trio(name="trio", workers=WORKERS, instances=1, concurrency=1):
    """With one request an instance counts as behind: the next goes to another thread."""
    text = chain_text("trio", timeout="5s", instances=instances) if name is None else \
        fill("trio", {"timeout": "5s", "instances": instances})
    return re.sub(r"instances: (\d+)\}",
                  rf"instances: \1, workers: {workers}, concurrency: {concurrency}}}", text)


class Workers(ChainTest):
    def chain(self, **more):
        return Chain("trio", text=trio(**more))

    def test_every_thread_serves(self):
        with self.chain() as chain:
            instance, = chain.instances("second")
            self.assertEqual(len(instance["slots"]), WORKERS)
            # A sleep takes its thread: one alone would need WORKERS times as long. Which are
            # chosen is the kernel's to say: two at once show that there are several. Each comes
            # when those before are there, as requests of one moment travel together.
            def one(n):
                poll("its turn", lambda: chain.instances("second")[0]["in_flight"] == n,
                     pause=0.005)
                return chain.request(body=b"x", timeout=30,
                                     headers=[("x-probe", f"second.sleep={SLEEP_MS}")])
            began = time.monotonic()
            answers = in_parallel(WORKERS, one)
            took_ms = (time.monotonic() - began) * 1000
            self.assertEqual({a.status for a in answers}, {200})
            self.assertLess(took_ms, (WORKERS - 0.5) * SLEEP_MS)
            chain.wait_idle(leases=True)
            self.assertEqual(chain.function("second")["ready"], 1)
            self.assertGreaterEqual(chain.instances("second")[0]["in"], WORKERS)

    def test_death_takes_back_what_all_threads_held(self):
        with self.chain() as chain:
            old = [chain.instance_pid("second")]

            def one(n):
                probe = "second.sleep=100;second.crash" if n == 0 else "second.sleep=300"
                return chain.request(body=b"x", headers=[("x-probe", probe)], timeout=30).status
            statuses = in_parallel(2 * WORKERS, one)
            self.assertEqual(set(statuses) - {200}, {502})
            new = chain.replaced("second", old)
            self.assertEqual(len(new), 1)
            chain.wait_idle(leases=True)

    def test_many_deaths(self):
        """Slots come back: there would not be enough for so many processes."""
        with self.chain(workers=16) as chain:
            for _ in range(8):
                old = [chain.instance_pid("third")]
                chain.request(body=b"x", headers=[("x-probe", "third.crash")], timeout=30)
                chain.replaced("third", old, seconds=20)
            chain.wait_idle(leases=True)

    def test_gateway_workers(self):
        with Chain("trio", text=trio(instances=0), args=["--workers", "2"]) as chain:
            self.assertEqual([len(i["slots"]) for i in chain.instances("first")], [WORKERS] * 2)
            self.assertEqual(chain.request(body=b"abc").body, b"abc")


class WorkersOfTheDaemon(ChainTest):
    def slots(self, daemon, name="second"):
        return [i["slots"] for i in daemon.instances("trio", name)]

    def test_change_of_workers(self):
        with Daemon() as daemon:
            daemon.apply(trio(None, workers=1))
            for workers in (4, 2):
                daemon.apply(trio(None, workers=workers))
                poll("new processes", lambda n=workers:
                     [len(s) for s in self.slots(daemon)] == [n])

    def test_adoption(self):
        with Daemon() as daemon:
            daemon.apply(trio(None))
            before = self.slots(daemon)
            daemon.restart()
            self.assertEqual(self.slots(daemon), before)
            self.assertEqual(daemon.request("trio", "POST", "/trio", b"x").status, 200)
            daemon.apply(trio(None, workers=2))
            poll("new processes", lambda: [len(s) for s in self.slots(daemon)] == [2])


if __name__ == "__main__":
    tap.main()
