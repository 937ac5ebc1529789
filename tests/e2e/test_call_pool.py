# SPDX-License-Identifier: Apache-2.0
"""Many requests parked at once, pools that run out, and functions with several threads."""
import os
import re
import signal
import time

import tap
from actors import CallTest, Later, actor, actors, calls, do
from client import poll
from h2 import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, field, frame, post, \
    read_frame
from harness import Traffic, in_parallel

ROUTES = [{"from": "ingress", "to": "b", "when": {"path": "/b"}},
          {"from": "ingress", "to": "c", "when": {"path": "/c"}},
          "ingress a", "a reply", "b reply", "c reply"]
STREAMS = 100  # at once on a connection


def pair(a=None, c=None, **words):
    """a calls c."""
    return actors({"a": calls("c", **(a or {})), "c": actor(**(c or {}))},
                  [{"from": "ingress", "to": "c", "when": {"path": "/c"}}, "ingress a",
                   "a reply", "c reply"], **words)


def memory_of(pid):
    """Bytes of its own: anonymous memory, shared pages left out."""
    text = open(f"/proc/{pid}/status").read()
    return 1024 * int(re.search(r"RssAnon:\s+(\d+) kB", text)[1])


class Streams:
    """Requests at once on one HTTP/2 connection."""

    def __init__(self, chain, orders, count=STREAMS):
        self.count = count
        self.connection = chain.connect(timeout=60)
        block = post("/") + field("x-do", orders)
        self.connection.write(PREFACE + b"".join(
            frame(HEADERS, END_HEADERS, 2 * i + 1, block)
            + frame(DATA, END_STREAM, 2 * i + 1, b"stream %d" % i) for i in range(count)))

    def answers(self):
        """{stream: body}; all of them must be 200."""
        bodies, left = {}, self.count
        while left:
            kind, flags, stream, payload = read_frame(self.connection)
            if kind == HEADERS:
                assert payload[0] == 0x88, f"stream {stream}: not 200: {payload}"
                bodies[stream] = b""
            elif kind == DATA:
                bodies[stream] += payload
            elif kind != SETTINGS and stream:
                raise AssertionError(f"frame {kind} on stream {stream}: {payload}")
            left -= kind in (HEADERS, DATA) and flags & END_STREAM
        self.connection.close()
        return bodies


