# SPDX-License-Identifier: Apache-2.0
"""The commands that tell sprocketd to change something, against a double of it; and what the
shells complete."""
import json
import os
import shlex
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

import tap
from api_double import NOBODY, YAML, ClientTest, Double, chain
from client import poll
from harness import program, run

COMPLETION = Path(__file__).resolve().parents[2] / "controller/cli/completion"


class Apply(ClientTest):
    def double(self, **answers):
        return Double({("PUT", f"/v1/chains/{name}"): answer for name, answer in answers.items()})

    def test_documents_and_folder(self):
        self.write("b.yaml", "# two\n---\n" + YAML % "one" + "--- # next\n" + YAML % "two")
        self.write("a.yml", YAML % "three")
        self.write("c.txt", "no chain")
        result = {"result": "created", "changes": [], "generation": 1}
        with self.double(one=result, two=result, three=result) as daemon:
            done = daemon.run("apply", "-f", self.folder)
            self.ends(done, 0, "chain/three created\nchain/one created\nchain/two created\n")
            asked = daemon.asked("PUT")
            self.assertEqual([a[2]["file"] for a in asked],
                             [str(self.folder / n) for n in ("a.yml", "b.yaml", "b.yaml")])
            text = asked[2][3].decode()
            self.assertEqual(text, "\n" * 4 + "--- # next\n" + YAML % "two")

    def test_errors_have_their_place(self):
        file = self.write("x.yaml", YAML % "x")
        bad = (422, {"error": "2 errors", "reason": "Invalid",
                     "errors": [f"{file}:1:2: wrong", f"{file}: all wrong"]})
        with self.double(x=bad) as daemon:
            done = daemon.run("apply", "-f", "x.yaml", cwd=self.folder)
            self.ends(done, 3, "", "^x.yaml:1:2: wrong\nx.yaml: all wrong\n$")

    def test_every_file_is_tried(self):
        self.write("a.yaml", "metadata: {name: a\n")
        self.write("b.yaml", "metadata:\n  name: B_\n")
        self.write("c.yaml", YAML % "c")
        with self.double(c={"result": "unchanged"}) as daemon:
            done = daemon.run("apply", "-f", "a.yaml", "-f", "b.yaml", "-f", "c.yaml", "-f", "d.yaml",
                              cwd=self.folder)
            self.ends(done, 1, "chain/c unchanged\n", r"a\.yaml:2:1:.*\nb\.yaml:2:9: metadata\.name: "
                      r'"B_" is no name.*\n.*d\.yaml: No such file')
            done = daemon.run("apply", "-f", self.folder)
            self.ends(done, 3, "chain/c unchanged\n", "B_")

    def test_twice_and_empty(self):
        file = self.write("a.yaml", YAML % "a" + "---\n" + YAML % "a")
        with self.double(a={"result": "created"}) as daemon:
            self.ends(daemon.run("apply", "-f", file), 3, "chain/a created\n", "give one of them another")
            self.ends(daemon.run("apply", "-f", self.write("e.yaml", "---\n# none\n...\n")), 1, "",
                      "there is no chain in it")

    def test_rolled_back_and_full(self):
        file = self.write("a.yaml", YAML % "a")
        for status, why in ((409, "detect did not become ready: rolled back"), (507, "disk is full")):
            with self.double(a=(status, {"error": why, "reason": "X", "errors": []})) as daemon:
                self.ends(daemon.run("apply", "-f", file), 1, "", f"chain/a: {why}")

    def test_flags(self):
        file = self.write("a.yaml", YAML % "a")
        answer = {"name": "a", "result": "configured",
                  "changes": [{"path": "functions/detect", "change": "new revision"}]}
        with self.double(a=answer) as daemon:
            self.ends(daemon.run("apply", "-f", file, "--dry-run"), 0,
                      "chain/a configured (dry run)\n  functions/detect: new revision\n")
            self.assertEqual(daemon.asked("PUT")[-1][2]["dryRun"], "true")
            self.ends(daemon.run("apply", "-f", file, "--no-wait", "-o", "name"), 0, "chain/a\n")
            self.assertEqual(daemon.asked("PUT")[-1][2]["wait"], "false")
            done = daemon.run("apply", "-f", file, "-o", "json")
            self.assertEqual(json.loads(done.stdout), {"items": [answer]})
            self.ends(daemon.run("apply"), 2, "", "which files")
            self.ends(daemon.run("apply", "-f", file, "--timeout", "x"), 2, "", "30s")

    def test_standard_input(self):
        file = self.write("a.yaml", "\n" + YAML % "a-b")
        with Double({("PUT", "/v1/chains/a-b"): (422, {"errors": [f"{self.folder}/-:2:1: bad"]})}) as d:
            done = d.run("apply", "-f", "-", cwd=self.folder,
                         command=("sh", "-c", f'exec "$@" <{file}', "sh"))
            self.ends(done, 3, "", "^<stdin>:2:1: bad\n$")
            self.assertEqual(d.asked("PUT")[0][2]["file"], f"{self.folder}/-")

    def test_too_large(self):
        file = self.write("a.yaml", YAML % "a" + "#" * (1 << 20))
        with self.double(a={"result": "created"}) as daemon:
            self.ends(daemon.run("apply", "-f", file), 1, "", "larger than 1 MiB")

    def test_odd_path(self):
        file = self.write("a b&c=?\u00fc.yaml", YAML % "a")
        with self.double(a={"result": "created"}) as daemon:
            self.ends(daemon.run("apply", "-f", file), 0)
            self.assertEqual(daemon.asked("PUT")[0][2], {"file": str(file)})


