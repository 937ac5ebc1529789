# SPDX-License-Identifier: Apache-2.0
"""api_double.py - plays sprocketd for the client's tests: its API on a Unix socket, with what
each path answers given by the test.

    with Double({("GET", "/v1/chains"): {"items": []}}) as daemon:
        daemon.run("get")

An answer is a dict or list (sent as JSON), a (status, dict) pair, bytes (the whole response on
the wire), or a function(request) that writes to `request.wfile` itself.
"""
import json
import shutil
import socketserver
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from harness import ChainTest, run

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
VERSION = {"version": "0.1.0", "api": "v1", "pid": 1, "started": "2026-01-01T00:00:00Z"}


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "unix"

    def answer_any(self):
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append((self.command, url.path, self.query, self.body))
        answer = self.server.answers.get((self.command, url.path))
        if answer is None:
            answer = (404, {"error": f"no such thing: {url.path}", "reason": "NotFound"})
        if callable(answer):
            answer(self)
            return
        if isinstance(answer, bytes):
            self.wfile.write(answer)
            self.close_connection = True
            return
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        text = document.encode() if isinstance(document, str) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_POST = do_DELETE = answer_any

    def stream(self, *parts, end=True):
        """A chunked answer; without `end` it is cut off."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in parts:
            self.wfile.write(chunk(part if isinstance(part, bytes) else
                                   json.dumps(part).encode() + b"\n"))
        if end:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        pass  # the client went: that is what some tests do


class Double:
    def __init__(self, answers=()):
        self.folder = tempfile.TemporaryDirectory(prefix="sprocket-double-")
        self.socket = str(Path(self.folder.name) / "s")
        self.server = Server(self.socket, Request)
        self.server.answers = {("GET", "/v1/version"): VERSION} | dict(answers)
        self.server.asked = []
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)
        self.folder.cleanup()

    def asked(self, method):
        return [a for a in self.server.asked if a[0] == method and a[1] != "/v1/version"]

    def run(self, *args, **more):
        env = {"SPROCKET_SOCKET": self.socket} | dict(more.pop("env", ()))
        return run(*args, env=env, **more)


def chain(name="parking", **status):
    return {
        "apiVersion": "sprocket.dev/v1alpha1", "kind": "Chain",
        "metadata": {"name": name, "generation": 3, "creationTimestamp": "2020-01-01T00:00:00Z"},
        "spec": {"file": "/etc/p.yaml",
                 "functions": [{"name": "detect", "exec": "/bin/x", "instances": 1,
                                "calls": {"plates": "search"}},
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
