# SPDX-License-Identifier: Apache-2.0
"""How long a file and a function may be, and that every file says whose licence it has."""
import os
import re
import subprocess
import unittest
from pathlib import Path

import tap

SOURCE = Path(os.environ["SPROCKET_SOURCE"])
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
CODE = (".c", ".h", ".py", ".sh")
LICENCE = re.compile(r"SPDX-License-Identifier: .*Apache-2\.0")
LICENCE_LINES = 2  # a script's first line is its interpreter


def code_files(*endings):
    """Tracked files, and new ones that git does not ignore; all there are in a tarball."""
    made = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                          cwd=SOURCE, capture_output=True, text=True, check=False)
    names = made.stdout.split("\0") if made.returncode == 0 else [
        str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*")
        if not path.relative_to(SOURCE).parts[0].startswith("build")]
    return [path for path in (SOURCE / name for name in sorted(set(names)) if name)
            if path.suffix in endings and path.is_file()]


def c_functions(lines):
    """Yields (line, name, length) of what clang-format lays out: braces in column one."""
    name, began = None, 0
    for number, line in enumerate(lines, 1):
        if line == "{":
            began = number
        elif line.startswith("}") and began:
            if name and line == "}":
                yield began, name, number - began + 1
            name, began = None, 0
        elif not began and (found := re.match(r"[a-zA-Z_].*?(\w+)\(", line)):
            name = found[1]


def python_functions(lines):
    """Yields (line, name, length): a function ends before what is indented no deeper."""
    for number, line in enumerate(lines):
        found = re.match(r"( *)(?:async )?def (\w+)", line)
        if not found:
            continue
        deeper = re.compile(r" {%d,}\S|\)" % (len(found[1]) + 1))
        last = number
        for at in range(number + 1, len(lines)):
            if lines[at].strip() and not deeper.match(lines[at]):
                break
            if lines[at].strip():
                last = at
        yield number + 1, found[2], last - number + 1


class LimitsTest(unittest.TestCase):
    def test_there_is_code(self):
        self.assertGreater(len(code_files(*CODE)), 100)

    def test_files_are_short(self):
        long = []
        for path in code_files(*CODE):
            lines = len(path.read_text().splitlines())
            if lines > FILE_LINES_MAX:
                long.append(f"{path.relative_to(SOURCE)}: {lines} lines, not {FILE_LINES_MAX}")
        self.assertEqual(long, [])

    def test_functions_are_short(self):
        long, seen = [], 0
        for path in code_files(".c", ".h", ".py"):
            functions = python_functions if path.suffix == ".py" else c_functions
            for line, name, length in functions(path.read_text().splitlines()):
                seen += 1
                if length > FUNCTION_LINES_MAX:
                    long.append(f"{path.relative_to(SOURCE)}:{line}: {name}: {length} lines, "
                                f"not {FUNCTION_LINES_MAX}")
        self.assertGreater(seen, 1000)
        self.assertEqual(long, [])

    def test_files_name_their_licence(self):
        without = [str(path.relative_to(SOURCE)) for path in code_files(*CODE)
                   if not any(LICENCE.search(line)
                              for line in path.read_text().splitlines()[:LICENCE_LINES])]
        self.assertEqual(without, [])


if __name__ == "__main__":
    tap.main(needs_root=False)
