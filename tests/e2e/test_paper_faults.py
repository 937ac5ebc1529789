# SPDX-License-Identifier: Apache-2.0
"""The ten faults that kill the published artifact of SPRIGHT, each tried there: here they do
no harm."""
import os
import random
import resource
import signal

import leftovers
import tap
from client import Closed, poll
from harness import Chain, ChainTest
from hostile import DESC, REPLY, hostile_chain, order, tell

ULIMIT_256 = ("prlimit", "--nofile=256:256", "--")


class PaperFaults(ChainTest):
    def assert_well(self, chain, count=50):
        for n in range(count):
            answer = chain.request(body=b"well %d" % n)
            self.assertEqual((answer.status, answer.body), (200, b"well %d" % n))
        return chain.wait_idle(leases=True)

    def test_01_fifty_clients_that_reset(self):
        with Chain("echo") as chain:
            for body in (b"", b"x" * 100, b"x" * 70000):
                clients = [chain.connect() for _ in range(50)]
                for c in clients:
                    c.send("POST", "/echo", body)
                for c in clients:
                    c.reset()
                self.assert_well(chain)

    def test_02_kill_9_of_a_function(self):
        with Chain("echo") as chain:
            for _ in range(3):
                old = [i["pid"] for i in chain.instances("only")]
                for pid in old:
                    os.kill(pid, signal.SIGKILL)
                chain.replaced("only", old)
                self.assert_well(chain)

    def test_03_pool_empty(self):
        with Chain("tiny", timeout="1s") as chain:
            total = chain.status()["buffers"]["total"]
            clients = [chain.connect() for _ in range(2 * total)]
            for c in clients:
                c.send("POST", "/tiny", b"x", {"x-hold": "1"})
            got = [c.receive().status for c in clients]
            self.assertEqual(sorted(got), [503] * total + [504] * total)
            os.kill(chain.instance_pid("only"), signal.SIGKILL)
            poll("well", lambda: chain.request(body=b"x").status == 200)
            self.assert_well(chain)

    def test_04_250_idle_connections_at_ulimit_256(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(
            resource.RLIMIT_NOFILE)[1]))
        with Chain("echo", command=ULIMIT_256) as chain:
            idle = []
            for _ in range(250):
                try:
                    idle.append(chain.connect(timeout=5))
                except OSError:
                    pass
            served = 0
            for c in idle:
                c.sock.settimeout(0.01)
                try:
                    served += c.request("POST", "/echo", b"x").status == 200
                except (Closed, OSError):
                    pass
            self.assertGreater(served, 0)
            for c in idle:
                c.close()
            poll("serves again", lambda: chain.request(body=b"x").status == 200, 10)
            self.assert_well(chain)

    def test_05_a_forged_descriptor(self):
        with hostile_chain() as chain:
            told = tell(chain)
            pids = {f["name"]: f["instances"][0]["pid"] for f in chain.status()["functions"]}
            forged = DESC.pack(told["buf"] ^ 1, 0x41414141, 0x41414141, REPLY, 0xff, 0x4141)
            answer = chain.request("POST", "/", b"x", order("raw", bytes=forged.hex()))
            self.assertProblem(answer, 502, "hostile")
            chain.replaced("bad", [pids["bad"]])
            for name in ("keeper", "honest"):
                self.assertEqual(chain.instance_pid(name), pids[name])
            self.assert_well(chain)

    def test_06_bytes_to_a_registration_port(self):
        """There is none: the run listens for HTTP alone, and its own sockets have no name."""
        with Chain("echo") as chain:
            chain.footprint.look(chain.pid)
            ports = leftovers.listening()
            inodes = set().union(*(leftovers.sockets_of(p) for p in chain.footprint.pids))
            self.assertEqual({ports[i] for i in inodes & set(ports)}, {chain.port})
            for line in leftovers.read("/proc/net/unix").decode().splitlines()[1:]:
                fields = line.split()
                listens = int(fields[3], 16) & 0x10000
                self.assertFalse(int(fields[6]) in inodes and listens, line)
            with chain.connect() as c:
                c.write(b"\x01\0\0\0\x02\0\0\0\x03\0\0\0")
                c.sock.shutdown(1)
                try:
                    self.assertEqual(c.receive().status, 400)
                except (Closed, ConnectionResetError):
                    pass
            self.assert_well(chain)

    def test_07_an_empty_connection(self):
        """Nobody's request is run again."""
        with Chain("echo") as chain:
            before = self.assert_well(chain)["gateway"]["requests"]
            for _ in range(50):
                chain.connect().close()
                chain.connect().reset()
                with chain.connect() as c:
                    c.sock.shutdown(1)
                    self.assertTrue(c.closed())
            self.assertEqual(chain.wait_idle(leases=True)["gateway"]["requests"], before)
            self.assert_well(chain)

    def test_08_half_a_request_line(self):
        with Chain("echo") as chain:
            before = self.assert_well(chain)["gateway"]["requests"]
            for half in (b"P", b"POST", b"POST /ec", b"POST /echo HT", b"POST /echo HTTP/1.1"):
                with chain.connect(timeout=0.3) as c:
                    c.write(half)
                    try:
                        self.fail(f"answered {c.receive()}")
                    except TimeoutError:
                        pass  # still waiting for the rest
                    c.sock.shutdown(1)
                    try:
                        self.assertGreaterEqual(c.receive().status, 400)
                    except (Closed, ConnectionResetError):
                        pass
            self.assertEqual(chain.wait_idle(leases=True)["gateway"]["requests"], before)

    def test_09_a_body_over_69632_bytes(self):
        with Chain("echo") as chain:
            for size in (69631, 69632, 69633, 100_000, 500_000, 1 << 20):
                body = random.Random(size).randbytes(size)
                answer = chain.request(body=body)
                self.assertEqual((answer.status, len(answer.body)), (200, size))
                self.assertTrue(answer.body == body)

    def test_10_headers_of_1500_bytes(self):
        with Chain("echo") as chain:
            for size in (1400, 1500, 1600, 5000, 50_000):
                answer = chain.request(body=b"x", headers={"x-long": "h" * size})
                self.assertEqual((answer.status, answer.body), (200, b"x"))
            self.assert_well(chain)

    def test_answers_carry_what_the_functions_wrote(self):
        """The artifact's never do."""
        with hostile_chain() as chain:
            self.assertGreater(tell(chain)["pid"], 1)


if __name__ == "__main__":
    tap.main()
