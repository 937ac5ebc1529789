# SPDX-License-Identifier: Apache-2.0
"""daemon.py - runs sprocketd for a test, in folders of its own.

    with Daemon() as daemon:
        daemon.apply(chain_text("trio"))
        answer = daemon.request("trio", "POST", "/in", b"hello")

On exit every chain is drained and stopped by `sprocket shutdown`, and nothing may be left:
no process, BPF object, pin, fd store, listener or hugepage.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
from pathlib import Path

import leftovers
from client import Connection, poll
from harness import BUILD, PROGRAMS, Output, fill, make_folder, run

PROGRAMS |= {"sprocketd": "controller/sprocketd", "fdstore": "controller/sprocket-fdstore",
             "front": "gateway/sprocket-front"}
BPFFS = Path("/sys/fs/bpf")


class ApiConnection(http.client.HTTPConnection):
    """HTTP over the daemon's Unix socket."""

    def __init__(self, path, timeout=60):
        super().__init__("sprocketd", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """One sprocketd, which may be killed and started again."""

    def __init__(self, args=(), env=(), build=BUILD):
        self.build = build
        self.mark = uuid.uuid4().hex
        self.folder = make_folder()
        self.socket = self.folder / "api.sock"
        self.state = self.folder / "state"
        self.logs = self.folder / "logs"
        self.run = self.folder / "run"
        self.pins = BPFFS / f"sprocket-test-{self.mark[:8]}"
        self.args = list(args)
        self.env = dict(env)
        self.footprint = leftovers.Footprint(self.mark)
        self.process = None
        self.outputs = []

    # ---- life ----

    def command(self):
        return [str(self.build / PROGRAMS["sprocketd"]), "--socket", str(self.socket),
                "--state", str(self.state), "--logs", str(self.logs), "--run", str(self.run),
                "--pins", str(self.pins), *self.args]

    def start(self, wait=True):
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, leftovers.MARK: self.mark, **self.env}, cwd="/",
            start_new_session=True)
        self.log = Output(self.process.stderr)
        self.outputs.append(self.log)
        if wait:
            self.wait_up()
        return self

    def wait_up(self, seconds=20):
        def up():
            assert self.process.poll() is None, "the daemon ended\n" + self.report()
            try:
                return self.api("GET", "/v1/version")
            except (OSError, http.client.HTTPException):
                return None
        return poll("daemon answers", up, seconds, pause=0.005)

    def kill(self, sig=signal.SIGKILL):
        self.footprint.look(self.process.pid)
        self.process.send_signal(sig)
        code = self.process.wait(20)
        assert code == (0 if sig == signal.SIGTERM else -sig), f"exit code {code}\n{self.report()}"

    def restart(self, sig=signal.SIGKILL):
        self.kill(sig)
        return self.start()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.destroy()
            raise

    def __exit__(self, kind, error, _):
        try:
            if kind is None:
                self.shutdown()
            else:
                print("\n".join("# | " + l for l in self.report().splitlines()), flush=True)
        finally:
            self.destroy()

    def shutdown(self, seconds=30):
        """Stops everything, and looks for what is left."""
        if self.process.poll() is not None:
            self.start()
        self.footprint.look(self.process.pid)
        self.cli("shutdown", check=True)
        self.process.wait(seconds)
        if self.process.returncode != 0:
            raise AssertionError(f"exit code {self.process.returncode}\n" + self.report())

        def left():
            found = self.footprint.left() + self.fdstores()
            if self.pins.exists():
                found.append(f"pins: {list(self.pins.rglob('*'))}")
            return found
        try:
            poll("nothing left", lambda: not left(), 8, pause=0.02)
        except AssertionError:
            raise AssertionError("left behind: " + "; ".join(map(str, left())) + "\n"
                                 + self.report()) from None

    def fdstores(self):
        """Processes of the fd store of this daemon."""
        want = str(self.run).encode()
        return [p for p in leftovers.pids() if b"fdstore" in leftovers.read(f"/proc/{p}/cmdline")
                and want in leftovers.read(f"/proc/{p}/cmdline") and leftovers.alive(p)]

    def destroy(self):
        if self.process and self.process.poll() is None:
            self.footprint.look(self.process.pid)
            self.process.kill()
            self.process.wait(5)
        for pid in self.fdstores():
            os.kill(pid, signal.SIGKILL)
        self.footprint.kill()
        if self.pins.exists():
            for path in sorted(self.pins.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            self.pins.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)

    def report(self):
        return "\n".join(line for o in self.outputs for line in o.text().splitlines()[-60:])

    # ---- the API and the command ----

    def api(self, method, path, body=None, timeout=60):
        """Returns the JSON of the answer, with its status as "http"."""
        connection = ApiConnection(self.socket, timeout)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read()
            try:
                found = json.loads(text)
            except ValueError:
                found = {"text": text.decode()}
            if isinstance(found, dict):
                found["http"] = answer.status
            return found
        finally:
            connection.close()

    def cli(self, *args, check=False, seconds=60, **more):
        done = run(*args, env={"SPROCKET_SOCKET": str(self.socket)}, build=self.build,
                   seconds=seconds, **more)
        if check and done.returncode != 0:
            raise AssertionError(f"sprocket {' '.join(map(str, args))}: exit "
                                 f"{done.returncode}\n{done.stdout}{done.stderr}"
                                 + self.report())
        return done

    def write(self, text, name):
        path = self.folder / f"{name}.yaml"
        path.write_text(text)
        return path

    def apply(self, text, name="chain", check=True, args=()):
        return self.cli("apply", "-f", self.write(text, name), *args, check=check)

    def chain(self, name):
        found = self.api("GET", f"/v1/chains/{name}")
        assert found["http"] == 200, found
        return found

    def status(self, name):
        return self.chain(name)["status"]

    def port(self, name):
        return int(self.status(name)["address"].rsplit(":", 1)[1])

    def connect(self, name, timeout=20):
        return Connection(self.port(name), timeout=timeout)

    def request(self, name, method="POST", path="/in", body=None, headers=(), timeout=20):
        with self.connect(name, timeout) as connection:
            return connection.request(method, path, body, headers)

    def function(self, chain, name):
        return next(f for f in self.status(chain)["functions"] if f["name"] == name)

    def instances(self, chain, name, state="READY"):
        return [i for i in self.function(chain, name)["instances"] if i["state"] == state]

    def events(self, chain=None):
        return self.api("GET", "/v1/events" + (f"?chain={chain}" if chain else ""))["items"]

    def reasons(self, chain=None):
        return [e["reason"] for e in self.events(chain)]

    def whole(self, chain, seconds=5.0):
        """Waits until every buffer is free or leased, and nothing is in flight."""
        def idle():
            s = self.status(chain)
            return (s["gateway"]["in_flight"] == 0 and
                    s["buffers"]["free"] + s["gateway"]["leased"] == s["buffers"]["total"] > 0)
        try:
            poll("every buffer is back", idle, seconds, pause=0.02)
        except AssertionError as e:
            raise AssertionError(f"{e}: {self.status(chain)}\n{self.report()}") from None


