# SPDX-License-Identifier: Apache-2.0
"""Death of each process of a run, with requests in flight."""
import os
import signal
import subprocess
import sys
import threading
import time

import leftovers
import tap
from client import Closed, poll
from harness import HERE, STOP_S, Chain, ChainTest, Traffic, in_parallel, run
from hostile import Held, hostile_chain, order


def answer_or_error(chain, headers, body=b"x"):
    try:
        return chain.request("POST", "/", body, headers)
    except (OSError, Closed) as e:
        return e


class Function(ChainTest):
    """kill -9 of a function: its clients are answered, another takes its place."""

    def test_every_waiting_client_is_answered(self):
        with hostile_chain() as chain:
            with Held(chain, "bad", 20) as held:
                old = chain.instance_pid("bad")
                began = time.monotonic()
                os.kill(old, signal.SIGKILL)
                held.join()
                self.assertLess(time.monotonic() - began, 2, "at once, not at the deadline")
                for answer in held.answers:
                    document = self.assertProblem(answer, 502, "hostile")
                    self.assertEqual(document["reason"], "function-died")
                    self.assertEqual(document["function"], "bad")
            chain.wait_idle()
            self.assertEqual(chain.function("bad")["restarts"], 1)
            self.assertEqual(chain.status()["gateway"]["lost"], 20)

    def test_requests_elsewhere_in_the_chain_are_unharmed(self):
        with hostile_chain() as chain:
            with Held(chain, "keeper", 5) as held:
                os.kill(chain.instance_pid("bad"), signal.SIGKILL)
                os.kill(chain.instance_pid("honest"), signal.SIGKILL)
                held.free()
            for answer in held.answers:
                self.assertEqual(answer.status, 200, answer)
            chain.wait_idle()

    def test_a_new_instance_serves_within_100_ms(self):
        took = []
        with hostile_chain(more=3) as chain, chain.connect() as c:
            for name in ("bad-1", "bad-2", "bad-3"):
                self.assertEqual(c.request("POST", f"/{name}", b"before").status, 200)
                old = chain.instance_pid(name)
                began = time.monotonic()
                os.kill(old, signal.SIGKILL)
                # A request that still reaches the dying one may be lost with it.
                while (answer := c.request("POST", f"/{name}", b"after")).status == 502:
                    pass
                took.append(time.monotonic() - began)
                self.assertEqual((answer.status, answer.body), (200, b"after"))
                self.assertNotEqual(chain.instance_pid(name), old)
        self.assertLess(sorted(took)[1], 0.1, took)

    def test_again_and_again(self):
        with Chain("trio", timeout="10s", instances=1) as chain:
            for i in range(9):
                name = ("first", "second", "third")[i % 3]
                old = chain.instance_pid(name)
                os.kill(old, signal.SIGKILL)
                chain.replaced(name, [old], 10)
                answer = chain.request(body=b"round %d" % i)
                self.assertEqual((answer.status, answer.body), (200, b"round %d" % i))
            chain.wait_idle(leases=True)

    def test_under_load(self):
        """Every request is answered: by the chain, or by a 502 that says why."""
        bad = []

        def check(n, answer):
            if answer.status == 502 and answer.json()["reason"] == "function-died":
                bad.append(n)
            elif (answer.status, answer.body) != (200, b"load %d" % n):
                raise AssertionError(answer)

        with Chain("trio", timeout="10s", instances=1) as chain:
            with Traffic(chain, lambda n: ("POST", "/trio", b"load %d" % n), check, 16) as t:
                for name in ("first", "second", "third", "first"):
                    old = chain.instance_pid(name)
                    done = t.done
                    os.kill(old, signal.SIGKILL)
                    chain.replaced(name, [old], 10)
                    poll("flows again", lambda d=done: t.done > d + 200 or t.errors, 10)
            self.assertLess(len(bad), t.done / 10)
            chain.wait_idle(leases=True)

    def test_one_of_several_instances(self):
        """The others serve on: nobody waits for the new one."""
        with Chain("trio", timeout="10s", instances=3) as chain:
            old = [i["pid"] for i in chain.instances("second")]
            self.assertEqual(len(old), 3)
            os.kill(old[0], signal.SIGKILL)
            for i in range(50):
                answer = chain.request(body=b"%d" % i)
                if answer.status != 502:
                    self.assertEqual((answer.status, answer.body), (200, b"%d" % i))
            poll("three again", lambda: len(
                [i for i in chain.instances("second") if i["pid"] != old[0]]) == 3)
            chain.wait_idle(leases=True)

    def test_all_functions_at_once(self):
        with Chain("trio", timeout="10s", instances=2) as chain:
            pids = {n: [i["pid"] for i in chain.instances(n)] for n in ("first", "second", "third")}
            for pid in sum(pids.values(), []):
                os.kill(pid, signal.SIGKILL)
            poll("serves", lambda: chain.request(body=b"x").status == 200)
            for name, old in pids.items():
                chain.replaced(name, old)
            chain.wait_idle(leases=True)

    def ends_by_itself(self, kind, value):
        with hostile_chain() as chain:
            old = chain.instance_pid("bad")
            answer = chain.request("POST", "/", b"x", order(kind, value=value))
            self.assertProblem(answer, 502, "hostile")
            chain.replaced("bad", [old])
            self.assertEqual(chain.request("POST", "/", b"y").body, b"y")
            chain.wait_idle()

    def test_function_that_exits_with_0(self):
        self.ends_by_itself("exit", 0)

    def test_function_that_exits_with_3(self):
        self.ends_by_itself("exit", 3)

    def test_function_that_crashes(self):
        self.ends_by_itself("signal", 11)

    def test_function_that_is_stopped_and_killed(self):
        with hostile_chain(timeout="3s") as chain:
            old = chain.instance_pid("bad")
            os.kill(old, signal.SIGSTOP)
            waiting = threading.Thread(target=answer_or_error, args=(chain, {}))
            waiting.start()
            os.kill(old, signal.SIGKILL)
            waiting.join(10)
            self.assertFalse(waiting.is_alive())
            chain.replaced("bad", [old])
            chain.wait_idle()


