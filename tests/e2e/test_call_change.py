# SPDX-License-Identifier: Apache-2.0
"""Changes and deaths around calls that are under way: nobody's answer is lost to a change."""
import contextlib
import os
import signal
import threading

import tap
from actors import CallTest, actor, calls, chain_of
from client import Closed, poll
from daemon import Daemon, Stream

PATHS = [{"from": "ingress", "to": n, "when": {"path": f"/{n}"}} for n in "bc"]
CALL = {"x-do": "a.call=one,5"}
CALLED = b"one ok=5 same=5 last=one 4.\n"
SLOW = {"x-do": "a.call=one,5,ref;c.pool=20"}
SLOW_CALLED = b"one ok=5 same=0 last=HELLO\n"


def called(version="1", at="a", callee="c", **words):
    """a calls b or c, either of which may be built anew."""
    functions = {"a": calls(callee), "b": actor(), "c": actor()}
    functions[at]["env"] = {"VERSION": version}
    return chain_of(functions, [*PATHS, "ingress a", "a reply", "b reply", "c reply"], "called",
                    **{"timeout": "20s"} | words)


def joined(members, at, tee=()):
    """a fans out, or goes straight on to j; j and k answer."""
    route = {"from": "a", "to": "j"} if not members else {
        "from": "a", "to": {"all": members}, "join": {"at": at}}
    if tee:
        route["tee"] = list(tee)
    routes = ["ingress a", route] + [f"{n} reply" for n in "bcdjk"]
    # So that all functions have a way to them whatever the route of a is.
    paths = [{"from": "ingress", "to": n, "when": {"path": f"/{n}"}} for n in "bcdjk"]
    return chain_of({n: actor() for n in "abcdjk"}, paths + routes, "joined", timeout="20s")


class Change(CallTest):
    @contextlib.contextmanager
    def serving(self, text, name, *streams):
        """The chain with streams of requests, none of which may fail."""
        with Daemon() as daemon:
            daemon.apply(text)
            with contextlib.ExitStack() as stack:
                running = [stack.enter_context(Stream(daemon.port(name), "/", clients=4,
                                                      headers=h, expect=e)) for h, e in streams]
                yield daemon
                for s in running:
                    done = s.done
                    poll("goes on", lambda s=s, d=done: s.done > d + 8 or s.failures)
            for s in running:
                self.assertEqual(s.failures, [], f"of {s.done}")
            daemon.whole(name)
            self.assertEqual(sum(daemon.status(name)["kernel"]["violations"].values()), 0)

    def replaced(self, at):
        with self.serving(called("0", at), "called", (CALL, CALLED),
                          (SLOW, SLOW_CALLED)) as daemon:
            for n in range(1, 7):
                old = {i["pid"] for i in daemon.instances("called", at)}
                daemon.apply(called(str(n), at))
                self.assertFalse(old & {i["pid"] for i in daemon.instances("called", at)})

    def test_callee_is_replaced(self):
        self.replaced("c")

    def test_caller_is_replaced(self):
        self.replaced("a")

    def test_number_of_instances_and_threads(self):
        def scaled(n):
            return chain_of({"a": calls("c", instances=1 + n % 3), "b": actor(),
                             "c": actor(workers=1 + n % 2, instances=1 + n % 2)},
                            [*PATHS, "ingress a", "a reply", "b reply", "c reply"], "called",
                            timeout="20s")
        with self.serving(scaled(0), "called", (CALL, CALLED), (SLOW, SLOW_CALLED)) as daemon:
            for n in range(1, 7):
                daemon.apply(scaled(n))

    def test_who_is_called_changes(self):
        with self.serving(called(callee="c"), "called", (CALL, CALLED)) as daemon:
            for n in range(10):
                callee = "bc"[n % 2]
                daemon.apply(called(callee=callee))
                before = daemon.function("called", callee)["instances"][0]["in"]
                poll("it is called", lambda c=callee, b=before: daemon.function(
                    "called", c)["instances"][0]["in"] > b)

    def test_fan_out_changes(self):
        ways = [joined(["b", "c"], "j"), joined(["c", "d"], "k"), joined([], None),
                joined(["b", "c", "d"], "k", tee=["j"]), joined([], None, tee=["k", "b"])]
        with self.serving(ways[0], "joined", ((), b"hello")) as daemon:
            pids = {i["pid"] for n in "abcdjk" for i in daemon.instances("joined", n)}
            for n in range(1, 15):
                daemon.apply(ways[n % len(ways)])
            self.assertEqual(pids, {i["pid"] for n in "abcdjk"
                                    for i in daemon.instances("joined", n)}, "routes only")

    def test_join_is_replaced(self):
        def text(n):
            return joined(["b", "c", "d"], "j").replace(
                '"name": "j",', '"name": "j", "env": {"VERSION": "%d"},' % n)
        with self.serving(text(0), "joined", ((), b"hello")) as daemon:
            for n in range(1, 7):
                self.assertIn("configured", daemon.apply(text(n)).stdout)

    def test_pool_is_replaced(self):
        """A chain with another pool takes the place of the old one, which ends its calls."""
        with self.serving(called(), "called", (CALL, CALLED), (SLOW, SLOW_CALLED)) as daemon:
            for memory in ("32Mi", "16Mi"):
                self.assertIn("replaced", daemon.apply(called(memory=memory)).stdout)


