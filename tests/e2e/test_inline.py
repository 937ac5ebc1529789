# SPDX-License-Identifier: Apache-2.0
"""`sprocket run --inline`: all functions in one process, and gdb on it."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import tap
from client import poll
from harness import BUILD, Chain, ChainTest, program

TIMEOUT_S = 1.0

HEAD = """\
apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {name: line}
spec:
  ingress: [{http: {path: /line, maxBody: 64Ki}}]
  timeout: 5s
  pool: {memory: 16Mi, bufferSizes: [2Ki, 64Ki]}
  functions:
"""


def line(*functions):
    """A chain of functions (name, exec, more), one after the other."""
    text = HEAD
    for name, path, more in functions:
        text += f"  - {{name: {name}, exec: \"{path}\"{more}}}\n"
    text += f"  routes:\n  - {{from: ingress, to: {functions[0][0]}}}\n"
    for this, following in zip(functions, functions[1:]):
        text += f"  - {{from: {this[0]}, to: {following[0]}}}\n"
    return text + f"  - {{from: {functions[-1][0]}, to: reply}}\n"


def local(kind="local"):
    return BUILD / "tests/functions" / kind


class InlineCase(ChainTest):
    def setUp(self):
        self.tmp = Path(tempfile.mkdtemp(prefix="sprocket-inline-test-"))
        self.addCleanup(shutil.rmtree, self.tmp, True)

    def trio(self, *args, timeout="5s", **more):
        return Chain("trio", timeout=timeout, instances=2, args=["--inline", *args],
                     env={"TMPDIR": str(self.tmp)}.items(), **more)

    def lines(self, *functions, args=("--inline",)):
        return Chain(text=line(*functions), args=args, env={"TMPDIR": str(self.tmp)}.items())

    def assert_no_copies(self):
        poll("copies are gone", lambda: not list(self.tmp.iterdir()))


class Inline(InlineCase):
    def test_one_process(self):
        with self.trio("--workers", "2") as chain:
            answer = chain.request(body=b"x", headers=[("x-probe", "who")])
            self.assertEqual(answer.status, 200, answer.body)
            pids = set(re.findall(rb"pid=(\d+)|pid (\d+)", answer.body))
            host = chain.instance_pid("first")
            self.assertEqual([chain.instance_pid(n) for n in ("second", "third")], [host] * 2)
            self.assertLessEqual(len(pids), 1)
            names = sorted((t / "comm").read_text().strip()
                           for t in Path(f"/proc/{host}/task").iterdir())
            self.assertEqual(names, ["first", "second", "sprocket-inline", "third"])
            copies = [p.name for folder in self.tmp.iterdir() for p in folder.iterdir()]
            self.assertEqual(sorted(copies), ["first", "second", "third"])
        self.assert_no_copies()

    def test_answers_are_the_same(self):
        answers = []
        for args in ((), ("--inline",)):
            with Chain("trio", timeout="5s", instances=1, args=args,
                       env={"TMPDIR": str(self.tmp)}.items()) as chain:
                answers.append([
                    (a.status, a.body) for a in (
                        chain.request(body=b"abc", headers=[("x-probe", probe)])
                        for probe in ("", "upper", "first.edge=right", "third.status=201",
                                      "grow=5000", "shrink=1", "second.drop"))])
                chain.wait_idle(leases=True)
        self.assertEqual(*answers)

    def test_functions_have_their_own(self):
        for kind in ("local", "local_shared"):
            with self.lines(*((name, local(kind), "") for name in "abc")) as chain:
                for n in (1, 2):
                    answer = chain.request(body=b"")
                    want = "".join(f"{name}: requests={1000 + n} zero={n} runs={n} word=whole "
                                   "fresh=1\n" for name in "abc")
                    self.assertEqual(answer.body.decode(), want)
                for name in "abc":
                    self.assertEqual(chain.function(name)["counters"]["local_requests"], 2)
                    self.assertTrue(chain.log.wait(rf"^{name}: .*logged by {name}\b"))
        self.assert_no_copies()

    def ends_by(self, probe, pattern):
        chain = self.trio()
        with chain:
            with self.assertRaises(Exception):
                answer = chain.request(body=b"x", headers=[("x-probe", probe)])
                self.assertLess(answer.status, 0, answer)
            self.assertTrue(chain.log.wait(pattern), chain.report())
            chain.ends(1)
        self.assert_no_copies()

    def test_crash_ends_the_run(self):
        self.ends_by("second.crash", r"all functions died: signal 6 \(Aborted\), in function "
                                     r"second; the run ends")

    def test_exit_ends_the_run(self):
        self.ends_by("third.exit=3", r"all functions died: exit code 3")

    def refused(self, pattern, *functions):
        """It does not start, and says why."""
        chain = self.lines(*functions)
        try:
            self.assertTrue(chain.log.wait(pattern), chain.report())
            chain.ends(1)
        finally:
            chain.kill()
        self.assert_no_copies()

    def test_what_cannot_be_loaded(self):
        other = ("b", local(), "")
        self.refused(r"position-independent: compile it with -fPIE and link it with -pie",
                     ("a", local("local_fixed"), ""), other)
        self.refused(r"no section sprocket_entry: build it again", other,
                     ("a", program("hostile"), ""))
        script = self.tmp.parent / f"{self.tmp.name}.sh"
        self.addCleanup(script.unlink)
        script.write_text(f"#!/bin/sh\nexec '{local()}' \"$@\"\n")
        script.chmod(0o755)
        self.refused(r"scripts cannot be loaded", other, ("a", script, ""))

    def test_one_environment(self):
        self.refused(r"env A of b differs from another function's",
                     ("a", local(), ", env: {A: one}"),
                     ("b", local(), ", env: {A: two}"))

    def test_killed(self):
        records = self.tmp / "records"
        records.mkdir()
        copies = self.tmp / "copies"
        copies.mkdir()
        env = {"TMPDIR": str(copies), "SPROCKET_RUN_FOLDER": str(records)}
        chain = Chain("trio", timeout="5s", instances=1, args=["--inline"], env=env.items())
        try:
            chain.wait_ready()
            host = chain.instance_pid("first")
            chain.process.kill()
            chain.process.wait(10)
            poll("the host is gone", lambda: not Path(f"/proc/{host}").exists())
            self.assertTrue(list(copies.iterdir()))
            done = subprocess.run([program("sprocket"), "doctor", "--clean"], timeout=60,
                                  env={**os.environ, **env}, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
            self.assertEqual(list(copies.iterdir()), [], done.stdout)
        finally:
            chain.kill()


@unittest.skipIf(shutil.which("gdb") is None, "there is no gdb")
class InlineGdb(InlineCase):
    def test_every_hop(self):
        script = ["-batch", "-ex", "break probe", "-ex", "continue"]
        # Longer than the chain's timeout, in the middle of a request.
        script += ["-ex", f"shell sleep {TIMEOUT_S * 1.5}"]
        script += ["-ex", "continue", "-ex", "sprocket requests", "-ex", "continue"]
        script += ["-ex", "delete", "-ex", "detach"]
        with self.trio("--gdb", "--", *script, timeout=f"{TIMEOUT_S:.0f}s") as chain:
            answer = chain.request(body=b"x", timeout=60)
            self.assertEqual((answer.status, answer.body), (200, b"x"))
            for name in ("first", "second", "third"):
                self.assertTrue(chain.out.wait(rf'Thread \d+ "{name}" hit Breakpoint'), name)
            self.assertTrue(chain.out.wait(r"^\d+ .* second .*\(runs\)$"), chain.report())
            chain.ends(0, seconds=20)
        self.assert_no_copies()

    def test_interrupt_is_for_gdb(self):
        with self.trio("--gdb", "--", "-batch", "-ex", "continue") as chain:
            chain.process.send_signal(signal.SIGINT)
            self.assertEqual(chain.request(body=b"x", timeout=60).status, 200)
            chain.stop(signal.SIGTERM)
        self.assert_no_copies()

    def test_needs_inline(self):
        done = subprocess.run([program("sprocket"), "run", "x.yaml", "--gdb"], timeout=60,
                              stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"--gdb goes with --inline", done.stderr)


if __name__ == "__main__":
    tap.main()
