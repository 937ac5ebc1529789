# SPDX-License-Identifier: Apache-2.0
"""The man pages: they render, every command and call has one, their signatures and chain files
are those of the code."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import tap

SOURCE = Path(os.environ["SPROCKET_SOURCE"])
BUILD = Path(os.environ["SPROCKET_BUILD"])
FOLDERS = [SOURCE / "controller/man", SOURCE / "functions/sdk/man", SOURCE / "bench/man"]
PAGES = {page.stem: page for folder in FOLDERS for page in folder.glob("*.scd")}
HEADERS = [SOURCE / "functions/sdk/sprocket.h", SOURCE / "functions/sdk/sprocket_test.h"]
TIMEOUT_S = 30


def names(page):
    """What the NAME line of a page describes."""
    line = re.search(r"^# NAME\n\n(.*?) - ", PAGES[page].read_text(), re.M | re.S)[1]
    return line.replace("\\", "").split(", ")


def blocks(text):
    """The literal blocks of a page."""
    return re.findall(r"^```\n(.*?)^```", text, re.M | re.S)


def section(page, title):
    """A section of a page."""
    return PAGES[page].read_text().split(f"# {title}\n", 1)[1].split("\n# ", 1)[0]


def terms(text):
    """What a section explains: *Term* or *One*, *Two* alone on their line."""
    return {term for line in re.findall(r"^(\*[A-Za-z]+\*(?:, \*[A-Za-z]+\*)*)$", text, re.M)
            for term in re.findall(r"\w+", line)}


def code_of(pattern):
    return "\n".join(path.read_text() for path in sorted((SOURCE / "controller").glob(pattern)))


def words_in_calls(names, code):
    """CamelCase words that are arguments of these functions."""
    calls = re.findall(rf"\b(?:{'|'.join(names)})\((.*?)\);", code, re.S)
    return {word for call in calls for word in re.findall(r'"((?:[A-Z][a-z]+)+)"', call)}


def without_comments(code):
    return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", code, flags=re.S))


def render(page):
    return subprocess.run(["scdoc"], stdin=page.open(), capture_output=True, text=True,
                          timeout=TIMEOUT_S, check=False)


class ManTest(unittest.TestCase):
    @unittest.skipUnless(shutil.which("scdoc"), "scdoc is not installed")
    def test_pages_render_without_warnings(self):
        self.assertTrue(PAGES)
        for name, page in sorted(PAGES.items()):
            with self.subTest(name):
                made = render(page)
                self.assertEqual((made.returncode, made.stderr), (0, ""))
                title = re.search(r'^\.TH "(\S+)" "(\d)"', made.stdout, re.M)
                self.assertEqual(f"{title[1]}.{title[2]}".replace("\\", ""), name)
                if not shutil.which("man"):
                    continue
                with tempfile.NamedTemporaryFile("w", suffix="." + title[2]) as file:
                    file.write(made.stdout)
                    file.flush()
                    shown = subprocess.run(
                        ["man", "--warnings", "-l", file.name], capture_output=True, text=True,
                        env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100"},
                        timeout=TIMEOUT_S, check=False)
                    self.assertEqual((shown.returncode, shown.stderr), (0, ""))

    def test_every_page_is_installed(self):
        for folder in FOLDERS:
            text = (folder / "meson.build").read_text()
            for page in folder.glob("*.scd"):
                self.assertIn(f"'{page.stem}'", text)

    def test_every_command_has_a_page(self):
        table = (SOURCE / "controller/cli/main.c").read_text()
        commands = re.findall(r'^\t\{ "([a-z]+)", cli_', table, re.M)
        self.assertGreaterEqual(len(commands), 4)
        overview = PAGES["sprocket.1"].read_text()
        for command in commands:
            with self.subTest(command):
                self.assertIn(f"sprocket-{command}.1", PAGES)
                self.assertIn(f"_sprocket-{command}_(1)", overview)

    def test_every_option_of_a_command_is_told(self):
        program = BUILD / "controller/sprocket"
        for name in sorted(PAGES):
            command = re.fullmatch(r"sprocket-([a-z]+)\.1", name)
            if not command or name == "sprocket-bench.1":
                continue
            made = subprocess.run([program, command[1], "--help"], capture_output=True, text=True,
                                  timeout=TIMEOUT_S, check=False)
            page = PAGES[name].read_text()
            with self.subTest(name):
                lines = re.findall(r"^  (-.*?)(?:  |$)", made.stdout, re.M)
                for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", " ".join(lines)):
                    self.assertIn(f"*{option}*", page)

    def test_every_option_of_the_daemon_is_told(self):
        made = subprocess.run([BUILD / "controller/sprocketd", "--help"], capture_output=True,
                              text=True, timeout=TIMEOUT_S, check=False)
        options = re.findall(r"--[a-z-]+", "\n".join(
            line for line in made.stdout.splitlines() if line.startswith("  --")))
        told = [option for line in section("sprocketd.8", "OPTIONS").splitlines()
                if line.startswith("*--") for option in re.findall(r"\*(--[a-z-]+)\*", line)]
        self.assertGreater(len(told), 10)
        self.assertEqual(sorted(told), sorted(set(options)))

    def test_every_option_of_the_load_harness_is_told(self):
        page = section("sprocket-bench.1", "OPTIONS")
        seen = set()
        for command in ("run", "sweep", "compare", "report", "targets"):
            self.assertIn(f"*sprocket-bench {command}*", section("sprocket-bench.1", "SYNOPSIS"))
            made = subprocess.run([BUILD / "bench/sprocket-bench", command, "--help"],
                                  capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
            self.assertEqual((made.returncode, made.stderr), (0, ""))
            seen |= set(re.findall(r"^  (--[a-z-]+)", made.stdout, re.M))
        self.assertGreater(len(seen), 30)
        self.assertEqual(seen, set(re.findall(r"\*(--[a-z-]+)\*", page)))

    def test_every_error_and_arrival_of_the_load_harness_is_told(self):
        header = (SOURCE / "bench/client/client.h").read_text().split("define BENCH_ERRORS", 1)[1]
        names = set(re.findall(r"^\tX\((\w+)\)", header.split("enum", 1)[0], re.M))
        self.assertEqual(terms(section("sprocket-bench.1", "ERRORS")), names)
        header = (SOURCE / "bench/load/schedule.h").read_text()
        kinds = set(re.findall(r"^ \*     (\w+)", header, re.M))
        self.assertGreater(len(kinds), 7)
        told = re.findall(r"^\*(\w+)", section("sprocket-bench.1", "ARRIVALS"), re.M)
        self.assertEqual(set(told), kinds)

    def test_every_path_of_the_api_is_told(self):
        table = SOURCE / "controller/daemon/api_route.c"
        told = re.findall(r"^## (\w+) ([^\s?]+)", PAGES["sprocket-api.7"].read_text(), re.M)
        told = {(method, re.sub(r"[A-Z]{2,}", "*", path)) for method, path in told}
        routes = re.findall(r'^\t\{ "([A-Z]+)", "(/\S*)",', table.read_text(), re.M)
        self.assertEqual(told, set(routes))

    def test_every_reason_of_an_event_is_told(self):
        code = code_of("runtime*.c") + code_of("daemon/*.c")
        reasons = words_in_calls(("events_add", "runtime_event", "runtime_warn", "runtime_tell"),
                                 code) - {"Normal", "Warning", "Phase"}
        self.assertGreater(len(reasons), 25)
        self.assertEqual(terms(section("sprocket-events.1", "REASONS")), reasons)

    def test_conditions_and_their_reasons_are_told(self):
        types = re.findall(r'X\([A-Z]+, "(\w+)"\)', code_of("daemon/deployment_private.h")
                           .split("define CONDITIONS", 1)[1].split("enum", 1)[0])
        reasons = words_in_calls(("condition_set",), code_of("daemon/deployment_json.c"))
        self.assertGreater(len(reasons), 8)
        text = section("sprocket-describe.1", "CONDITIONS")
        self.assertEqual(terms(text), set(types))
        self.assertEqual(set(re.findall(r"\*(\w+)\*", text)) - set(types), reasons)

    def test_phases_are_told(self):
        code = code_of("daemon/deployment_json.c")
        phases = set(re.findall(r'"([A-Z]\w+)"', code.split("*phase(", 1)[1].split("\n}", 1)[0]))
        phases |= set(re.findall(r'"(\w+)"', code_of("daemon/deployment_private.h")
                                 .split("define CHANGE_KINDS", 1)[1].split("enum", 1)[0]))
        self.assertEqual(terms(section("sprocket-get.1", "DESCRIPTION")), phases)

    def test_states_of_instances_are_told(self):
        text = code_of("runtime.h").split("define INSTANCE_STATES", 1)[1].split("enum", 1)[0]
        states = set(re.findall(r"X\((\w+),", text)) - {"NONE"}
        self.assertEqual(terms(section("sprocket-describe.1", "INSTANCES")), states)

    def test_reasons_of_the_api_are_told(self):
        code = code_of("daemon/api*.c")
        reasons = words_in_calls(("api_fail", "api_fail_lines"), code)
        reasons |= set(re.findall(r'\{ -E\w+, MHD_HTTP_\w+, "(\w+)" \}', code))
        reasons |= set(re.findall(r'api->stopping \? "(\w+)"', code))
        told = {word for line in re.findall(r"^\*4.*|^\*5.*", section("sprocket-api.7", "ERRORS"),
                                            re.M)
                for word in re.findall(r"[A-Z]\w+", line)}
        self.assertGreater(len(reasons), 10)
        self.assertEqual(told, reasons - {"Allow"})

    def test_counts_of_the_gateway_are_told(self):
        text = (SOURCE / "sproxy/wiring.h").read_text()
        fields = set(re.findall(r"^\tX\((\w+), \"", text, re.M))
        metrics = code_of("metrics.c")
        # Some of those shed are told apart only for the gateway that takes over.
        for field in fields - {"leased", "shed_inside"}:
            with self.subTest(field):
                self.assertRegex(metrics, rf"gateway\.{field}\b|ERROR\({field}\)"
                                 rf"|CUT\({field.removeprefix('cut_')}\)")
        page = PAGES["sprocket-metrics.7"].read_text().replace("\\", "")
        for reason in re.findall(r"^\t(?:ERROR|CUT)\((\w+)\)", metrics, re.M):
            self.assertRegex(page, rf"_{reason}_")

    def test_pages_that_are_named_exist(self):
        here = {name for page in PAGES for name in
                [page] + [f"{alias}.{page[-1]}" for alias in names(page)]}
        for page, path in PAGES.items():
            text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S).replace("\\", "")
            for name, number in re.findall(r"_((?:sp_|sprocket)[\w-]*)_\((\d)\)", text):
                with self.subTest(f"{page}: {name}({number})"):
                    self.assertIn(f"{name}.{number}", here)

    def test_every_call_has_a_page(self):
        described = {name for page in PAGES if page.endswith(".3") for name in names(page)}
        for header in HEADERS:
            public = re.findall(r"^SP_API .*?\b(sp_\w+)[(;]", header.read_text(), re.M)
            self.assertTrue(public)
            for call in public:
                with self.subTest(call):
                    self.assertIn(call, described)

    def test_aliases_are_the_names_of_their_page(self):
        text = (SOURCE / "functions/sdk/man/meson.build").read_text()
        for page, others in re.findall(r"'(\w+\.3)': \[(.*?)\]", text, re.S):
            with self.subTest(page):
                self.assertEqual(sorted(re.findall(r"'(\w+)'", others) + [page[:-2]]),
                                 sorted(names(page)))

    def test_signatures_are_those_of_the_headers(self):
        code = without_comments("\n".join(header.read_text() for header in HEADERS))
        code = re.sub(r" SP_PRINTF\(\d, \d\)|SP_API |SP_MUST_USE ", "", code)
        seen = 0
        for name in PAGES:
            if not name.endswith(".3"):
                continue
            for block in blocks(PAGES[name].read_text()):
                for line in block.splitlines():
                    if re.match(r"\w.*\bsp_\w+\(.*\);$", line) and not line.startswith("sp_count"):
                        with self.subTest(f"{name}: {line}"):
                            self.assertIn(line, code)
                        seen += 1
        self.assertGreater(seen, 20)

    def test_structures_are_those_of_the_headers(self):
        code = without_comments("\n".join(header.read_text() for header in HEADERS))
        seen = 0
        for name, page in PAGES.items():
            for block in blocks(page.read_text()):
                for told in re.findall(r"^typedef struct \w+ \{.*?^\} \w+;", block, re.M | re.S):
                    with self.subTest(f"{name}: {told.splitlines()[0]}"):
                        self.assertIn(without_comments(told), code)
                    seen += 1
        self.assertGreater(seen, 5)

    def test_functions_of_the_pages_compile(self):
        compiler = shutil.which("cc")
        if not compiler:
            self.skipTest("no compiler")
        seen = 0
        for name, page in PAGES.items():
            for block in blocks(page.read_text()):
                if not re.match(r"#include <.*(SP_FUNCTION\(\.name|int main\()", block, re.S):
                    continue
                seen += 1
                with self.subTest(name):
                    made = subprocess.run(
                        [compiler, "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                         "-I", SOURCE / "functions/sdk", "-x", "c", "-"], input=block, text=True,
                        capture_output=True, timeout=TIMEOUT_S, check=False)
                    self.assertEqual(made.stderr, "")
        self.assertGreaterEqual(seen, 5)

    def test_chain_files_of_the_pages_are_valid(self):
        files = [block for page in PAGES.values() for block in blocks(page.read_text())
                 if block.startswith("apiVersion:")]
        self.assertGreaterEqual(len(files), 3)
        for number, text in enumerate(files):
            with self.subTest(number), tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(text)
                file.flush()
                made = subprocess.run(
                    [BUILD / "controller/sprocket", "validate", "--no-describe", file.name],
                    capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
                self.assertEqual((made.returncode, made.stderr), (0, ""))

    def test_keys_that_pages_name_are_in_the_chain_file(self):
        there, seen = PAGES["sprocket-chain.5"].read_text(), 0
        for name, page in PAGES.items():
            for key in re.findall(r"\*(\w+)\*[^*_]{0,40}_sprocket-chain_\(5\)", page.read_text()):
                seen += 1
                with self.subTest(f"{name}: {key}"):
                    self.assertIn(f"*{key}*", there)
        self.assertGreater(seen, 5)

    def test_every_key_of_the_chain_file_is_told(self):
        page = PAGES["sprocket-chain.5"].read_text()
        seen = 0
        for source in sorted((SOURCE / "controller").glob("chain_*.c")):
            for table in re.findall(r"\w+_keys\[\w+\] = \{(.*?)\};", source.read_text(), re.S):
                for key in re.findall(r'"(\w+)"', table):
                    seen += 1
                    with self.subTest(f"{source.name}: {key}"):
                        self.assertRegex(page, rf"\b{key}\b")
        self.assertGreater(seen, 25)


if __name__ == "__main__":
    tap.main(needs_root=False)
