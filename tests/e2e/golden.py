# SPDX-License-Identifier: Apache-2.0
"""golden.py - the examples as they are built, and the answers that they must give.

    with example("motion") as chain:
        golden.check(self, chain, "motion")

An example's golden.txt holds requests in order, and what is answered:

    # a comment
    POST /motion 17 1000            METHOD PATH [BODY]; @NAME stands for a file
    200                             status
    content-type: text/plain        header fields, as many as are compared
      lamp 4 on from 1000 to 31000  the body's lines after two blanks; none: not compared
"""
import re
import subprocess
import tempfile

from harness import BUILD, Chain

EXAMPLES = BUILD / "functions/examples"


class Golden:
    def __init__(self, line, number):
        words = line.split(" ", 2) + [""]
        self.method, self.path = words[:2]
        self.text = words[2] if len(line.split(" ", 2)) == 3 else None
        self.where = f"line {number}: {line[:60]}"
        self.status = None
        self.headers = []
        self.lines = []

    def body(self, make):
        if self.text and self.text.startswith("@"):
            return make(self.text[1:])
        return None if self.text is None else self.text.encode()

    def check(self, test, answer):
        test.assertEqual(answer.status, self.status, f"{self.where}: {answer}")
        for name, value in self.headers:
            test.assertEqual(answer.header(name), value, f"{self.where}: {answer}")
        if self.lines:
            want = "".join(line + "\n" for line in self.lines).encode()
            test.assertEqual(answer.body, want, self.where)


def read(text):
    """The requests of a golden file."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("  "):
            found[-1].lines.append(line[2:])
        elif re.fullmatch(r"[1-5]\d\d", line):
            found[-1].status = int(line)
        elif match := re.fullmatch(r"([a-z-]+): (.*)", line):
            found[-1].headers.append(match.groups())
        elif line and not line.startswith("#"):
            found.append(Golden(line, number))
    assert found and all(g.status for g in found), "a request has no answer"
    return found


def check(test, chain, folder, make=None):
    """Asks all of a golden file, in order, and compares byte by byte; `make(NAME)` gives the
    body of @NAME. Returns how many."""
    entries = read((EXAMPLES / folder / "golden.txt").read_text())
    with chain.connect() as connection:
        for entry in entries:
            entry.check(test, connection.request(entry.method, entry.path, entry.body(make)))
    return len(entries)


def example_text(folder, file="chain.yaml", **words):
    """An example's chain file, to be run from another folder; `words` are values of keys in it
    that are replaced."""
    folder = EXAMPLES / folder
    text = (folder / file).read_text()
    for key, value in words.items():
        text, count = re.subn(rf"\b{key}: (\"[^\"]*\"|[^\s,}}]+)", f"{key}: {value}", text)
        assert count, f"{file} has no {key}"
    return re.sub(r"exec: (\.[^\s,}]*)", lambda m: f'exec: "{folder / m[1]}"', text)


def example(folder, file="chain.yaml", args=(), **words):
    return Chain(text=example_text(folder, file, **words), args=args)


def replay(chain, text, *args, code=0, folder=None):
    """Plays arrivals with the command `replay`; their files are in `folder`. Returns what it
    printed."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=folder) as file:
        file.write(text)
        file.flush()
        done = subprocess.run(
            [EXAMPLES / "replay/replay", *args, f"http://127.0.0.1:{chain.port}", file.name],
            capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr + chain.report()
    return done.stdout