class Parked:
    """Requests of which each waits for three calls, which are held."""

    def __init__(self, daemon, count=5):
        self.daemon, self.answers = daemon, []
        self.threads = [threading.Thread(target=self.ask, daemon=True) for _ in range(count)]
        for t in self.threads:
            t.start()
        poll("parked", lambda: self.held() == b"%d\n" % (3 * count), 10)

    def ask(self):
        try:
            self.answers.append(self.daemon.request("called", path="/", body=b"hello",
                                                    headers={"x-do": "a.call=one,3,ref;c.hold"}))
        except (OSError, Closed) as e:
            self.answers.append(e)

    def held(self):
        return self.daemon.request("called", path="/c", body=b"", headers={"x-do": "held"}).body

    def free(self):
        self.daemon.request("called", path="/c", body=b"", headers={"x-do": "free"})

    def join(self):
        for t in self.threads:
            t.join(20)
        assert len(self.answers) == len(self.threads), "some hang"
        return self.answers


class Death(CallTest):
    def serves(self, daemon):
        answer = daemon.request("called", path="/", body=b"hello", headers=CALL)
        self.assertEqual((answer.status, answer.body), (200, CALLED))
        daemon.whole("called")
        self.assertEqual(sum(daemon.status("called")["kernel"]["violations"].values()), 0)

    def pids(self, daemon):
        return {i["pid"] for n in "abc" for i in daemon.instances("called", n)}

    def test_gateway(self):
        """Its clients lose their connections; the functions go on, and no buffer is lost."""
        with Daemon() as daemon:
            daemon.apply(called())
            pids = self.pids(daemon)
            for _ in range(4):
                parked = Parked(daemon)
                gateway = daemon.status("called")["gateway"]["pid"]
                os.kill(gateway, signal.SIGKILL)
                for answer in parked.join():
                    self.assertIsInstance(answer, (OSError, Closed))
                poll("another", lambda g=gateway: daemon.status("called")["gateway"]["pid"]
                     not in (0, g))
                self.assertEqual(parked.held(), b"15\n")
                parked.free()
                self.serves(daemon)
            self.assertEqual(self.pids(daemon), pids)

    def test_gateway_under_load(self):
        with Daemon() as daemon:
            daemon.apply(called())
            pids = self.pids(daemon)
            port = daemon.port("called")
            with Stream(port, "/", headers=CALL, expect=CALLED, clients=8) as s, \
                    Stream(port, "/", headers=SLOW, expect=SLOW_CALLED, clients=8) as slow:
                for _ in range(4):
                    gateway = daemon.status("called")["gateway"]["pid"]
                    os.kill(gateway, signal.SIGKILL)
                    poll("another", lambda g=gateway: daemon.status("called")["gateway"]["pid"]
                         not in (0, g))
                    done = s.done, slow.done
                    poll("goes on", lambda d=done: s.done > d[0] + 20 and slow.done > d[1] + 20, 10)
            self.assertLessEqual(len(s.failures) + len(slow.failures), 4 * 16)
            self.serves(daemon)
            self.assertEqual(self.pids(daemon), pids)

    def test_gateway_and_function(self):
        """Whose buffers the dead function had, the next gateway finds."""
        for name in ("a", "c"):
            with Daemon() as daemon:
                daemon.apply(called())
                parked = Parked(daemon)
                gateway = daemon.status("called")["gateway"]["pid"]
                pid = daemon.instances("called", name)[0]["pid"]
                os.kill(gateway, signal.SIGKILL)
                os.kill(pid, signal.SIGKILL)
                parked.join()
                poll("serves", lambda d=daemon, p=pid: p not in self.pids(d)
                     and len(self.pids(d)) == 3, 20)
                if name != "c":
                    parked.free()
                self.serves(daemon)

    def test_daemon(self):
        """Nobody notices: those who are parked are answered, by the same processes."""
        with Daemon() as daemon:
            daemon.apply(called())
            pids = self.pids(daemon)
            for sig in (signal.SIGKILL, signal.SIGTERM):
                parked = Parked(daemon)
                daemon.kill(sig)
                daemon.start()
                self.assertEqual(parked.held(), b"15\n")
                parked.free()
                for answer in parked.join():
                    self.assertEqual(answer.status, 200, answer)
                    self.assertCall(answer.body.decode(), ok=3, same=3)
                self.assertEqual(self.pids(daemon), pids)
                self.serves(daemon)

    def test_daemon_under_load(self):
        with Daemon() as daemon:
            daemon.apply(called())
            port = daemon.port("called")
            with Stream(port, "/", headers=CALL, expect=CALLED) as s, \
                    Stream(port, "/", headers=SLOW, expect=SLOW_CALLED) as slow:
                for n in range(3):
                    daemon.restart()
                    daemon.apply(called(str(n), "c"))
            self.assertEqual(s.failures + slow.failures, [])
            self.serves(daemon)


if __name__ == "__main__":
    tap.main()
