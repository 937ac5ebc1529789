# SPDX-License-Identifier: Apache-2.0
"""The daemon's API, over HTTP on its real Unix socket, with chains that are only documents.

Arguments: sprocketd linked with daemon_double.c, and describe_fixture.
"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse


PROGRAM, FIXTURE = map(os.path.abspath, sys.argv[1:3])
LIMIT_S = 20
YAML = """apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {name: %s}
spec:
  ingress: [{http: {path: "/*"}}]
  functions: [{name: detect, exec: %s}]
  steps: [detect]
"""


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("sprocketd", timeout=LIMIT_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="sprocket-api-")
        for name in ("detect", "hangs", "garbage", "fails"):
            os.symlink(FIXTURE, f"{self.folder}/{name}")
        self.socket = f"{self.folder}/api.sock"
        self.process = None

    def options(self):
        f = self.folder
        return ["--socket", self.socket, "--state", f"{f}/state", "--logs", f"{f}/logs",
                "--run", f"{f}/run", "--pins", f"{f}/pins", "--metrics", "127.0.0.1:0"]

    def start(self):
        self.process = subprocess.Popen([PROGRAM, *self.options()], stderr=subprocess.PIPE)
        self.said = []
        for line in self.process.stderr:
            self.said.append(line.decode())
            if b"serving on" in line:
                self.metrics = line.decode().split("metrics on ")[1].strip()
                break
        else:
            raise AssertionError(f"did not start: {self.said}")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_S)

    def ask(self, method, path, body=None, headers=None):
        connection = Connection(self.socket)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        kind = answer.getheader("Content-Type")
        return answer.status, json.loads(text) if kind == "application/json" else text

    def put(self, name, yaml=None, more=""):
        file = urllib.parse.quote(f"{self.folder}/{name}.yaml")
        return self.ask("PUT", f"/v1/chains/{name}?file={file}{more}",
                        yaml if yaml is not None else YAML % (name, "./detect"))

    def follow(self, path):
        connection = Connection(self.socket)
        connection.request("GET", path)
        return connection, connection.getresponse()

    def cpu_ticks(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().split()
        return int(fields[13]) + int(fields[14])

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def until(check, what):
    end = time.monotonic() + LIMIT_S
    while not check():
        assert time.monotonic() < end, what
        time.sleep(0.01)


daemon = Daemon()


def test_plain_answers():
    assert daemon.ask("GET", "/healthz") == (200, b"ok\n")
    assert daemon.ask("GET", "/metrics") == (200, b"sprocket_up 1\n")
    status, version = daemon.ask("GET", "/v1/version")
    assert status == 200 and version["api"] == "v1" and version["pid"] == daemon.process.pid
    assert daemon.ask("GET", "/v1/chains") == (200, {"items": []})


def test_life_of_a_chain():
    status, answer = daemon.put("shop")
    assert status == 200, answer
    assert answer == {"name": "shop", "result": "created", "generation": 1}
    status, answer = daemon.put("shop")
    assert (status, answer["result"], answer["generation"]) == (200, "configured", 2)
    assert daemon.ask("GET", "/v1/chains/shop")[1]["metadata"]["generation"] == 2
    assert daemon.ask("GET", "/v1/chains/shop/file")[1].decode() == YAML % ("shop", "./detect")
    assert daemon.ask("POST", "/v1/chains/shop/drain")[1]["result"] == "drained"
    assert daemon.ask("GET", "/v1/chains/shop/graph")[0] == 200
    status, answer = daemon.ask("POST", "/v1/chains/shop/functions/none/debug")
    assert (status, answer["error"]) == (404, "there is no function none")
    assert daemon.ask("DELETE", "/v1/chains/shop")[1] == {"name": "shop", "result": "deleted"}
    assert daemon.ask("DELETE", "/v1/chains/shop")[0] == 404


def test_dry_run_touches_nothing():
    status, answer = daemon.put("shop", more="&dryRun=true")
    assert status == 200 and answer["result"] == "created" and answer["changes"], answer
    assert daemon.ask("GET", "/v1/chains/shop")[0] == 404


def test_not_waiting():
    status, answer = daemon.put("slow", more="&wait=false")
    assert (status, answer["result"]) == (202, "created"), answer
    until(lambda: daemon.ask("GET", "/v1/chains/slow")[0] == 200, "it comes")
    assert daemon.ask("DELETE", "/v1/chains/slow?wait=false")[0] == 202
    until(lambda: daemon.ask("GET", "/v1/chains/slow")[0] == 404, "it goes")


def test_errors():
    table = [
        ("GET", "/nothing", None, {}, 404, "NotFound"),
        ("GET", "/v1/chains/none", None, {}, 404, "NotFound"),
        ("POST", "/v1/chains", None, {}, 405, "MethodNotAllowed"),
        ("PUT", "/v1/chains/a", "x", {}, 400, "BadRequest"),
        ("PUT", "/v1/chains/a?file=relative", "x", {}, 400, "BadRequest"),
        ("PUT", "/v1/chains/a?file=/a&dryRun=maybe", "x", {}, 400, "BadRequest"),
        ("PUT", "/v1/chains/a?file=/a", "x", {"Content-Type": "image/png"}, 415,
         "UnsupportedMediaType"),
        ("PUT", "/v1/chains/a?file=/a", "x" * ((1 << 20) + 1), {}, 413, "TooLarge"),
        ("PUT", "/v1/chains/a?file=/a", "", {}, 422, "Invalid"),
        ("PUT", "/v1/chains/a?file=/a", b"\xff\xfe\0", {}, 422, "Invalid"),
        ("GET", "/v1/chains?watch=1", None, {}, 400, "BadRequest"),
    ]
    for method, path, body, headers, status, reason in table:
        got, answer = daemon.ask(method, path, body, headers)
        assert (got, answer["reason"]) == (status, reason), (method, path, got, answer)
        assert answer["error"]
    assert daemon.put("refused")[0] == 422
    status, answer = daemon.put("rolls-back")
    assert (status, answer["reason"], answer["error"]) == (409, "RolledBack", "because it is so")
    status, answer = daemon.put("other", YAML % ("shop", "./detect"))
    assert status == 422 and "use one name" in answer["error"], answer


def test_all_errors_of_a_file():
    status, answer = daemon.put("bad", YAML % ("bad", "./missing") + "  more: 1\n")
    assert status == 422 and len(answer["errors"]) == 2, answer
    assert answer["errors"][0].startswith(f"{daemon.folder}/bad.yaml:6:"), answer
    assert "no such file" in answer["errors"][0]
    status, answer = daemon.put("bad", YAML % ("bad", "./garbage"))
    assert status == 422 and "not a Sprocket function" in answer["errors"][0], answer


def test_a_slow_executable_holds_nobody():
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(daemon.put("late", YAML % ("late", "./hangs"))))
    began = time.monotonic()
    asking.start()
    while not answers:
        before = time.monotonic()
        assert daemon.ask("GET", "/v1/chains")[0] == 200
        assert time.monotonic() - before < 1
        time.sleep(0.05)
    asking.join()
    assert 1.9 < time.monotonic() - began < 10
    assert answers[0][0] == 422 and "did not end within 2 s" in answers[0][1]["errors"][0]


def test_changes_of_a_chain_keep_their_order():
    """The first takes 2 s to be asked; the second must not overtake it."""
    order = []

    def put(executable):
        order.append((executable, daemon.put("turn", YAML % ("turn", executable))[0]))

    first = threading.Thread(target=put, args=("./hangs",))
    first.start()
    time.sleep(0.3)  # it is on its way; if not, the order below is wrong and says so
    put("./detect")
    first.join()
    assert order == [("./hangs", 422), ("./detect", 200)], order
    daemon.ask("DELETE", "/v1/chains/turn")


def test_watch():
    daemon.put("old")
    connection, stream = daemon.follow("/v1/chains?watch=true")
    first = json.loads(stream.readline())
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "old")
    daemon.put("new")
    line = json.loads(stream.readline())
    assert (line["type"], line["object"]["metadata"]["name"]) == ("ADDED", "new")
    daemon.put("new")
    assert json.loads(stream.readline())["type"] == "MODIFIED"
    daemon.ask("DELETE", "/v1/chains/new")
    line = json.loads(stream.readline())
    assert (line["type"], line["object"]["metadata"]["name"]) == ("DELETED", "new")
    connection.close()
    daemon.ask("DELETE", "/v1/chains/old")


def test_events_and_logs():
    daemon.put("shop")
    _, answer = daemon.ask("GET", "/v1/events?chain=shop")
    assert answer["items"][-1]["reason"] == "Applied", answer
    connection, stream = daemon.follow("/v1/events?chain=shop&follow=true")
    for _ in answer["items"]:
        stream.readline()
    daemon.put("shop")
    assert json.loads(stream.readline())["count"] > answer["items"][-1]["count"]
    connection.close()
    _, text = daemon.ask("GET", "/v1/chains/shop/logs?tail=2&source=detect-0")
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == 2 and lines[0]["source"] == "detect-0" and lines[0]["line"] == "old ?"
    assert daemon.ask("GET", "/v1/chains/shop/logs?tail=-1")[0] == 400
    assert daemon.ask("GET", "/v1/chains/shop/tap")[0] == 409


def test_a_client_that_does_not_read_is_left():
    daemon.put("flood")
    connection, stream = daemon.follow("/v1/chains/flood/logs?follow=true")
    before = daemon.fds()
    until(flood_has_ended, "it is left")
    last = stream.read().splitlines()[-1]
    assert json.loads(last)["reason"] == "TooSlow", last
    connection.close()
    until(lambda: daemon.fds() < before, "its connection goes")


def flood_has_ended():
    ticks = daemon.cpu_ticks()
    time.sleep(0.2)
    return daemon.cpu_ticks() - ticks <= 1


def test_clients_that_go_are_noticed():
    daemon.put("shop")
    before = daemon.fds()
    kept = [daemon.follow(path)[0] for path in
            ["/v1/chains?watch=true", "/v1/events?follow=true", "/v1/chains/shop/logs?follow=true"]
            * 5]
    assert daemon.fds() >= before + 10  # those before may still be going
    for connection in kept:
        connection.close()
    kept.clear()
    until(lambda: daemon.fds() <= before, f"{daemon.fds()} fds, {before} before")


def test_a_waiting_client_that_goes():
    file = f"{daemon.folder}/slow.yaml"
    connection = Connection(daemon.socket)
    connection.request("PUT", f"/v1/chains/slow?file={file}", YAML % ("slow", "./detect"))
    until(lambda: daemon.ask("GET", "/v1/chains/slow")[0] == 200, "it is under way")
    connection.close()
    assert daemon.put("slow")[1]["result"] == "configured"


def test_bad_clients():
    garbage = [b"\0" * 100, b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"x" * 100000,
               b"PUT /v1/chains/a?file=/a HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
               b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20000]
    held = []
    for bytes_ in garbage:
        client = socket.socket(socket.AF_UNIX)
        client.connect(daemon.socket)
        try:
            client.sendall(bytes_)
        except OSError:
            pass
        held.append(client)
    idle = [socket.socket(socket.AF_UNIX) for _ in range(300)]
    for client in idle:
        client.connect(daemon.socket)
    assert daemon.ask("GET", "/healthz") == (200, b"ok\n")
    for client in held + idle:
        client.close()


def test_another_user_is_refused():
    if os.geteuid() != 0:
        return
    os.chmod(daemon.folder, 0o755)
    os.chmod(daemon.socket, 0o666)
    code = ("import socket,os;os.setgroups([]);os.setgid(65534);os.setuid(65534);"
            f"s=socket.socket(socket.AF_UNIX);s.connect('{daemon.socket}');"
            "s.sendall(b'GET /v1/chains HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n');print(s.recv(4096))")
    text = subprocess.check_output([sys.executable, "-c", code], timeout=LIMIT_S).decode()
    os.chmod(daemon.socket, 0o660)
    assert "403" in text and "Forbidden" in text and "65534" in text, text


def test_metrics_address_serves_metrics_alone():
    host, port = daemon.metrics.split(":")
    for path, status in [("/metrics", 200), ("/healthz", 200), ("/v1/chains", 404)]:
        connection = http.client.HTTPConnection(host, int(port), timeout=LIMIT_S)
        connection.request("GET", path)
        assert connection.getresponse().status == status, path
        connection.close()


def test_idle_costs_nothing():
    connection, stream = daemon.follow("/v1/chains?watch=true")
    stream.readline()
    path = pathlib.Path(f"/proc/{daemon.process.pid}/status")

    def switches():
        return int(path.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0])

    until(lambda: (switches(), time.sleep(0.5), switches())[::2] == (switches(),) * 2, "it rests")
    connection.close()


def test_one_daemon_per_folder():
    other = subprocess.run([PROGRAM, *daemon.options()], stderr=subprocess.PIPE, timeout=LIMIT_S)
    assert other.returncode == 1
    assert f"pid {daemon.process.pid}" in other.stderr.decode(), other.stderr


def test_restart_finds_what_was_declared():
    daemon.put("stays")
    streams = [daemon.follow("/v1/chains?watch=true") for _ in range(3)]
    assert daemon.stop() == 0
    for connection, _ in streams:
        connection.close()
    os.unlink(f"{daemon.folder}/detect")  # what it said is in the document
    daemon.start()
    assert daemon.ask("GET", "/v1/chains/stays")[1]["metadata"]["generation"] == 1
    daemon.process.kill()
    daemon.process.wait()
    daemon.start()
    assert daemon.ask("GET", "/v1/chains/stays")[0] == 200


def test_wrong_options():
    for options, sentence in [(["--workers", "0"], "--workers takes"), (["x"], "not x"),
                              (["--group", "no-such-group"], "no-such-group"),
                              (["--front-tls", "a:1"], "--cert"), (["--state", "a"], "slash"),
                              (["--cpus", "99999"], "--cpus")]:
        done = subprocess.run([PROGRAM, *options], stderr=subprocess.PIPE, timeout=LIMIT_S)
        assert done.returncode == 2 and sentence in done.stderr.decode(), (options, done)


def test_shutdown():
    assert daemon.ask("POST", "/v1/shutdown") == (200, {"result": "stopped"})
    assert daemon.process.wait(LIMIT_S) == 0


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    failed = 0
    print(f"1..{len(tests)}")
    try:
        daemon.start()
        for number, (name, test) in enumerate(tests, 1):
            try:
                test()
                print(f"ok {number} - {name}", flush=True)
            except Exception as error:  # noqa: BLE001
                failed += 1
                print(f"not ok {number} - {name}\n# {type(error).__name__}: {str(error)[:800]}",
                      flush=True)
    finally:
        if daemon.process and daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()
        shutil.rmtree(daemon.folder)
    return failed > 0


sys.exit(main())
