# SPDX-License-Identifier: Apache-2.0
"""The commands that ask sprocketd, against a double of it: what they ask, what they print, and
what they make of errors, cut streams, garbage, slowness, other versions."""
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import tap
from api_double import EVENT, NOBODY, VERSION, ClientTest, Double, chain
from client import poll
from harness import program, run


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

    def test_daemon_that_starts_is_waited_for(self):
        with Double({("GET", "/v1/chains"): {"items": []}}) as daemon:
            path = self.folder / "soon"
            asks = subprocess.Popen([program("sprocket"), "get", "--socket", path],
                                    stderr=subprocess.PIPE, text=True)
            poll("it waits", lambda: "State:\tS" in Path(f"/proc/{asks.pid}/status").read_text()
                 and os.readlink(f"/proc/{asks.pid}/exe") == str(program("sprocket")))
            path.symlink_to(daemon.socket)
            self.assertIn("no chains", asks.communicate(timeout=20)[1])
            self.assertEqual(asks.returncode, 0)

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
            self.assertEqual(wide[0].split()[6:], ["GENERATION", "BUFFERS", "HOSTS", "URLS",
                                                       "REASON"])
            self.assertEqual(wide[1].split()[6:], ["3", "2/512", "a.example", "<none>",
                                                        "<none>"])
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
                         r"detect +1 +77 +READY +0 +5 +5 +3m20s", r"BackOff +parking +waits 2 s",
                         r"Calls:\n +FUNCTION +CALL +TO\n +detect +plates +search\n"):
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
            asked = request.query.get("source")
            picked = [x for x in lines if not asked or
                      re.fullmatch(re.escape(asked) + r"(-\d+)?", x["source"])]
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
            self.assertEqual(daemon.asked("GET")[-1][2], {"source": "detect", "tail": "100"})
            self.ends(daemon.run("logs", "p", "--function", "detect", "-f"), 0,
                      "detect-0: l0\ndetect-1: l3\ndetect-0: new\n")
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


if __name__ == "__main__":
    tap.main()
