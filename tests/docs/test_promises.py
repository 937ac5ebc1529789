# SPDX-License-Identifier: Apache-2.0
"""Each promise names the tests that enforce it, and these are there, and `make test` runs them."""
import json
import os
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "http"))

import battery
import tap

SOURCE = Path(os.environ["SPROCKET_SOURCE"])
BUILD = Path(os.environ["SPROCKET_BUILD"])
TESTS = SOURCE / "tests"
PROMISES = SOURCE / "docs/promises.md"
ROW = re.compile(r"^\| (.+?) \| (.+?) \|$", re.M)
TEST = re.compile(r"`([\w./-]+)(?:::([\w.-]+))?`")
PROMISES_MIN = 100  # so that none is lost unseen
# Batteries are found by their names, and run by one test.
BATTERY, BATTERY_CASES = TESTS / "e2e/test_battery.py", re.compile(r"http/cases_\w+\.py")
NOT_BY_MAKE_TEST = "slow"  # the suite


def rows():
    """(promise, what enforces it) of every table, headings left out."""
    return [row for row in ROW.findall(PROMISES.read_text())
            if not set(row[0]) <= set("-") and row[0] != "promise"]


def named():
    """(file, case) of every row, each once."""
    return sorted({pair for _, tests in rows() for pair in TEST.findall(tests)})


def introspect(what):
    return json.loads((BUILD / f"meson-info/intro-{what}.json").read_text())


def files_run():
    """Source files of the programs that meson's tests start, and the scripts among their words;
    of those suites that `make test` has."""
    sources = {}
    for target in introspect("targets"):
        for filename in target["filename"]:
            sources[os.path.realpath(filename)] = {
                os.path.realpath(s) for group in target["target_sources"]
                for s in group.get("sources", ())}
    found = set()
    for test in introspect("tests"):
        if NOT_BY_MAKE_TEST in [suite.split(":")[-1] for suite in test["suite"]]:
            continue
        for word in test["cmd"]:
            path = os.path.realpath(word)
            found |= sources.get(path, set()) | {path}
    return found


def case_is_run(name, text, case):
    """Whether the file has such a case, and not only in words."""
    if name.endswith(".py"):
        return re.search(rf"^ +def {case}\(self|^class {case}\([\w., ]*", text, re.M) \
            if case.startswith("test_") or case[0].isupper() else None
    # Defined, and in a table of cases.
    return re.search(rf"^static void {case}\(", text, re.M) and \
        re.search(rf"^\t.*\({case}[,)]", text, re.M)


class PromisesTest(unittest.TestCase):
    def test_there_are_promises(self):
        promises = [promise for promise, _ in rows()]
        self.assertGreater(len(promises), PROMISES_MIN)
        self.assertEqual(len(promises), len(set(promises)), "one stands there twice")

    def test_each_names_its_tests(self):
        for promise, tests in rows():
            with self.subTest(promise=promise):
                self.assertTrue(TEST.findall(tests), tests)
                self.assertFalse(TEST.sub("", tests).strip(", "), "what is this?")

    def test_the_tests_are_there(self):
        ids = {case.id for case in battery.load()}
        for name, case in named():
            with self.subTest(test=name, case=case):
                path = TESTS / name
                self.assertTrue(path.is_file(), f"there is no tests/{name}")
                if BATTERY_CASES.fullmatch(name):
                    self.assertIn(case, ids)
                elif case:
                    self.assertTrue(case_is_run(name, path.read_text(), case), "no such case")

    def test_the_tests_are_run(self):
        run = files_run()
        self.assertGreater(len(run), 200)
        for name, _ in named():
            path = BATTERY if BATTERY_CASES.fullmatch(name) else TESTS / name
            with self.subTest(test=name):
                self.assertIn(os.path.realpath(path), run, "make test does not run it")

    def test_who_checks_can_fail(self):
        """A case that is only spoken of, is not in the table, or is not there."""
        c = "static void test_a(void **s)\n{\n}\n/* test_b( */\nstatic void test_c(void **s)\n" \
            "{\n}\nint main(void)\n{\n\tt[] = {\n\t\tcmocka_unit_test(test_a),\n\t};\n}\n"
        for case, good in (("test_a", True), ("test_b", False), ("test_c", False)):
            self.assertEqual(bool(case_is_run("bpf/x.c", c, case)), good, case)
        py = "class A(X):\n    def test_a(self):\n        test_b()\n    def c(self):\n        pass\n"
        for case, good in (("test_a", True), ("test_b", False), ("A", True), ("c", False)):
            self.assertEqual(bool(case_is_run("e2e/x.py", py, case)), good, case)


if __name__ == "__main__":
    tap.main()