class Diff(ClientTest):
    def test_difference(self):
        file = self.write("a.yaml", "# first\n---\n" + YAML % "a")
        same = ("---\n" + YAML % "a")
        answers = {("GET", "/v1/chains/a/file"): (200, "\n\n\n" + same),
                   ("PUT", "/v1/chains/a"): {"result": "unchanged", "changes": []}}
        with Double(answers) as daemon:
            self.ends(daemon.run("diff", "-f", file), 0, "")
        answers[("GET", "/v1/chains/a/file")] = (200, same.replace("spec: {}", "spec: {x: 1}"))
        answers[("PUT", "/v1/chains/a")] = {"result": "configured",
                                            "changes": [{"path": "routes", "change": "changed"}]}
        with Double(answers) as daemon:
            done = daemon.run("diff", "-f", file)
            self.ends(done, 1)
            self.assertIn(f"--- declared/a\n+++ {file}\n", done.stdout)
            self.assertIn("-spec: {x: 1}\n+spec: {}\n", done.stdout)
            self.assertIn("# chain/a would be configured\n#   routes: changed\n", done.stdout)
            self.assertEqual(daemon.asked("PUT")[0][2]["dryRun"], "true")
            tools = self.folder / "bin"
            tools.mkdir()
            done = daemon.run("diff", "-f", file, env={"PATH": str(tools)})
            self.ends(done, 1, None, "apt-get install diffutils")
            self.assertIn("routes: changed", done.stdout)

    def test_new_and_failed(self):
        file = self.write("a.yaml", YAML % "a")
        with Double({("PUT", "/v1/chains/a"): {"result": "created"}}) as daemon:
            done = daemon.run("diff", "-f", file)
            self.ends(done, 1)
            self.assertIn("+metadata: {name: a}", done.stdout)
        self.ends(run("diff", "-f", file, "--socket", self.folder / "none"), 5, "", "not running")
        with Double({("PUT", "/v1/chains/a"): (422, {"errors": [f"{file}:1:1: no"]})}) as daemon:
            self.ends(daemon.run("diff", "-f", file), 3, None, ":1:1: no")


class Ending(ClientTest):
    def test_delete_drain_shutdown(self):
        file = self.write("a.yaml", YAML % "a")
        with Double({("DELETE", "/v1/chains/a"): {"name": "a", "result": "deleted"},
                     ("POST", "/v1/chains/a/drain"): {"name": "a", "result": "drained"},
                     ("POST", "/v1/shutdown"): {}}) as daemon:
            self.ends(daemon.run("delete", "a", "b"), 1, "chain/a deleted\n", "chain/b: no such")
            self.ends(daemon.run("delete", "-f", file, "--no-wait"), 0, "chain/a deleted\n")
            self.assertEqual(daemon.asked("DELETE")[-1][2], {"wait": "false"})
            self.ends(daemon.run("drain", "a"), 0, "chain/a drained\n")
            self.ends(daemon.run("shutdown"), 0, "sprocketd shut down\n")
            self.ends(daemon.run("shutdown", "a"), 2, "", "sprocket drain a")
            self.ends(daemon.run("delete"), 2, "", "which chain")

    @unittest.skipUnless(shutil.which("gdb"), "no gdb")
    def test_debug(self):
        marker = self.folder / "ran"
        process = subprocess.Popen(["sh", "-c", f"kill -STOP $$; exec {shutil.which('sleep')} 300"])
        try:
            poll("stopped", lambda: " T " in Path(f"/proc/{process.pid}/stat").read_text())
            with Double({("POST", "/v1/chains/a/functions/f/debug"):
                         {"pid": process.pid, "slot": 3}}) as daemon:
                done = daemon.run("debug", "a", "f", "--", "-batch", "-ex", "info program", "-ex",
                                  f"shell touch {marker}")
                self.assertEqual(done.returncode, 0, done)
                self.assertRegex(done.stdout, r"Catchpoint 1 \(exec'd .*sleep\)")
                self.assertIn("Break in its handler", done.stdout)
                self.assertTrue(marker.exists())
                self.assertEqual(process.wait(5), -signal.SIGKILL)
        finally:
            process.kill()
            process.wait()

    def test_debug_refused(self):
        with Double() as daemon:
            self.ends(daemon.run("debug", "a", "f"), 1, "", "chain/a, function f: no such")
            self.ends(daemon.run("debug", "a"), 2, "", "which function of it")
            self.ends(daemon.run("debug", "a", "f", env={"PATH": str(self.folder)}), 1, "",
                      "apt-get install gdb")
            self.ends(daemon.run("debug", "a", "f", command=NOBODY), 4, "", "use sudo")
            self.assertEqual(len(daemon.asked("POST")), 1)


