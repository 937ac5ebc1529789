# SPDX-License-Identifier: Apache-2.0
"""`spin` of a chain, and how the gateway's process is set up to be fast: what it costs, what it
does not, and that it changes while the chain serves."""
import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import tap
from client import poll
from daemon import Daemon, Stream, chain_text
from echo import noise
from harness import Chain, ChainTest, fill, in_parallel, make_folder, program, run

ROUNDS = 100
SPIN_MS = 1
# CPU of ROUNDS requests that come one by one: above, its workers spin; below, they sleep.
SPINS_MS = ROUNDS * SPIN_MS * 0.4
IDLE_S = 2
TUNABLES = "GLIBC_TUNABLES"


def with_spin(text, spin):
    return text.replace("spec:\n", f"spec:\n  spin: {spin}\n", 1) if spin else text


def one(spin=None):
    return with_spin(chain_text("one", text="a", start="ok", instances=1, memory="16Mi",
                                exec=program("probe")), spin)


def cpu_ms(pid):
    """What all threads of the process have run."""
    return sum(int(path.read_text().split()[0])
               for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6


def environment(pid):
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def cost_ms(pid, connect, path):
    """CPU of the gateway for requests of one client with pauses, in which it could sleep."""
    with connect() as c:
        before = cpu_ms(pid)
        for _ in range(ROUNDS):
            assert c.request("POST", path, b"x").status == 200
            time.sleep(3 * SPIN_MS / 1000)
        return cpu_ms(pid) - before


class Spin(ChainTest):
    def assert_rests(self, pid, seconds=IDLE_S):
        before = cpu_ms(pid)
        time.sleep(seconds)
        self.assertLess(cpu_ms(pid) - before, 5 * seconds)

    def test_answers(self):
        for workers in (1, 2):
            with Chain("echo", text=with_spin(fill("echo", {}), "100us"),
                       args=("--workers", str(workers))) as chain:
                def client(i):
                    with chain.connect() as c:
                        for n in range(50):
                            body = noise(i * 100 + n)
                            self.assert_echo(c.request("POST", "/echo", body), body)
                in_parallel(8, client)
                self.assertEqual(chain.request("POST", "/none").status, 404)
                pid = chain.status()["gateway"]["pid"]
                with chain.connect() as c:  # a client that says nothing keeps nobody awake
                    self.assertEqual(c.request("POST", "/echo", b"x").status, 200)
                    self.assert_rests(pid)
                chain.wait_idle(leases=True)

    def assert_echo(self, answer, body):
        self.assertEqual((answer.status, answer.body == body), (200, True), answer)

    def test_requests_under_way_let_it_sleep(self):
        """Their functions need the CPU."""
        with Chain("echo", text=with_spin(fill("echo", {}), f"{SPIN_MS}ms")) as chain:
            pid = chain.status()["gateway"]["pid"]
            answers = []
            asks = threading.Thread(target=lambda: answers.append(chain.request(
                body=b"x", path="/echo", headers=[("x-probe", "sleep=2500")])))
            asks.start()
            poll("it is under way", lambda: chain.status()["gateway"]["in_flight"] == 1)
            self.assert_rests(pid, 1)
            asks.join(20)
            self.assertEqual([a.status for a in answers], [200])

    def test_changes_live(self):
        """Its process stays, so do the functions', and no request fails."""
        with Daemon() as daemon:
            daemon.apply(one())
            pids = self.pids(daemon)

            def spins():
                return cost_ms(pids[0], lambda: daemon.connect("one"), "/in") > SPINS_MS
            poll("it sleeps at once", lambda: not spins(), 20)
            for spin in (f"{SPIN_MS}ms", "20us", f"{SPIN_MS}ms", None):
                with Stream(daemon.port("one")) as stream:
                    said = daemon.apply(one(spin)).stdout
                self.assertIn("one configured", said)
                self.assertEqual(stream.failures, [])
                long = spin == f"{SPIN_MS}ms"
                poll(f"it does as spin: {spin} says", lambda want=long: spins() == want, 20)
                self.assertEqual(self.pids(daemon), pids)
                self.assert_rests(pids[0], 1)
            self.assertIn("unchanged", daemon.apply(one(None)).stdout)
            daemon.whole("one")

    def test_next_gateway_spins_too(self):
        with Daemon() as daemon:
            daemon.apply(one())
            self.assertIn("one configured", daemon.apply(one(f"{SPIN_MS}ms")).stdout)
            old = self.pids(daemon)[0]
            os.kill(old, signal.SIGKILL)
            new = poll("another one", lambda: daemon.status("one")["gateway"]["state"] == "READY" and
                       self.pids(daemon)[0] != old and self.pids(daemon)[0], 20)
            poll("it spins", lambda: cost_ms(new, lambda: daemon.connect("one"), "/in") > SPINS_MS,
                 20)
            self.assert_rests(new, 1)
            daemon.whole("one")

    def pids(self, daemon):
        return [daemon.status("one")["gateway"]["pid"],
                *(i["pid"] for i in daemon.instances("one", "only"))]

    def test_validate(self):
        file = make_folder() / "chain.yaml"
        self.addCleanup(lambda: (file.unlink(), file.parent.rmdir()))
        range_of = "must be from 1us to 1ms"
        for spin, why in (("1us", None), ("100us", None), ("1ms", None), ("0us", range_of),
                          ("1001us", range_of), ("2ms", range_of), ("1h", range_of),
                          ("20", "is no duration"), ("50ns", "is no duration"),
                          ("-1us", "is no duration"), ("[1us]", "spin")):
            file.write_text(with_spin(fill("echo", {}), spin))
            done = run("validate", str(file))
            self.assertEqual(done.returncode == 0, why is None, f"{spin}: {done}")
            self.assertIn(why or "", done.stdout + done.stderr)


class Allocator(ChainTest):
    """What malloc is told, and who hears it."""

    def test_environment(self):
        for said in (None, b"glibc.malloc.tcache_count=9", b""):
            env = {TUNABLES: said.decode()} if said is not None else {}
            with Chain("echo", env=env) as chain:
                status = chain.status()
                gateway = environment(status["gateway"]["pid"])
                function = environment(chain.instance_pid("only"))
            here = [v for v in gateway if v.startswith(TUNABLES.encode())]
            # The operator's word is the last.
            value = b"glibc.malloc.tcache_count=256" if said is None else said
            self.assertEqual(here, [TUNABLES.encode() + b"=" + value])
            self.assertEqual([v for v in function if v.startswith(TUNABLES.encode())],
                             [] if said is None else here)

    def test_large_bodies_use_the_same_pages(self):
        """No body is read into pages of its own, which are 64 faults each for 256 KiB: not by the
        first worker, nor by others, whose heaps are others."""
        with Chain("echo", args=("--workers", "2")) as chain, contextlib.ExitStack() as stack:
            stat = Path(f"/proc/{chain.status()['gateway']['pid']}/stat")
            body = noise(256 << 10)
            clients = [stack.enter_context(chain.connect()) for _ in range(8)]

            def faults():
                return int(stat.read_text().rsplit(")", 1)[1].split()[7])

            def ask(times):
                for _ in range(times):
                    for c in clients:
                        answer = c.request("POST", "/echo", body)
                        self.assertEqual((answer.status, answer.body == body), (200, True))
            ask(30)  # every buffer and the heaps were used
            before = faults()
            ask(12)
            self.assertLess(faults() - before, 12 * len(clients) * 16)


if __name__ == "__main__":
    tap.main()