class Parked(CallTest):
    def parked(self, count, orders, **words):
        with pair({"concurrency": count + 100}, timeout="120s", memory="96Mi",
                  sizes=("2Ki",), body="2Ki", **words) as chain:
            pid = chain.instance_pid("a")
            before = memory_of(pid)
            rows = [Streams(chain, orders) for _ in range(count // STREAMS)]
            self.held(chain, count, "/c")
            # Stacks of 32 KiB of which a handler touches a few pages.
            used = (memory_of(pid) - before) / count
            self.assertLess(used, 24 << 10, "bytes for each")
            self.assertEqual(chain.request("POST", "/c", b"", {"x-do": "free"}).body,
                             b"freed %d\n" % count)
            for row in rows:
                bodies = row.answers()
                self.assertEqual(len(bodies), STREAMS)
                for body in bodies.values():
                    self.assertCall(body.decode(), ok=1, same=1)
            self.whole(chain)
            # What they needed is given back, but for a stock of stacks.
            poll("memory is given back",
                 lambda: memory_of(pid) - before < max(16 << 20, used * count / 2), 5)

    def test_1000(self):
        self.parked(1000, "a.call=one;c.hold")

    def test_10000(self):
        self.parked(10000, "a.call=one;c.hold")

    def test_10000_that_read_by_reference(self):
        self.parked(10000, "a.call=one,1,ref;c.hold")


class Small(CallTest):
    """A pool that does not suffice for all at once."""

    def test_they_wait_and_go_on(self):
        """As many clients as are let in, with calls for more buffers than there are: none
        fails."""
        with pair(memory="2Mi", sizes=("16Ki",), timeout="60s") as chain:
            total = chain.status()["buffers"]["total"]
            self.assertLess(total, 130)

            def client(i):
                with chain.connect(timeout=100) as c:
                    for n in range(10):
                        how = ("copy", "ref", "msg")[n % 3]
                        answer = do(c, f"a.call=one,{1 + (i + n) % 3},{how}", b"%d/%d" % (i, n))
                        self.assertEqual(answer.status, 200, answer)
                        self.assertCall(answer.body.decode(), ok=1 + (i + n) % 3)
            in_parallel(total // 2 - 2, client)
            self.whole(chain)

    def test_refused_at_the_door_not_inside(self):
        """More clients than buffers: what is let in is answered, the rest gets 503."""
        with pair(memory="2Mi", sizes=("16Ki",), timeout="30s") as chain:
            statuses = []

            def client(i):
                with chain.connect(timeout=100) as c:
                    for _ in range(5):
                        answer = do(c, "a.call=one,2;c.sleep=1", b"%d" % i)
                        statuses.append(answer.status)
                        if answer.status == 200:
                            self.assertCall(answer.body.decode(), ok=2)
                        else:
                            self.assertProblem(answer, 503)
            in_parallel(200, client)
            self.assertGreater(statuses.count(200), 100)
            self.whole(chain)

    def test_all_leases_held_by_those_who_wait(self):
        """Each has some buffers and wants more: nobody can go on. It ends with the deadline, as
        an error value, and everything is whole afterwards."""
        with pair(memory="2Mi", sizes=("16Ki",), timeout="2s") as chain:
            total = chain.status()["buffers"]["total"]
            began = time.monotonic()
            answers = in_parallel(8, lambda _: chain.request(
                "POST", "/", b"", {"x-do": f"a.alloc={total // 5},16000;a.call=one;c.hold"},
                timeout=30))
            self.assertLess(time.monotonic() - began, 10)
            for answer in answers:
                self.assertIn(answer.status, (200, 504), answer)
            # Not all of them got what they wanted, and nobody a reply.
            self.assertFalse([a for a in answers if b"ok=1" in a.body])
            chain.request("POST", "/c", b"", {"x-do": "free"})
            self.whole(chain)
            self.assertCall(self.do(chain, "a.call=one,9"), ok=9, same=9)
            self.whole(chain)

    def test_deadlock_of_calls(self):
        """Callers hold all leases with calls whose callees need one each."""
        with actors({"a": calls("b"), "b": calls("c"), "c": actor()}, ROUTES,
                    memory="2Mi", sizes=("16Ki",), timeout="2s") as chain:
            began = time.monotonic()
            answers = in_parallel(8, lambda _: chain.request(
                "POST", "/", b"", {"x-do": "a.call=one,60;b.call=one,60"}, timeout=30))
            self.assertLess(time.monotonic() - began, 15)
            for answer in answers:
                self.assertIn(answer.status, (200, 504), answer)
            self.whole(chain)
            self.assertCall(self.do(chain, "a.call=one,3;b.call=one,3"), ok=3)
            self.whole(chain)

    def test_one_buffer_at_a_time(self):
        """A class of a few large buffers, lent one by one."""
        with pair(memory="16Mi", sizes=("2Ki", "1Mi"), timeout="60s", body="1Mi") as chain:
            def client(_):
                for how in ("copy", "msg"):
                    self.assertCall(self.do(chain, f"a.call=one,1,{how},0,500000"), ok=1, same=1)
            in_parallel(12, client)
            self.whole(chain)

    def test_holder_dies(self):
        """The buffers of a dead function are given to those who wait."""
        with actors({"a": calls("c"), "b": calls("c"), "c": actor()}, ROUTES,
                    memory="2Mi", sizes=("16Ki",), timeout="30s") as chain:
            hog = Later(chain, "b.alloc=10000,16000", path="/b")
            poll("none left", lambda: chain.status()["gateway"]["leased"] > 60, 10)
            waits = Later(chain, "a.call=one,20")
            poll("waits", lambda: chain.status()["gateway"]["in_flight"] == 2)
            os.kill(chain.instance_pid("b"), signal.SIGKILL)
            self.assertCall(waits.answer(10).body.decode(), ok=20, same=20)
            self.assertProblem(hog.answer(10), 502)
            self.whole(chain)


class Threads(CallTest):
    def test_workers_that_call_workers(self):
        """2 and 4 threads, 2 gateway workers; every thread has its turn."""
        for ours, theirs in ((2, 4), (4, 2)):
            with pair({"workers": ours}, {"workers": theirs}, timeout="30s",
                      args=("--workers", "2")) as chain:
                seen = set()

                def client(i):
                    with chain.connect(timeout=60) as c:
                        for n in range(40):
                            how = ("copy", "ref", "msg")[n % 3]
                            answer = do(c, f"a.call=one,9,{how};a.pid;c.pid", b"%d/%d" % (i, n))
                            self.assertEqual(answer.status, 200, answer)
                            self.assertCall(answer.body.decode(), ok=9, same=0, last=r"^c \d+ \d$")
                            seen.update(re.findall(r"\b([ac]) \d+ (\d)\b", answer.body.decode()))
                in_parallel(32, client)
                self.assertGreaterEqual(len({w for n, w in seen if n == "a"}), 2, seen)
                self.assertGreaterEqual(len({w for n, w in seen if n == "c"}), 2, seen)
                self.whole(chain)

    def test_kill_under_load(self):
        """One process, four slots: all of them are taken back."""
        lost = []

        def check(n, answer):
            if answer.status == 502:
                lost.append(n)
            else:
                assert answer.status == 200, answer

        with pair({"workers": 2}, {"workers": 4}, timeout="20s",
                  args=("--workers", "2")) as chain:
            with Traffic(chain, lambda n: ("POST", "/", b"%d" % n,
                                           {"x-do": "a.call=one,5,ref;a.call=one,5"}),
                         check, 12) as t:
                for name in "caca":
                    done, old = t.done, chain.instance_pid(name)
                    os.kill(old, signal.SIGKILL)
                    chain.replaced(name, [old], 20)
                    poll("flows again", lambda d=done: t.done > d + 100 or t.errors, 20)
            self.assertLess(len(lost), t.done / 5)
            self.whole(chain)


class ThreadPool(CallTest):
    """sp_defer and sp_complete: answers from threads of the function's own."""

    def test_under_load(self):
        with pair(c={"workers": 2}, timeout="30s", args=("--workers", "2")) as chain:
            def client(i):
                with chain.connect(timeout=60) as c:
                    for n in range(30):
                        body = b"Body %d/%d" % (i, n)
                        swapped = bytes(x ^ 0x20 for x in body)
                        answer = c.request("POST", "/c", body, {"x-do": f"c.pool={n % 3}"})
                        self.assertEqual((answer.status, answer.body), (200, swapped))
                        answer = do(c, f"a.call=one,5;c.pool={n % 3}", body)
                        self.assertCall(answer.body.decode(), ok=5, same=0)
            in_parallel(32, client)
            self.whole(chain)

    def test_kill_9(self):
        lost = []

        def check(n, answer):
            if answer.status == 502:
                lost.append(n)
            else:
                assert answer.status == 200, answer

        with pair(timeout="20s") as chain:
            with Traffic(chain, lambda n: ("POST", ("/", "/c")[n % 2], b"%d" % n,
                                           {"x-do": "a.call=one,5;c.pool=2"}), check, 16) as t:
                for _ in range(3):
                    done, old = t.done, chain.instance_pid("c")
                    os.kill(old, signal.SIGKILL)
                    chain.replaced("c", [old], 20)
                    poll("flows again", lambda d=done: t.done > d + 50 or t.errors, 20)
            self.whole(chain)

    def test_completed_after_the_deadline(self):
        """The client has its 504; what comes then is nobody's."""
        with pair(timeout="300ms") as chain:
            for orders in ("c.defer", "c.hold"):
                self.assertProblem(chain.request("POST", "/c", b"x", {"x-do": orders}), 504)
                self.assertCall(self.do(chain, f"a.call=one,2,ref,100;{orders}"), SP_ETIMEOUT=2)
            self.assertEqual(self.do_at(chain, "/c", "free"), "freed 6\n")
            self.whole(chain)

    def do_at(self, chain, path, orders):
        return chain.request("POST", path, b"", {"x-do": orders}).body.decode()


if __name__ == "__main__":
    tap.main()
