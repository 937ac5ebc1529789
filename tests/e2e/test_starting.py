# SPDX-License-Identifier: Apache-2.0
"""Functions that do not start: each error says what to do."""
import time

import tap
from cli import CliTest, chain_text


class Starting(CliTest):
    def run_with(self, exec_path, code, pattern, seconds=30):
        return self.fails(code, pattern, "run", self.write(chain_text(exec_path)), "--listen",
                          "127.0.0.1:0", seconds=seconds)

    def test_executable_that_does_not_exist(self):
        done = self.run_with(self.folder / "nothing", 3, r"nothing.*no such file")
        self.assertRegex(done.stderr, r"chain\.yaml:\d+:\d+: ")

    def test_executable_that_is_none(self):
        file = self.folder / "plain"
        file.write_text("no program")
        self.run_with(file, 3, r"plain.*([Pp]ermission denied|not executable)")
        file.chmod(0o755)
        self.run_with(file, 3, r"plain")

    def test_executable_that_describes_nothing(self):
        for n, body in enumerate(("exit 0", "echo nonsense", "exit 1", "echo '{\"name\":'",
                                  "head -c 3000000 /dev/zero", "kill -9 $$")):
            with self.subTest(body):
                file = self.folder / f"f{n}"
                file.write_text(f"#!/bin/sh\n{body}\n")
                file.chmod(0o755)
                self.run_with(file, 3, rf"f{n}")

    def test_executable_that_never_describes(self):
        file = self.folder / "slow"
        file.write_text("#!/bin/sh\nexec sleep 1000\n")
        file.chmod(0o755)
        began = time.monotonic()
        self.run_with(file, 3, r"slow")
        self.assertLess(time.monotonic() - began, 15)

    def test_function_that_exits_at_start(self):
        for text in ("echo broken because of me >&2; exit 3", "kill -11 $$"):
            done = self.run_with(self.script(text), 1, r"one")
            if "echo" in text:
                self.assertIn("broken because of me", done.stderr)
                self.assertRegex(done.stderr, r"\b3\b")

    def test_function_that_never_becomes_ready(self):
        began = time.monotonic()
        self.run_with(self.script("exec sleep 1000"), 1, r"one.*(not ready|ready)")
        self.assertLess(time.monotonic() - began, 20)


if __name__ == "__main__":
    tap.main()
