# SPDX-License-Identifier: Apache-2.0
"""The commands that talk to sprocketd, against a double of it: what they ask, what they print,
and what they make of errors, cut streams, garbage, slowness, other versions."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import tap
from api_double import Double, VERSION
from client import poll
from harness import ChainTest, program, run

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
ROOT = Path(__file__).resolve().parents[2]
COMPLETION = ROOT / "controller/cli/completion"


def chain(name="parking", **status):
    return {
        "apiVersion": "sprocket.dev/v1alpha1", "kind": "Chain",
        "metadata": {"name": name, "generation": 3, "creationTimestamp": "2020-01-01T00:00:00Z"},
        "spec": {"file": "/etc/p.yaml",
                 "functions": [{"name": "detect", "exec": "/bin/x", "instances": 1},
                               {"name": "search", "exec": "/bin/y", "instances": 1}]},
        "status": {"phase": "Serving", "address": "127.0.0.1:40001", "hosts": ["a.example"],
                   "observedGeneration": 3, "ready": "2/2", "restarts": 4,
                   "conditions": [{"type": "Ready", "status": "True", "reason": "Serving",
                                   "message": "all: good", "lastTransitionTime":
                                   "2020-01-01T00:00:00Z"}],
                   "buffers": {"total": 512, "free": 510, "gateway": 1, "functions": 1},
                   "functions": [{"name": "detect", "ready": 1, "desired": 1, "restarts": 0,
                                  "revision": 2, "instances": [
                                      {"slot": 1, "pid": 77, "state": "READY", "in_flight": 0,
                                       "in": 5, "out": 5, "age_s": 200}]}],
                   "gateway": {"pid": 78}} | status}


EVENT = {"time": "2020-01-01T00:00:00Z", "firstTime": "2020-01-01T00:00:00Z", "count": 2,
         "chain": "parking", "type": "Warning", "reason": "BackOff", "message": "waits 2 s"}
YAML = "metadata: {name: %s}\nspec: {}\n"


class ClientTest(ChainTest):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sprocket-client-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def ends(self, done, code, out=None, err=None):
        self.assertEqual(done.returncode, code, done)
        if out is not None:
            self.assertEqual(done.stdout, out)
        self.assertRegex(done.stderr, err if err is not None else r"\A\Z")


class Connecting(ClientTest):
    def test_not_running(self):
        self.ends(run("get", "--socket", self.folder / "none"), 1, "",
                  r"^sprocket get: sprocketd is not running .*none.*systemctl start sprocketd, or "
                  r"sprocketd &\n$")

    def test_nobody_listens(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(self.folder / "dead"))
        self.ends(run("get", env={"SPROCKET_SOCKET": str(self.folder / "dead")}), 1, "",
                  "sprocketd is not running")

    def test_refused_socket(self):
        with Double() as daemon:
            os.chmod(daemon.folder.name, 0o755)
            os.chmod(daemon.socket, 0o660)
            self.ends(daemon.run("get", command=NOBODY), 4, "", "you may not use it; use sudo")
            os.chown(daemon.socket, 0, 1)
            self.ends(daemon.run("get", command=NOBODY), 4, "", "usermod -aG daemon")

    def test_refused_peer(self):
        with Double({("GET", "/v1/version"): (403, {"error": "join group sprocket"})}) as daemon:
            self.ends(daemon.run("get"), 4, "", "^sprocket get: join group sprocket\n$")

    def test_other_version(self):
        with Double({("GET", "/v1/version"): VERSION | {"api": "v2"}}) as daemon:
            self.ends(daemon.run("get"), 1, "", "speaks API v2, this command v1: install")
        with Double({("GET", "/v1/version"): (404, "nothing")}) as daemon:
            self.ends(daemon.run("get"), 1, "", "something else than a sprocketd")

    def test_not_http(self):
        with Double({("GET", "/v1/version"): b"SSH-2.0-OpenSSH\r\n"}) as daemon:
            self.ends(daemon.run("get"), 1, "", "not understood")

    def test_long_path(self):
        self.ends(run("get", "--socket", "/" + "x" * 200), 2, "", "at most 107 characters")

    def test_proxy_is_not_asked(self):
        with Double({("GET", "/v1/chains"): {"items": []}}) as daemon:
            self.ends(daemon.run("get", env={"http_proxy": "http://127.0.0.1:1"}), 0, "", "no chains")

    def test_gone_in_the_middle(self):
        cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"
        for answer in (cut, b""):
            with self.subTest(answer), Double({("GET", "/v1/chains"): answer}) as daemon:
                self.ends(daemon.run("get"), 1, "", "sprocketd went away")

    def test_garbage(self):
        for answer in ("}{", "[1]", {"items": 7}, {}):
            with self.subTest(answer), Double({("GET", "/v1/chains"): (200, answer)}) as daemon:
                self.ends(daemon.run("get"), 1, "", "of one version")
        with Double({("GET", "/v1/chains"): {"items": [7, {"metadata": 3}]}}) as daemon:
            done = daemon.run("get")
            self.ends(done, 0)
            self.assertEqual(done.stdout.count("<unknown>"), 2 * 5)
        with Double({("GET", "/v1/chains"): (500, "oops")}) as daemon:
            self.ends(daemon.run("get"), 1, "", "HTTP 500 without a reason")

    def test_slow(self):
        def slow(_):
            time.sleep(3)
        with Double({("POST", "/v1/chains/a/drain"): slow}) as daemon:
            began = time.monotonic()
            self.ends(daemon.run("drain", "a", "--timeout", "1s"), 1, "", "within 1 s")
            self.assertLess(time.monotonic() - began, 2.5)


class Get(ClientTest):
    def test_columns(self):
        with Double({("GET", "/v1/chains"): {"items": [chain(), chain("b", restarts=0)]}}) as daemon:
            done = daemon.run("get")
            self.ends(done, 0)
            head, first, second = done.stdout.splitlines()
            self.assertEqual(head.split(), ["NAME", "READY", "PHASE", "ADDRESS", "RESTARTS", "AGE"])
            self.assertEqual(first.split()[:5],
                             ["parking", "2/2", "Serving", "127.0.0.1:40001", "4"])
            self.assertRegex(first.split()[5], r"^\d+y(\d+d)?$")
            self.assertEqual(second.index("2/2"), head.index("READY"))
            wide = daemon.run("get", "-o", "wide").stdout.splitlines()
            self.assertEqual(wide[0].split()[6:], ["GENERATION", "BUFFERS", "HOSTS", "REASON"])
            self.assertEqual(wide[1].split()[6:], ["3", "2/512", "a.example", "<none>"])
            self.ends(daemon.run("get", "-o", "name"), 0, "chain/parking\nchain/b\n")

    def test_one_and_missing(self):
        with Double({("GET", "/v1/chains/parking"): chain()}) as daemon:
            done = daemon.run("get", "chain/parking", "none", "-o", "name")
            self.ends(done, 1, "chain/parking\n", "chain/none: no such thing")
            self.assertEqual(json.loads(daemon.run("get", "parking", "-o", "json").stdout), chain())
            self.ends(daemon.run("get", "../x"), 2, "", "is no name of a chain")

    def test_yaml(self):
        tricky = {"a": ["yes", "1", "", "x: y", "null", "two\nlines\n", None, True, 3, "plain"]}
        with Double({("GET", "/v1/chains/x"): tricky}) as daemon:
            done = daemon.run("get", "x", "-o", "yaml")
            self.ends(done, 0, 'a:\n- "yes"\n- "1"\n- ""\n- \'x: y\'\n- "null"\n- |\n  two\n  lines\n'
                               '- null\n- true\n- 3\n- plain\n')

    def test_reason(self):
        bad = chain(conditions=[{"type": "Ready", "status": "False", "reason": "Starting"},
                                {"type": "Degraded", "status": "True", "reason": "CrashLoop"}])
        with Double({("GET", "/v1/chains"): {"items": [bad]}}) as daemon:
            self.assertIn("CrashLoop", daemon.run("get", "-o", "wide").stdout)

    def test_describe(self):
        with Double({("GET", "/v1/chains/parking"): chain(),
                     ("GET", "/v1/events"): {"items": [EVENT]}}) as daemon:
            done = daemon.run("describe", "parking")
            self.ends(done, 0)
            for text in (r"Phase: +Serving", r"Ready +True +\S+ +Serving +all: good",
                         r"detect +1 +77 +READY +0 +5 +5 +3m20s", r"BackOff +parking +waits 2 s"):
                self.assertRegex(done.stdout, text)
            self.assertEqual(daemon.asked("GET")[-1][2], {"chain": "parking"})

    def test_formats_are_named(self):
        self.ends(run("get", "-o", "xml"), 2, "", "wide, json, yaml, name")


class Streams(ClientTest):
    def watch(self, *parts, end=True, args=()):
        with Double({("GET", "/v1/chains"): lambda r: r.stream(*parts, end=end)}) as daemon:
            return daemon.run("get", "-w", *args)

    def test_watch(self):
        done = self.watch({"type": "ADDED", "object": chain()}, b"\n",
                          {"type": "MODIFIED", "object": chain(phase="Updating")},
                          {"type": "DELETED", "object": chain()})
        self.ends(done, 0)
        self.assertEqual([line.split()[2] for line in done.stdout.splitlines()],
                         ["PHASE", "Serving", "Updating", "Deleted"])

    def test_parts_of_lines(self):
        text = json.dumps({"type": "ADDED", "object": chain()}).encode() + b"\n"
        self.ends(self.watch(*[text[i:i + 7] for i in range(0, len(text), 7)],
                             args=("-o", "name")), 0, "chain/parking\n")

    def test_cut(self):
        done = self.watch({"type": "ADDED", "object": chain()}, end=False, args=("-o", "name"))
        self.ends(done, 1, "chain/parking\n", "went away")
        self.ends(self.watch(b'{"type": "ADD'), 1, None, "went away")

    def test_garbage(self):
        self.ends(self.watch(b"hello\n"), 1, None, "no JSON object")
        self.ends(self.watch(b"x" * (1 << 20), b"xx"), 1, None, "above 1 MiB")

    def test_left_by_the_daemon(self):
        done = self.watch({"type": "ADDED", "object": chain()}, {"error": "you read too slowly"},
                          args=("-o", "name"))
        self.ends(done, 1, "chain/parking\n", "^sprocket get: you read too slowly\n$")

    def test_refusal(self):
        with Double({("GET", "/v1/chains"): (503, {"error": "too many watchers"})}) as daemon:
            self.ends(daemon.run("get", "-w"), 1, "", "^sprocket get: too many watchers\n$")

    def test_lines_come_at_once_and_ctrl_c_ends(self):
        def forever(request):
            request.stream({"type": "ADDED", "object": chain()}, end=False)
            request.connection.recv(1)  # until the client goes
        with Double({("GET", "/v1/chains"): forever}) as daemon:
            with subprocess.Popen([program("sprocket"), "get", "-w", "-o", "name"], text=True,
                                  stdout=subprocess.PIPE,
                                  env=os.environ | {"SPROCKET_SOCKET": daemon.socket}) as process:
                try:
                    self.assertEqual(process.stdout.readline(), "chain/parking\n")
                    process.send_signal(signal.SIGINT)
                    self.assertEqual(process.wait(5), -signal.SIGINT)
                finally:
                    process.kill()

    def test_logs(self):
        lines = [{"time": f"2026-01-01T00:00:0{n}.000000Z", "source": source, "line": f"l{n}"}
                 for n, source in enumerate(["detect-0", "detector-0", "gateway", "detect-1"])]
        more = {"time": "2026-01-01T00:00:09.000000Z", "source": "detect-0", "line": "new"}

        def logs(request):
            picked = [x for x in lines if request.query.get("source", x["source"]) == x["source"]]
            request.stream(*picked, *([more] if "follow" in request.query else []))
        with Double({("GET", "/v1/chains/p/logs"): logs}) as daemon:
            self.ends(daemon.run("logs", "p"), 0,
                      "detect-0: l0\ndetector-0: l1\ngateway: l2\ndetect-1: l3\n")
            self.assertEqual(daemon.asked("GET")[-1][2], {"tail": "100"})
            self.ends(daemon.run("logs", "p", "--function", "detect", "--instance", "1",
                                 "--tail", "5", "--timestamps"), 0,
                      "2026-01-01T00:00:03.000000Z l3\n")
            self.assertEqual(daemon.asked("GET")[-1][2], {"source": "detect-1", "tail": "5"})
            self.ends(daemon.run("logs", "p", "--function", "detect"), 0,
                      "detect-0: l0\ndetect-1: l3\n")
            self.ends(daemon.run("logs", "p", "--function", "detect", "-f", "--tail", "1"), 0,
                      "detect-1: l3\ndetect-0: new\n")
            self.ends(daemon.run("logs", "p", "--function", "gateway"), 0, "l2\n")
            self.ends(daemon.run("logs", "none"), 1, "", "no such thing")
            self.ends(daemon.run("logs", "p", "--instance", "1"), 2, "", "of which --function")

    def test_events(self):
        def events(request):
            if "follow" in request.query:
                request.stream(EVENT, EVENT)
            else:
                request.stream(json.dumps({"items": [EVENT]}).encode())
        with Double({("GET", "/v1/events"): events}) as daemon:
            self.assertRegex(daemon.run("events").stdout.splitlines()[1],
                             r"^\d+y\S* +2 +Warning +BackOff +parking +waits 2 s$")
            self.assertEqual(len(daemon.run("events", "parking", "-f").stdout.splitlines()), 3)
            done = daemon.run("events", "-f", "-o", "json")
            self.assertEqual([json.loads(x) for x in done.stdout.splitlines()], [EVENT, EVENT])

    def test_output_that_cannot_be_written(self):
        with Double({("GET", "/v1/chains"): {"items": [chain()]}}) as daemon:
            done = daemon.run("get", command=("sh", "-c", 'exec "$@" >/dev/full', "sh"))
            self.ends(done, 1, "", "cannot write the output: No space")


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

    @tap.unittest.skipUnless(shutil.which("gdb"), "no gdb")
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
        script = (f'source {COMPLETION}/sprocket.bash; sprocket() {{ "$SPROCKET" "$@"; }}; '
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
                    ("sprocket apply --dr", ["--dry-run"])):
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

    @tap.unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh(self):
        with Double(self.ANSWERS) as daemon:
            script = ('compadd() { shift; print -l -- ${(P)1}; }; _files() { print files; }; '
                      '_describe() { print -l -- ${(P)2}; }; words=("$@"); CURRENT=$#; PREFIX=$words[-1]; '
                      f'shift $#; source {COMPLETION}/_sprocket')

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