class Stream:
    """Requests on kept-alive connections, one after the other, while things change."""

    def __init__(self, port, path="/in", clients=4, body=b"hello", reconnect=False, rate=0,
                 headers=(), expect=None):
        """`expect`: the answer's body, where it is not the request's."""
        self.port, self.path, self.body, self.rate = port, path, body, rate
        self.headers, self.expect = headers, body if expect is None else expect
        self.stopping = threading.Event()
        self.done = 0
        self.failures = []
        self.slowest = 0.0
        self.lock = threading.Lock()
        self.reconnect = reconnect
        self.threads = [threading.Thread(target=self.drive, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        poll("traffic flows", lambda: self.done >= len(self.threads) or self.failures)
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.join(30)

    def one(self, connection):
        if connection is None:
            connection = Connection(self.port, timeout=20)
        began = time.monotonic()
        answer = connection.request("POST", self.path, self.body, self.headers)
        took = time.monotonic() - began
        ok = answer.status == 200 and answer.body == self.expect
        with self.lock:
            self.done += 1
            self.slowest = max(self.slowest, took)
            if not ok:
                self.failures.append(repr(answer))
        # The server says when a connection ends; not to listen to it would be our fault.
        if self.reconnect or answer.header("connection") == "close":
            connection.close()
            return None
        return connection

    def drive(self):
        connection = None
        while not self.stopping.is_set():
            try:
                connection = self.one(connection)
            except Exception as e:  # pylint: disable=broad-except
                with self.lock:
                    self.failures.append(repr(e))
                connection = None
            if self.rate:
                time.sleep(len(self.threads) / self.rate)


def chain_text(template, name=None, listen=None, **words):
    """A template of chains/, under another name perhaps."""
    text = fill(template, words | ({"name": name} if name else {}))
    if name:
        text = re.sub(r"metadata: \{name: [^},]+", f"metadata: {{name: {name}", text)
    if listen:
        text = text.replace("spec:\n", f"spec:\n  listen: {listen}\n", 1)
    return text