class Gateway(ChainTest):
    def test_another_one_takes_its_place(self):
        with hostile_chain() as chain:
            with Held(chain, "keeper", 3) as held:
                chain.footprint.look(chain.pid)
                os.kill(chain.status()["gateway"]["pid"], signal.SIGKILL)
                held.join()
                for answer in held.answers:
                    self.assertIsInstance(answer, (OSError, Closed))
                self.assertEqual(chain.request("POST", "/", b"x").status, 200)
            self.assertRegex(chain.log.text(), r"the gateway died: signal 9")
            chain.wait_idle()


class Run(ChainTest):
    def test_killed_run_leaves_no_process(self):
        """kill -9 of `sprocket run`: its children go by themselves, and `sprocket doctor
        --clean` gives back the rest."""
        with hostile_chain() as chain:
            chain.footprint.look(chain.pid)
            os.kill(chain.pid, signal.SIGKILL)
            chain.process.wait()
            poll("children gone", lambda: not [
                p for p in chain.footprint.pids if leftovers.alive(p)])
            done = run("doctor", "--clean")
            self.assertIn(done.returncode, (0, 1), done.stderr)
            self.assertIn(str(chain.pid), done.stdout + done.stderr)
            chain.ends(-signal.SIGKILL)
            again = run("doctor", "--clean")
            self.assertNotIn(str(chain.pid), again.stdout + again.stderr)

    def test_killed_run_with_requests_in_flight(self):
        with hostile_chain() as chain:
            held = Held(chain, "bad", 3).__enter__()
            chain.footprint.look(chain.pid)
            os.kill(chain.pid, signal.SIGKILL)
            chain.process.wait()
            held.join()
            run("doctor", "--clean")
            chain.ends(-signal.SIGKILL)

    def test_sigterm_is_an_order_to_stop(self):
        with hostile_chain() as chain:
            chain.request("POST", "/", b"x")
            chain.stop(signal.SIGTERM)

    def test_sighup_does_not_leave_anything(self):
        """The terminal was closed."""
        with hostile_chain() as chain:
            chain.stop(signal.SIGHUP)

    def test_stop_lets_requests_finish(self):
        with hostile_chain(timeout="3s", whole=False) as chain:
            held = Held(chain, "keeper", 5).__enter__()
            with chain.connect() as late:
                chain.footprint.look(chain.pid)
                late.send("POST", "/", b"", {"x-hold": "1", "x-at": "bad"})
                poll("both held", lambda: chain.status()["gateway"]["in_flight"] == 6)
                chain.process.send_signal(signal.SIGINT)
                poll("no new connections", lambda: self.refused(chain))
                # The held ones pass their deadline or are answered; none is forgotten.
                held.join()
                self.assertIn(late.receive().status, (200, 502, 504))
            for answer in held.answers:
                self.assertIn(answer.status, (200, 502, 504), answer)
            chain.ends(0)

    def refused(self, chain):
        try:
            chain.connect(timeout=1).close()
        except OSError:
            return True
        return False

    def test_second_order_to_stop_does_not_wait(self):
        with hostile_chain(timeout="60s") as chain:
            held = Held(chain, "bad", 2).__enter__()
            chain.footprint.look(chain.pid)
            chain.process.send_signal(signal.SIGINT)
            poll("draining", lambda: self.refused(chain))
            chain.process.send_signal(signal.SIGINT)
            chain.ends(1, 5)
            held.join()
            self.assertRegex(chain.log.text(), "killed before it was drained")

    def test_stop_before_ready(self):
        for delay in range(5):
            chain = hostile_chain()
            try:
                # Some place in the start, a different one each time.
                poll("a moment", lambda c=chain, d=delay: len(
                    leftovers.descendants(c.pid)) >= d or c.out.lines, 10, pause=0.0005)
                chain.footprint.look(chain.pid)
                chain.process.send_signal(signal.SIGINT)
                code = chain.process.wait(STOP_S)
                self.assertIn(code, (0, 1, -signal.SIGINT), chain.report())
                chain.assert_nothing_left()
            finally:
                chain.kill()

    def test_who_ends_a_test_ends_its_chain(self):
        """As meson does at the time limit."""
        text = ("import sys, tap, unittest; from harness import Chain\n"
                "class Test(unittest.TestCase):\n"
                "    def test(self):\n"
                "        with Chain('echo') as chain:\n"
                "            print('# mark', chain.mark, chain.folder, flush=True)\n"
                "            sys.stdin.read()\n"
                "tap.main()\n")
        with subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, cwd=HERE,
                              stdout=subprocess.PIPE, text=True) as test:
            mark, folder = next(line for line in test.stdout
                                if line.startswith("# mark")).split()[2:]
            self.assertTrue(leftovers.marked(mark))
            test.send_signal(signal.SIGTERM)
            self.assertEqual(test.wait(10), 128 + signal.SIGTERM)
        poll("nothing of it lives", lambda: not leftovers.marked(mark))
        self.assertFalse(os.path.exists(folder))
        run("doctor", "--clean")

    def test_many_starts_and_stops(self):
        def one(i):
            with Chain("echo") as chain:
                self.assertEqual(chain.request(body=b"%d" % i).body, b"%d" % i)
        for i in range(3):
            one(i)
        in_parallel(2, one)


if __name__ == "__main__":
    tap.main()
