# SPDX-License-Identifier: Apache-2.0
"""Requests of instances that die, where functions are idempotent: nobody notices."""
import os
import random
import signal
import time

import tap
from actors import Later, actor, actors, calls
from client import poll
from harness import ChainTest, Traffic

PIPE = ["ingress a", "a b", "b reply"]


def pair(first=True, second=True, **more):
    return actors({"a": actor(idempotent=first), "b": actor(idempotent=second, **more)}, PIPE,
                  timeout="10s")


def kill_the_holder(chain, name, count=1):
    """Kills the instance of the function, once it holds so many requests."""
    def holder():
        return [i["pid"] for i in chain.instances(name) if i["in_flight"] >= count]
    os.kill(poll(f"{name} holds {count}", holder)[0], signal.SIGKILL)


class Retry(ChainTest):
    def test_it_begins_anew_as_the_client_sent_it(self):
        """a inverts the body's case where it stands: done twice, it would be as before."""
        with pair() as chain:
            many = [Later(chain, "a.pool=1;b.sleep=200", b"Body %d" % i) for i in range(5)]
            kill_the_holder(chain, "b", 5)
            for i, later in enumerate(many):
                answer = later.answer()
                self.assertEqual((answer.status, answer.body),
                                 (200, bytes(c ^ 0x20 for c in b"Body %d" % i)), answer)
            gateway = chain.wait_idle()["gateway"]
            self.assertEqual(gateway["lost"], 0)
            self.assertGreaterEqual(gateway["retried"], 5)

    def test_not_when_one_that_had_it_is_not_idempotent(self):
        with pair(first=False) as chain:
            later = Later(chain, "b.sleep=500")
            kill_the_holder(chain, "b")
            self.assertProblem(later.answer(), 502, "actors")
            self.assertEqual(chain.status()["gateway"]["retried"], 0)

    def test_one_that_kills_whoever_has_it_is_answered(self):
        with pair() as chain:
            answer = chain.request("POST", "/", b"poison", {"x-do": "b.die"})
            problem = self.assertProblem(answer, 502, "actors")
            self.assertEqual((problem["reason"], problem["function"]), ("function-died", "b"))
            self.assertEqual(chain.status()["gateway"]["retried"], 2)
            self.assertEqual(chain.request("POST", "/", b"x").status, 200)
            chain.wait_idle()

    def test_its_deadline_stays(self):
        with actors({"a": actor(idempotent=True)}, ["ingress a", "a reply"], timeout="1s") as chain:
            later, began = Later(chain, "a.sleep=900"), time.monotonic()
            poll("on its way", lambda: time.monotonic() - began > 0.6)
            kill_the_holder(chain, "a")
            self.assertEqual(later.answer().status, 504)
            self.assertLess(time.monotonic() - began, 1.4)

    def test_what_moves_with_more_input(self):
        """What the client sends ahead has the gateway move the request in its memory."""
        body = b"Moved " * 300
        with pair() as chain, chain.connect() as c:
            c.send("POST", "/", body, {"x-do": "a.pool=1;b.sleep=1000"})
            poll("b has it", lambda: any(i["in_flight"] for i in chain.instances("b")))
            for _ in range(4):
                c.send("POST", "/", b"y" * 8000, {"x-do": "a.reply"})
            with chain.connect() as other:  # has the memory that was left
                for _ in range(20):
                    other.request("POST", "/", b"z" * 9000, {"x-do": "a.reply"})
            kill_the_holder(chain, "b")
            answer = c.receive()
            self.assertEqual((answer.status, answer.body), (200, bytes(x ^ 0x20 for x in body)))
            for _ in range(4):
                self.assertEqual(c.receive().status, 200)

    def test_a_call(self):
        """The caller makes it again; a message that it wrote itself cannot be."""
        functions = {"a": calls("b"), "b": actor(idempotent=True)}
        with actors(functions, ["ingress a", "a reply"], timeout="10s") as chain:
            later = Later(chain, "a.call=one;b.sleep=200;b.say=here", b"x")
            kill_the_holder(chain, "b")
            answer = later.answer()
            self.assertEqual(answer.status, 200, answer)
            self.assertIn(b"ok=1", answer.body)
            chain.wait_idle(leases=True)

    def test_a_call_of_what_is_not_idempotent_fails(self):
        with actors({"a": calls("b"), "b": actor()}, ["ingress a", "a reply"]) as chain:
            later = Later(chain, "a.call=one;b.sleep=500;b.say=here", b"x")
            kill_the_holder(chain, "b")
            self.assertIn(b"SP_EUPSTREAM=1", later.answer().body)
            chain.wait_idle(leases=True)


TRIO = {n: actor(idempotent=True, instances=2) for n in ("a", "b", "c")}


class Kills(ChainTest):
    def test_at_random_under_load(self):
        """kill -9 of some function every 200 ms: not one request fails."""
        seconds = 60 if os.environ.get("SPROCKET_SLOW") else 4
        seed = int(os.environ.get("SPROCKET_SEED", time.time_ns() % 1000000))
        rng = random.Random(seed)
        slowest = [0.0]

        def check(n, answer):
            assert (answer.status, answer.body) == (200, b"load %d" % n), answer

        with actors(TRIO, ["ingress a", "a b", "b c", "c reply"], timeout="10s") as chain:
            with Traffic(chain, lambda n: ("POST", "/", b"load %d" % n), check, 8) as t:
                end = time.monotonic() + seconds
                kills = 0
                while time.monotonic() < end and not t.errors:
                    name = rng.choice("abc")
                    running = chain.instances(name)
                    if running:
                        os.kill(rng.choice(running)["pid"], signal.SIGKILL)
                        kills += 1
                    done = t.done
                    poll("goes on", lambda d=done: t.done > d + 8 or t.errors, 10)
                    time.sleep(0.2)  # the interval between faults
            self.assertGreater(kills, seconds * 2, f"seed {seed}")
            status = chain.wait_idle(seconds=10, leases=True)
            self.assertEqual(status["gateway"]["lost"], 0, f"seed {seed}")
            print(f"# seed {seed}: {kills} kills, {t.done} requests, "
                  f"{status['gateway']['retried']} retried", flush=True)


if __name__ == "__main__":
    tap.main()
