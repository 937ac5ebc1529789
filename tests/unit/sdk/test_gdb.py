# SPDX-License-Identifier: Apache-2.0
"""gdb/sprocket.py in a real gdb: requests that wait, with and without debug information."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import tap

SCRIPT = os.environ["SPROCKET_GDB_SCRIPT"]
PARKED = os.environ["SPROCKET_GDB_PARKED"]
TIMEOUT_S = 60
FRAMES = ["innermost", "handler", "fiber_main", "sdk_fiber_start"]


def gdb(*commands, program=PARKED, core=()):
    """What gdb says, both outputs together; a command that fails ends it."""
    arguments = [part for command in commands for part in ("-ex", command)]
    made = subprocess.run(["gdb", "-nx", "-q", "-batch", "-iex", "set debuginfod enabled off",
                           "-ix", SCRIPT, *arguments, program, *core], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=TIMEOUT_S, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    return made.stdout + made.stderr


def at_stop(*commands, program=PARKED):
    return gdb("break all_wait", "run", *commands, program=program)


@unittest.skipIf(shutil.which("gdb") is None, "there is no gdb")
class GdbTest(unittest.TestCase):
    def assert_rows(self, said):
        """Two that wait on each of two threads, and the one that runs."""
        rows = [line.split(None, 5) for line in said.splitlines() if re.match(r"\d\d  ", line)]
        self.assertEqual([(row[0], row[1], row[2], row[4], row[5]) for row in rows],
                         [("10", "-", "home", "none", "a buffer"),
                          ("11", "client-7", "home", "none", "catalog"),
                          ("20", "-", "cart", "none", "a buffer"),
                          ("21", "-", "cart", "passed", "catalog"),
                          ("30", "-", "home", "none", "(runs)")], said)
        self.assertEqual(rows[0][3], rows[4][3], said)
        self.assertNotEqual(rows[0][3], rows[2][3], said)

    def assert_backtrace(self, said, title):
        """From where it waits to the start of its stack, and no further."""
        self.assertIn(title, said)
        frames = re.findall(r"^#(\d+) +(?:0x[0-9a-f]+ in )?(\w+)", said.split(title, 1)[1], re.M)
        self.assertEqual([int(level) for level, _ in frames], list(range(len(frames))), said)
        names = [name for _, name in frames]
        at = [names.index(name) if name in names else -1 for name in FRAMES]
        self.assertNotIn(-1, at, said)
        self.assertEqual(at, sorted(at), said)
        self.assertEqual(names[-1], FRAMES[-1], said)
        self.assertLess(at[0], 3, said)

    def test_requests(self):
        self.assert_rows(at_stop("sprocket requests"))

    def test_backtraces(self):
        for number, title in ((11, "request 11, home, waits for catalog:"),
                              (20, "request 20, cart, waits for a buffer:")):
            self.assert_backtrace(at_stop(f"sprocket bt {number}"), title)

    def test_the_thread_goes_on_as_it_was(self):
        said = at_stop("sprocket bt 20", "sprocket bt 10", "echo then:\\n", "bt 1", "delete",
                       "continue")
        self.assertRegex(said, r"then:\n#0 .*all_wait")
        self.assertIn("all have returned", said)
        self.assertIn("exited normally", said)

    def test_options(self):
        said = at_stop("sprocket bt 10 full 3")
        self.assertRegex(said, r"(?m)^#2 ")
        self.assertNotRegex(said, r"(?m)^#3 ")
        self.assertIn("No locals", said)

    def test_without_debug_information(self):
        with tempfile.TemporaryDirectory() as folder:
            bare = str(Path(folder, "bare"))
            subprocess.run(["objcopy", "--strip-debug", PARKED, bare], check=True)
            said = at_stop("sprocket requests", "sprocket bt 11", program=bare)
        self.assertNotIn("gdb_parked.c", said)
        self.assert_rows(said)
        self.assert_backtrace(said, "request 11, home, waits for catalog:")

    @unittest.skipIf(os.environ.get("SPROCKET_SANITIZED") == "1",
                     "a sanitizer's core file has terabytes")
    def test_core_file(self):
        with tempfile.TemporaryDirectory() as folder:
            core = str(Path(folder, "core"))
            at_stop(f"generate-core-file {core}")
            said = gdb("sprocket requests", "sprocket bt 20", core=(core,))
        self.assertRegex(said, r"(?m)^21 .* cart .* \?  +catalog$")
        self.assert_backtrace(said, "request 20, cart, waits for a buffer:")

    def test_what_is_wrong_is_said(self):
        self.assertIn("no request 99 waits or runs", at_stop("sprocket bt 99"))
        self.assertIn("usage: sprocket bt NUMBER", at_stop("sprocket bt"))
        self.assertIn("no process: start it", gdb("sprocket requests"))
        self.assertIn("there is no symbol sp_gdb",
                      gdb("starti", "sprocket requests", program="/bin/true"))
        self.assertIn("no request waits, and none runs",
                      gdb("break main", "run", "sprocket requests"))


if __name__ == "__main__":
    tap.main(needs_root=False)