class Completion(ClientTest):
    ANSWERS = {("GET", "/v1/chains"): {"items": [chain(), chain("pay")]},
               ("GET", "/v1/chains/parking"): chain()}

    def complete(self, line, env=()):
        """What bash offers at the end of the line."""
        words = line.split(" ")
        script = (f'source {shlex.quote(str(COMPLETION))}/sprocket.bash; sprocket() {{ "$SPROCKET" "$@"; }}; '
                  'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sprocket; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True,
                              timeout=30, cwd=self.folder, check=False,
                              env=os.environ | {"SPROCKET": str(program("sprocket"))} | dict(env))
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash(self):
        self.write("file.yaml", "")
        with Double(self.ANSWERS) as daemon:
            env = {"SPROCKET_SOCKET": daemon.socket}
            for line, offered in (
                    ("sprocket dr", ["drain"]), ("sprocket get p", ["parking", "pay"]),
                    ("sprocket get parking pa", ["parking", "pay"]),
                    ("sprocket debug parking s", ["search"]), ("sprocket get -o y", ["yaml"]),
                    ("sprocket logs parking --function d", ["detect"]),
                    ("sprocket logs -f pa", ["parking", "pay"]),
                    ("sprocket apply -f f", ["file.yaml"]), ("sprocket run f", ["file.yaml"]),
                    ("sprocket apply --dr", ["--dry-run"]),
                    ("sprocket tap parking --edge f", []), ("sprocket top -d f", []),
                    ("sprocket tap --count 5 pa", ["parking", "pay"]),
                    ("sprocket tap --slower 1ms parking s", ["search"]),
                    ("sprocket graph pay -o d", ["dot"]),
                    ("sprocket run file.yaml --listen f", []),
                    ("sprocket get --socket f", ["file.yaml"])):
                with self.subTest(line):
                    self.assertEqual(self.complete(line, env), offered)

    def test_silent_without_daemon(self):
        env = {"SPROCKET_SOCKET": str(self.folder / "none")}
        self.assertEqual(self.complete("sprocket get p", env), [])
        self.ends(run("__complete", "get", env=env), 0, "")

    def test_commands_are_those_of_the_usage(self):
        listed = [x.split("\t")[0] for x in run("__complete").stdout.splitlines()]
        usage = [x.split()[0] for x in run("--help").stdout.splitlines() if x.startswith("  ")]
        self.assertEqual(listed, usage)
        for command in listed:
            with self.subTest(command):
                self.assertRegex(run(command, "--help").stdout, "usage: sprocket " + command)

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh(self):
        with Double(self.ANSWERS) as daemon:
            script = ('compadd() { shift; print -l -- ${(P)1}; }; _files() { print files; }; '
                      '_describe() { print -l -- ${(P)2}; }; words=("$@"); CURRENT=$#; PREFIX=$words[-1]; '
                      f'shift $#; source {shlex.quote(str(COMPLETION))}/_sprocket')

            def offered(*words):
                done = subprocess.run(["zsh", "-f", "-c", script, "zsh", str(program("sprocket")),
                                       *words], capture_output=True, text=True, timeout=30, check=False,
                                      env=os.environ | {"SPROCKET_SOCKET": daemon.socket})
                self.assertEqual(done.stderr, "")
                return done.stdout.split("\n")[:-1]
            self.assertIn("drain:end chains that stay declared", offered("d"))
            self.assertEqual(offered("get", "p"), ["parking", "pay"])
            self.assertEqual(offered("debug", "parking", ""), ["detect", "search"])
            self.assertEqual(offered("get", "-o", ""), ["json", "yaml", "wide", "name"])
            self.assertEqual(offered("apply", "-f", ""), ["files"])
            self.assertIn("--dry-run", offered("apply", "--"))


if __name__ == "__main__":
    tap.main()
