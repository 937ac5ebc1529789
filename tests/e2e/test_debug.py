# SPDX-License-Identifier: Apache-2.0
"""`sprocket debug` through the real sprocketd, with the real gdb."""
import os
import shutil
import signal
import subprocess
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import tap
from client import poll
from daemon import Daemon, chain_text
from harness import ChainTest, Output, program

TIMEOUT_S = 1.0  # of the chain


def trio():
    """Each instance counts as behind with one request: the next goes to another."""
    text = chain_text("trio", timeout="1s", instances=2)
    return text.replace("instances: 2}", "instances: 2, concurrency: 1}")


class Gdb:
    """`sprocket debug trio second -- ARGUMENTS`; its input stays open, so that gdb waits."""

    def __init__(self, daemon, *arguments):
        self.process = subprocess.Popen(
            [program("sprocket"), "debug", "trio", "second", "--", *arguments],
            env={**os.environ, "SPROCKET_SOCKET": str(daemon.socket)}, cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
        self.output = Output(self.process.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def tell(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, pattern, seconds=60):
        found = self.output.wait(pattern, seconds=seconds)
        assert found, f"{pattern}\n{self.output.text()}"
        return found

    def gdb_pid(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return int(open(path, encoding="ascii").read().split()[0])


@unittest.skipIf(shutil.which("gdb") is None, "there is no gdb")
class Debug(ChainTest):
    def instances(self, daemon):
        return {i["pid"]: i["in"] for i in daemon.instances("trio", "second")}

    def ask(self, daemon):
        """Sends a request; its answer comes in the list that is returned."""
        answers = []

        def work():
            began = time.monotonic()
            status = daemon.request("trio", "POST", "/trio", b"x", timeout=90).status
            answers.append((status, time.monotonic() - began))
        threading.Thread(target=work, daemon=True).start()
        return answers

    def at_handler(self, daemon, gdb):
        """A request waits in the handler, at a breakpoint."""
        gdb.tell("break probe")
        gdb.tell("continue")
        poll("it is ready", lambda: len(self.instances(daemon)) == 3, 60, pause=0.05)
        answers = self.ask(daemon)
        gdb.wait(r"Breakpoint \d+.*probe")
        return answers

    def crowd(self, daemon):
        """Requests at once: more than one instance would get some."""
        with ThreadPoolExecutor(12) as pool:
            done = [pool.submit(daemon.request, "trio", "POST", "/trio", b"x",
                                {"x-probe": "second.sleep=60"}) for _ in range(12)]
        self.assertEqual([d.result().status for d in done], [200] * 12)

    def as_before(self, daemon, pids):
        """The instance is gone, the others serve, deadlines pass."""
        poll("it is gone", lambda: set(self.instances(daemon)) == set(pids), 20, pause=0.02)
        self.crowd(daemon)
        self.assertTrue(all(self.instances(daemon).values()), self.instances(daemon))
        late = daemon.request("trio", "POST", "/trio", b"x", {"x-probe": "third.sleep=1500"})
        self.assertEqual(late.status, 504)
        daemon.whole("trio")

    def see_request(self, gdb):
        """The script is loaded, and finds the request in the handler of the real program."""
        gdb.wait(r"sprocket bt NUMBER")
        gdb.tell("sprocket requests")
        number = gdb.wait(r"(\d+) +\S+ +second +\d+ +.*\(runs\)$")[1]
        gdb.tell(f"sprocket bt {number}")
        gdb.wait(rf"request {number}, second, runs:")
        gdb.wait(r"^#\d+ .* sdk_fiber_start \(\)")

    def test_breakpoint(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            before = self.instances(daemon)
            with Gdb(daemon) as gdb:
                answers = self.at_handler(daemon, gdb)
                self.see_request(gdb)
                second = daemon.api("POST", "/v1/chains/trio/functions/second/debug")
                self.assertEqual(second["http"], 422, second)
                self.assertIn("debugged already", second["error"])
                changed = trio().replace("name: third,", "name: third, config: {text: b},")
                refused = daemon.apply(changed, check=False)
                self.assertEqual(refused.returncode, 1, refused)
                self.assertIn("being debugged", refused.stderr)
                time.sleep(2 * TIMEOUT_S)  # the time that must not count
                self.assertEqual(answers, [])
                gdb.tell("delete")
                gdb.tell("continue")
                status, took = poll("answered", lambda: answers, 20)[0]
                self.assertEqual(status, 200)
                self.assertGreater(took, TIMEOUT_S)
                self.crowd(daemon)
                self.assertEqual(self.instances(daemon) | before, self.instances(daemon))
                os.kill(gdb.gdb_pid(), signal.SIGINT)
                gdb.tell("quit")
                gdb.process.wait(20)
            self.as_before(daemon, before)
            self.assertIn("trio unchanged", daemon.apply(trio()).stdout)

    def test_threads(self):
        """All of them begin, and stop at the breakpoint alone."""
        with Daemon() as daemon:
            daemon.apply(trio().replace("concurrency: 1}", "concurrency: 1, workers: 3}"))
            before = self.instances(daemon)
            with Gdb(daemon) as gdb:
                answers = self.at_handler(daemon, gdb)
                self.see_request(gdb)
                gdb.tell("delete")
                gdb.tell("continue")
                self.assertEqual(poll("answered", lambda: answers, 20)[0][0], 200)
                os.kill(gdb.gdb_pid(), signal.SIGINT)
                gdb.tell("quit")
                gdb.process.wait(20)
            self.as_before(daemon, before)

    def test_gdb_killed_in_the_handler(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            before = self.instances(daemon)
            with Gdb(daemon) as gdb:
                answers = self.at_handler(daemon, gdb)
                os.kill(gdb.gdb_pid(), signal.SIGKILL)
                gdb.process.wait(20)
            # Nobody else has seen the request: it may be tried again. The others are chosen again
            # when the daemon has heard of gdb's end; 503 is for who found none until its deadline.
            status, took = poll("answered", lambda: answers, 20)[0]
            self.assertIn(status, (200, 502) if took < TIMEOUT_S else (200, 502, 503))
            self.as_before(daemon, before)

    def test_daemon_restarts_meanwhile(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            before = self.instances(daemon)
            with Gdb(daemon) as gdb:
                answers = self.at_handler(daemon, gdb)
                daemon.restart()
                time.sleep(2 * TIMEOUT_S)  # still does not count
                self.assertEqual(answers, [])
                gdb.tell("delete")
                gdb.tell("continue")
                self.assertEqual(poll("answered", lambda: answers, 20)[0][0], 200)
                self.crowd(daemon)
                have = self.instances(daemon)
                self.assertEqual({p: have[p] for p in before}, before, "others got requests")
                os.kill(gdb.gdb_pid(), signal.SIGINT)
                gdb.tell("quit")
                gdb.process.wait(20)
            self.as_before(daemon, before)

    def test_daemon_restarts_before_the_program_begins(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            before = self.instances(daemon)
            found = daemon.api("POST", "/v1/chains/trio/functions/second/debug")
            self.assertEqual(found["http"], 200, found)
            daemon.restart()
            self.assertEqual(daemon.request("trio", "POST", "/trio", b"x").status, 200)
            os.kill(found["pid"], signal.SIGCONT)
            poll("it is ready", lambda: len(self.instances(daemon)) == 3, 20)
            os.kill(found["pid"], signal.SIGKILL)
            self.as_before(daemon, before)

    def test_another_dies_meanwhile(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            before = self.instances(daemon)
            with Gdb(daemon) as gdb:
                answers = self.at_handler(daemon, gdb)
                os.kill(min(before), signal.SIGKILL)
                debugged = set(self.instances(daemon)) - set(before)
                new, = poll("replaced",
                            lambda: set(self.instances(daemon)) - set(before) - debugged)
                gdb.tell("delete")
                gdb.tell("continue")
                self.assertEqual(poll("answered", lambda: answers, 20)[0][0], 200)
                self.crowd(daemon)
                self.assertEqual(self.instances(daemon)[new], 0)
                os.kill(gdb.gdb_pid(), signal.SIGKILL)
                gdb.process.wait(20)
            self.as_before(daemon, (set(before) | {new}) - {min(before)})

    def test_batch(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            before = self.instances(daemon)
            done = daemon.cli("debug", "trio", "second", "--", "-batch", "-ex",
                              "info functions ^probe$", check=True)
            self.assertIn("probe(", done.stdout)
            self.as_before(daemon, before)


if __name__ == "__main__":
    tap.main()
