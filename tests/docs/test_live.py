# SPDX-License-Identifier: Apache-2.0
"""The pages against a daemon that runs: their examples, the metrics, the files.

The daemon has its default paths, in a mount namespace where they are empty: the examples are
run as they are written.
"""
import os
import re
import shlex
import shutil
import subprocess
import unittest
from pathlib import Path

import tap
from client import poll
from harness import BUILD, make_folder

SOURCE = Path(os.environ["SPROCKET_SOURCE"])
PAGES = SOURCE / "controller/man"
EXAMPLES = BUILD / "functions/examples"
STEP_S = 60
WATCH_S = 1  # how long to look at what goes on until it is interrupted
OWN_MOUNTS = ("for folder in /run /var/lib /var/log; do mount -t tmpfs tmpfs $folder; done;"
              " mount -t bpf bpf /sys/fs/bpf; echo up; exec cat")


def page(name):
    return (PAGES / f"{name}.scd").read_text()


def examples(name):
    """The commands of a page, a line each."""
    text = page(name).split("# EXAMPLES\n", 1)[1].split("\n# ", 1)[0]
    blocks = re.findall(r"^```\n(.*?)^```", text, re.M | re.S)
    return "".join(blocks).replace("\\\n", " ").splitlines()


class Node:
    """A mount namespace with empty folders of state, and commands that run in it."""

    def __init__(self):
        self.folder = make_folder()
        self.log = open(self.folder / "log", "w+", encoding="utf-8")
        self.holder = subprocess.Popen(
            ["unshare", "-m", "sh", "-ec", OWN_MOUNTS], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "up\n"
        self.daemons = []

    def command(self, script):
        return ["nsenter", "-m", "-t", str(self.holder.pid), "--", "bash", "-c",
                f'cd "{self.folder}"; PATH="{BUILD}/controller:$PATH"; '
                f'export PKG_CONFIG_PATH="{BUILD}/meson-uninstalled"; {script}']

    def run(self, script, good=(0,)):
        made = subprocess.run(self.command(script), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=STEP_S, check=False)
        if made.returncode not in good:
            raise AssertionError(f"{script}: exit {made.returncode}\n{made.stdout}{made.stderr}"
                                 + self.report())
        return made.stdout

    def start(self, arguments=""):
        daemon = subprocess.Popen(self.command(f"exec sprocketd {arguments}"),
                                  stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.daemons.append(daemon)

        def up():
            assert daemon.poll() is None, self.report()
            made = subprocess.run(self.command("sprocket get"), capture_output=True, check=False,
                                  timeout=STEP_S)
            return made.returncode == 0
        poll("the daemon answers", up, 20)

    def report(self):
        return (self.folder / "log").read_text()

    def end(self):
        if any(daemon.poll() is None for daemon in self.daemons):
            self.run("sprocket shutdown")
        for daemon in self.daemons:
            daemon.wait(STEP_S)
        self.holder.stdin.close()
        self.holder.wait(STEP_S)
        self.holder.stdout.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class LiveTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.end)
        for path in (EXAMPLES / "parking").iterdir():
            (self.node.folder / path.name).symlink_to(path)
        (self.node.folder / "parking").mkdir(exist_ok=False)
        shutil.copytree(EXAMPLES / "parking", self.node.folder / "parking", dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("*.p"))
        (self.node.folder / "chains").mkdir()
        text = (EXAMPLES / "hello/chain.yaml").read_text()
        (self.node.folder / "chains/hello.yaml").write_text(
            text.replace("./upper", str(EXAMPLES / "hello/upper")))

    def apply_revisions(self):
        """The chain of sprocket-chain(5) whose function has two revisions."""
        [text] = [block for block in re.findall(r"^```\n(.*?)^```", page("sprocket-chain.5"),
                                                re.M | re.S) if "name: pay" in block]
        (self.node.folder / "charge-next").symlink_to(EXAMPLES / "parking/charge")
        (self.node.folder / "pay.yaml").write_text(text)
        self.node.run("sprocket apply -f pay.yaml")

    def test_examples_of_the_commands(self):
        self.node.start()
        self.apply_revisions()
        for name in ["sprocket-apply.1"] + sorted(
                path.stem for path in PAGES.glob("sprocket-*.scd")
                if "# EXAMPLES" in path.read_text()
                and path.stem not in ("sprocket-apply.1", "sprocket-api.7", "sprocket-metrics.7")):
            for line in examples(name):
                with self.subTest(f"{name}: {line}"):
                    self.try_line(line)

    def try_line(self, line, before=""):
        if re.search(r" (-w|-f|-N)( |$)", line) and " apply " not in line:
            command = line.split(" | ")[0]
            self.node.run(f"{before}timeout -s INT {WATCH_S} {command}", good=(0, 124, 130))
        else:
            self.node.run("set -o pipefail; " + before + line)

    def test_examples_of_the_api(self):
        self.node.start()
        self.node.run("sprocket apply -f chain.yaml")
        lines = examples("sprocket-api.7")
        self.assertTrue(lines[0].startswith("S="))
        for line in lines[1:]:
            with self.subTest(line):
                self.try_line(line.replace("curl ", "curl -sS --fail ", 1), lines[0] + "; ")
        self.assertNotIn("parking", self.node.run("sprocket get"))

    def test_example_of_the_daemon(self):
        lines = examples("sprocketd.8")
        start = next(n for n, line in enumerate(lines) if line.startswith("sprocketd "))
        self.node.run("; ".join(lines[:start]))
        self.node.start(lines[start].removeprefix("sprocketd ").removesuffix("&"))
        for line in lines[start + 1:]:
            self.node.run(line)
        self.assertEqual(self.node.daemons[0].wait(STEP_S), 0)

    def test_example_of_the_readme(self):
        text = (SOURCE / "README.md").read_text()
        lines = re.findall(r"^    (sprocket.*)$", text, re.M)
        self.assertEqual([line.split()[0] for line in lines], ["sprocketd"] + ["sprocket"] * 3)
        installed = "/usr/local/share/sprocket/examples"
        script = "\n".join(lines).replace(installed, shlex.quote(str(EXAMPLES)))
        shown = self.node.run(script + "\nwait")
        self.assertIn("chain/hello created", shown)
        self.assertRegex(shown, r"hello +1/1 +Serving +127\.0\.0\.1:\d+")

    def test_readme_of_a_new_function(self):
        """Its call, copied into the function that is there, compiles without a warning."""
        self.node.run("sprocket new fn page")
        folder = self.node.folder / "page"
        text = (folder / "README.md").read_text()
        declared, call = re.search(r"```c\n(.*?\n)\n(.*?)```", text, re.S).groups()
        mock = re.search(r"`(sp_test_answer.*?)`", text)[1]
        for name, mark, more in (("page.c", "static sp_verdict", declared),
                                 ("page.c", "\tfor (", call),
                                 ("test_page.c", "\tr = ", f"\t{mock}\n")):
            file = folder / name
            file.write_text(file.read_text().replace(mark, more + mark, 1).replace(
                "on_page);", "on_page, .calls = calls);"))
        self.assertIn("ok", self.node.run("make -C page CFLAGS=-Werror test"))

    def test_files_that_the_readme_names_exist(self):
        text = (SOURCE / "README.md").read_text()
        named = re.findall(r"`((?:\w+/)+[\w.]*)`", text)
        self.assertGreater(len(named), 15)
        for path in named:
            with self.subTest(path):
                self.assertTrue((SOURCE / path).exists() or path == "front/")

    def test_metrics_are_those_of_the_page(self):
        self.node.start()
        self.node.run("sprocket apply -f chain.yaml")
        command = examples("sprocket-metrics.7")[-1]
        self.assertTrue(command.startswith("curl "))
        text = self.node.run(command.replace("curl ", "curl -sS --fail ", 1))
        there, told = {}, {}
        for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M):
            suffix = {"histogram": "_bucket", "summary": "_sum"}.get(kind, "")
            sample = re.search(rf"^{name}{suffix}(?:\{{(.*?)\}})? ", text, re.M)
            self.assertTrue(sample, name)
            labels = set(re.findall(r'(\w+)="', sample[1] or "")) - {"le"}
            there[name] = (kind, labels)
        for name, kind, labels in re.findall(r"^\*(\w+)\*, (\w+)(?:: (.*))?$",
                                             page("sprocket-metrics.7"), re.M):
            told[name] = (kind, set(re.findall(r"_(\w+)_", labels)))
        self.assertGreater(len(told), 30)
        self.assertEqual(told, there)

    def test_files_are_those_of_the_page(self):
        told = page("sprocketd.8").split("# FILES\n", 1)[1].split("\n# ", 1)[0]
        told = [re.sub(r"_[A-Z]+_", "*", path).replace("\\_", "_")
                for path in re.findall(r"^(/\S+)$", told, re.M)]
        told = [re.sub(r"\*_\*$|\*_\*(?=\.)", "*_*", path) for path in told]
        def limit():
            return int(Path("/proc/sys/vm/nr_overcommit_hugepages").read_text())
        before = limit()
        self.node.start("--front 127.0.0.1:0 --core-dumps")
        self.node.run("sprocket apply -f chain.yaml")
        raised = limit() > before  # not where the machine has enough without
        for path in told:
            if path == "/run/sprocket/hugepages" and not raised:
                continue
            if not path.startswith("/etc/") and "/log/" not in path:
                with self.subTest(path):
                    self.node.run(f"compgen -G '{path}'")
        there = self.node.run("find /run/sprocket /var/lib/sprocket -not -type d; "
                              "find /sys/fs/bpf/sprocket -mindepth 1 -maxdepth 1").split()
        for path in there:
            with self.subTest(path):
                self.assertTrue([p for p in told if Path(path).match(p)], path)


if __name__ == "__main__":
    tap.main()
