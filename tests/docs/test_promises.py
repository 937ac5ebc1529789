# SPDX-License-Identifier: Apache-2.0
"""Each promise names the tests that enforce it, and these are there and are run."""
import os
import re
import unittest
from pathlib import Path

import tap

SOURCE = Path(os.environ["SPROCKET_SOURCE"])
PROMISES = SOURCE / "docs/promises.md"
ROW = re.compile(r"^\| (.+?) \| (.+?) \|$", re.M)
TEST = re.compile(r"`([\w./-]+)(?:::(\w+))?`")


def rows():
    """(promise, what enforces it) of every table, headings left out."""
    return [row for row in ROW.findall(PROMISES.read_text())
            if not set(row[0]) <= set("-") and row[0] != "promise"]


def builds():
    return "\n".join(path.read_text() for path in (SOURCE / "tests").rglob("meson.build"))


class PromisesTest(unittest.TestCase):
    def test_there_are_promises(self):
        self.assertGreater(len(rows()), 30)

    def test_each_names_its_tests(self):
        for promise, tests in rows():
            with self.subTest(promise=promise):
                self.assertTrue(TEST.findall(tests), tests)

    def test_the_tests_are_there(self):
        for promise, tests in rows():
            for name, case in TEST.findall(tests):
                with self.subTest(promise=promise, test=name):
                    path = SOURCE / "tests" / name
                    self.assertTrue(path.is_file(), f"there is no tests/{name}")
                    if case:
                        self.assertRegex(path.read_text(), rf"\b{case}\b")

    def test_the_tests_are_run(self):
        text = builds()
        for _, tests in rows():
            for name, _ in TEST.findall(tests):
                noun = re.sub(r"^test_", "", Path(name).stem)
                with self.subTest(test=name):
                    self.assertRegex(text, rf"\b(test_)?{re.escape(noun)}\b")


if __name__ == "__main__":
    tap.main()
