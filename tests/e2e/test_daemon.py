# SPDX-License-Identifier: Apache-2.0
"""sprocketd in trouble: its folders, its programs, its functions, its signals."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import tap
from api_client import names, one, put, script
from client import poll
from daemon import Daemon
from harness import BUILD, PROGRAMS, ChainTest, program

NOBODY = 65534


def stopped(daemon):
    """A daemon that ends by itself: its code and what it said."""
    try:
        code = daemon.start(wait=False).process.wait(20)
        daemon.log.wait("$^")  # to its end
        return code, daemon.log.text()
    finally:
        daemon.destroy()


@contextlib.contextmanager
def tmpfs(path, options):
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@contextlib.contextmanager
def small_state(size="256k"):
    daemon = Daemon()
    with tmpfs(daemon.state, f"size={size}"):
        try:
            with daemon:
                yield daemon
        finally:
            daemon.destroy()


class State(ChainTest):
    def test_full_disk(self):
        with small_state() as daemon:
            put(daemon, "one")
            before = daemon.chain("one")["status"]["functions"]
            pid = daemon.instances("one", "only")[0]["pid"]
            fill = daemon.state / "fill"
            with open(fill, "wb", buffering=0) as f, contextlib.suppress(OSError):
                while True:
                    f.write(b"x" * 4096)
            for answer in (put(daemon, "one", one(text="b")), put(daemon, "two", one("two")),
                           daemon.api("POST", "/v1/chains/one/drain")):
                self.assertEqual((answer["http"], answer["reason"]), (507, "StateFolder"), answer)
                self.assertIn("No space left", answer["error"])
            self.assertEqual(daemon.instances("one", "only")[0]["pid"], pid)
            self.assertEqual(daemon.chain("one")["metadata"]["generation"], 1)
            self.assertEqual(daemon.request("one", body=b"x").body, b"x")
            self.assertEqual([f["revision"] for f in daemon.status("one")["functions"]],
                             [f["revision"] for f in before])
            self.assertEqual(names(daemon), ["one"])
            self.assertEqual(sorted(p.name for p in (daemon.state / "chains").iterdir()),
                             ["one.json"])
            fill.unlink()
            self.assertEqual(put(daemon, "one", one(text="b"))["result"], "configured")
            self.assertEqual(daemon.api("POST", "/v1/chains/one/drain")["result"], "drained")
            # Drained stays drained, whatever the disk says.
            with open(fill, "wb", buffering=0) as f, contextlib.suppress(OSError):
                while True:
                    f.write(b"x" * 4096)
            daemon.api("POST", "/v1/chains/one/drain")
            put(daemon, "two", one("two"))
            self.assertEqual(daemon.status("one")["phase"], "Drained")
            self.assertEqual(daemon.api("DELETE", "/v1/chains/one")["http"], 200)
            fill.unlink()

    def test_read_only_folder(self):
        with small_state() as daemon:
            put(daemon, "one")
            pid = daemon.instances("one", "only")[0]["pid"]
            subprocess.run(["mount", "-o", "remount,ro", daemon.state], check=True)
            for answer in (put(daemon, "one", one(text="b")), put(daemon, "two", one("two")),
                           daemon.api("POST", "/v1/chains/one/drain"),
                           daemon.api("DELETE", "/v1/chains/one")):
                self.assertEqual((answer["http"], answer["reason"]), (507, "StateFolder"), answer)
                self.assertIn("Read-only", answer["error"])
            self.assertEqual(daemon.instances("one", "only")[0]["pid"], pid)
            daemon.restart()  # what is declared can be read
            self.assertEqual(daemon.instances("one", "only")[0]["pid"], pid)
            self.assertEqual(put(daemon, "two", one("two"))["http"], 507)
            subprocess.run(["mount", "-o", "remount,rw", daemon.state], check=True)
            self.assertEqual(put(daemon, "one", one(text="b"))["http"], 200)

    def test_unreadable_document(self):
        with Daemon() as daemon:
            put(daemon, "runs")
            pid = daemon.instances("runs", "only")[0]["pid"]
            put(daemon, "lost")
            put(daemon, "gone")
            daemon.api("POST", "/v1/chains/lost/drain")
            daemon.api("POST", "/v1/chains/gone/drain")
            daemon.kill()
            for name in ("runs", "lost", "gone"):
                (daemon.state / "chains" / f"{name}.json").write_text("{\"version\":")
            daemon.start()
            # What runs is known all the same, and is written down again.
            self.assertEqual(daemon.instances("runs", "only")[0]["pid"], pid)
            for _ in range(2):
                for name in ("lost", "gone"):
                    status = daemon.status(name)
                    self.assertEqual(status["phase"], "Failed")
                    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
                    self.assertIn(f"{name}.json", ready["message"])
                    self.assertEqual(daemon.api("GET", f"/v1/chains/{name}/file")["http"], 404)
                self.assertEqual(daemon.status("runs")["phase"], "Serving")
                daemon.restart()
            self.assertIn("Failed", daemon.cli("get").stdout)
            self.assertEqual(put(daemon, "lost")["result"], "created")
            self.assertEqual(daemon.status("lost")["phase"], "Serving")
            self.assertEqual(daemon.api("DELETE", "/v1/chains/gone")["http"], 200)
            daemon.restart()
            self.assertEqual(names(daemon), ["lost", "runs"])

    def test_state_folder_that_cannot_be_made(self):
        daemon = Daemon()
        daemon.state.write_text("a file")
        code, text = stopped(daemon)
        self.assertEqual(code, 1)
        self.assertIn("--state", text)
        self.assertIn("Not a directory", text)

    def test_state_folder_with_spaces(self):
        daemon = Daemon()
        daemon.state = daemon.folder / "a state \"of\" 100%s" / "b"
        with daemon:
            put(daemon, "one")
            daemon.restart()
            self.assertEqual(names(daemon), ["one"])


class Start(ChainTest):
    def test_one_daemon_per_run_folder(self):
        with Daemon() as daemon:
            other = Daemon()
            other.run = daemon.run
            other.fdstores = list
            code, text = stopped(other)
            self.assertEqual(code, 1)
            self.assertIn(f"pid {daemon.process.pid}", text)
            self.assertIn("--run", text)

    def test_pins_that_are_on_no_bpffs(self):
        daemon = Daemon()
        daemon.pins = daemon.folder / "pins"
        code, text = stopped(daemon)
        self.assertEqual(code, 1)
        self.assertIn(str(daemon.pins), text)
        self.assertIn("mount -t bpf", text)

    def test_programs_that_are_missing(self):
        for missing in ("gateway", "fdstore"):
            with self.subTest(missing=missing):
                daemon = Daemon()
                daemon.build = daemon.folder / "build"
                for name in ("sprocketd", "sprocket", "gateway", "fdstore"):
                    path = daemon.build / PROGRAMS[name]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    if name != missing:
                        shutil.copy(BUILD / PROGRAMS[name], path)
                code, text = stopped(daemon)
                self.assertEqual(code, 1, text)
                self.assertIn(f"sprocket-{missing}", text)

    def test_no_root(self):
        daemon = Daemon()
        daemon.folder.chmod(0o777)
        binary = daemon.build / PROGRAMS["sprocketd"]
        done = subprocess.run(
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", binary,
             "--socket", daemon.socket, "--state", daemon.state, "--logs", daemon.logs,
             "--run", daemon.run, "--pins", daemon.pins], capture_output=True, text=True,
            timeout=20, check=False)
        daemon.destroy()
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("root", done.stderr)

    def test_wrong_options(self):
        for options, sentence in [(["--workers", "0"], "--workers takes"), (["x"], "not x"),
                                  (["--group", "no-such-group"], "no-such-group"),
                                  (["--front-tls", "a:1"], "--cert"), (["--state", "a"], "slash"),
                                  (["--cpus", "99999"], "--cpus")]:
            done = subprocess.run([BUILD / PROGRAMS["sprocketd"], *options], capture_output=True,
                                  text=True, timeout=20, check=False)
            self.assertEqual(done.returncode, 2, options)
            self.assertIn(sentence, done.stderr)

    def test_notices_to_systemd(self):
        daemon = Daemon()
        path = daemon.folder / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(str(path))
            s.settimeout(20)
            daemon.env = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"}

            def told(word):
                while word not in (text := s.recv(4096).decode()):
                    pass
                return text
            with daemon:
                self.assertIn("STATUS=Serving on", told("READY=1"))
                began = time.monotonic()
                for _ in range(4):
                    told("WATCHDOG=1")
                self.assertGreater(time.monotonic() - began, 0.3)
                os.kill(daemon.process.pid, signal.SIGHUP)
                self.assertIn("MONOTONIC_USEC=", told("RELOADING=1"))
                told("READY=1")
                self.assertEqual(daemon.api("GET", "/healthz")["http"], 200)
                daemon.kill(signal.SIGTERM)
                told("STOPPING=1")
                self.assertEqual(daemon.process.returncode, 0)

    def test_a_clock_that_runs_wild(self):
        """Limits and waits go by the monotonic clock: of the real time are only the marks."""
        library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
        if not os.path.exists(library):
            self.skipTest("no libfaketime")
        file = None
        daemon = Daemon()
        file = daemon.folder / "clock"
        file.write_text("+0")
        daemon.env = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(file),
                      "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        with daemon:
            put(daemon, "one")
            for clock in ("+10y", "-10y", "-40y"):
                file.write_text(clock)
                self.assertEqual(put(daemon, "one", one(text=clock))["result"], "configured")
                self.assertEqual(daemon.request("one", body=b"x").body, b"x")
                self.assertEqual(daemon.api("GET", "/v1/chains/one/logs")["http"], 200)
                self.assertEqual(daemon.api("GET", "/metrics")["http"], 200)


class Functions(ChainTest):
    def open_folder(self):
        """One in which a program that is asked what it declares, as no user of the machine, may
        leave marks; with `probe`."""
        folder = tempfile.TemporaryDirectory(prefix="sprocket-e2e-")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o777)
        shutil.copy(program("probe"), folder.name)
        return Path(folder.name)

    def test_ends_at_once(self):
        with Daemon() as daemon:
            for start in ("exit", "crash", "fail"):
                answer = put(daemon, "one", one(start=start))
                self.assertEqual((answer["http"], answer["reason"]), (409, "RolledBack"), answer)
                self.assertIn("only", answer["error"])
            self.assertEqual(names(daemon), [])

    def test_never_ready_and_deaf(self):
        """Both take as long as the limits are; together."""
        with Daemon() as daemon:
            put(daemon, "deaf", one("deaf", stop="hang"))
            pid = daemon.instances("deaf", "only")[0]["pid"]
            answers = {}
            threads = [threading.Thread(target=lambda: answers.update(
                           deaf=daemon.api("DELETE", "/v1/chains/deaf"))),
                       threading.Thread(target=lambda: answers.update(
                           hang=put(daemon, "hang", one("hang", start="hang"))))]
            for t in threads:
                t.start()
            poll("it starts", lambda: "hang" in names(daemon), 20)
            self.assertEqual(daemon.status("hang")["phase"], "Starting")
            for t in threads:
                t.join(60)
            self.assertEqual(answers["deaf"]["http"], 200, answers)
            self.assertFalse(os.path.exists(f"/proc/{pid}"))
            self.assertEqual(answers["hang"]["http"], 409, answers)
            self.assertRegex(answers["hang"]["error"], "only .*did not become ready within 10 s")
            self.assertEqual(names(daemon), [])

    def test_deletion_while_it_starts(self):
        with Daemon() as daemon:
            put(daemon, "one", one(start="slow"), "&wait=false")
            poll("it starts", lambda: "one" in names(daemon), 20)
            self.assertEqual(daemon.api("DELETE", "/v1/chains/one")["http"], 200)
            self.assertEqual(names(daemon), [])

    def test_drain_and_apply(self):
        with Daemon() as daemon:
            put(daemon, "one")
            self.assertEqual(daemon.api("POST", "/v1/chains/one/drain")["http"], 200)
            self.assertEqual(daemon.status("one")["phase"], "Drained")
            daemon.restart()
            self.assertEqual(daemon.status("one")["phase"], "Drained")
            self.assertEqual(put(daemon, "one")["http"], 200)
            self.assertEqual(daemon.request("one", body=b"x").body, b"x")

    def test_no_hugepages(self):
        daemon = Daemon()
        daemon.build = daemon.folder / "build"
        for name in ("sprocketd", "sprocket"):
            (daemon.build / PROGRAMS[name]).parent.mkdir(parents=True, exist_ok=True)
        (daemon.build / PROGRAMS["sprocket"]).symlink_to(program("sprocket"))
        # To this daemon the kernel has none, but those that are free by chance.
        script(daemon.build, PROGRAMS["sprocketd"],
               f"""exec unshare -m sh -c '
mount -t tmpfs none /sys/kernel/mm/hugepages && exec "{BUILD / PROGRAMS["sprocketd"]}" "$@"' sh "$@"
""")
        with daemon:
            answer = put(daemon, "one",
                         one().replace("memory: 16Mi", "hugepages: required, memory: 8Gi"))
            self.assertEqual(answer["http"], 409, answer)
            self.assertIn("hugepages", answer["error"])
            self.assertEqual(names(daemon), [])

    def test_shutdown_while_changes_run(self):
        folder = self.open_folder()
        mark = folder / "asked"
        asked = script(folder, "asked.sh", f"""
[ -e {mark} ] || {{ touch {mark}; sleep 1; }}
exec {folder}/probe "$@"
""")
        with Daemon() as daemon:
            answers = []
            put(daemon, "slow", one("slow", start="slow"), "&wait=false")
            thread = threading.Thread(target=lambda: answers.append(
                put(daemon, "late", one("late", exec=asked))))
            thread.start()
            poll("it is asked", mark.exists, 20)
            self.assertEqual(daemon.api("POST", "/v1/shutdown", timeout=30)["http"], 200)
            thread.join(30)
            self.assertEqual(answers[0]["reason"], "ShuttingDown", answers)
            daemon.process.wait(20)

    def test_program_in_time_for_a_daemon_that_is_late(self):
        folder = self.open_folder()
        mark, said = folder / "asked", folder / "said"
        asked = script(folder, "asked.sh", f"""
touch {mark}; sleep 0.3
{folder}/probe "$@" && touch {said}
""")
        with Daemon() as daemon:
            answers = []
            thread = threading.Thread(target=lambda: answers.append(
                put(daemon, "late", one("late", exec=asked))))
            thread.start()
            poll("it is asked", mark.exists, 20)
            os.kill(daemon.process.pid, signal.SIGSTOP)
            poll("it has said it", said.exists, 20)
            time.sleep(2.2)  # as long as a program has
            os.kill(daemon.process.pid, signal.SIGCONT)
            thread.join(30)
            self.assertEqual(answers[0].get("result"), "created", answers)

    def test_changes_of_different_chains_at_once(self):
        with Daemon() as daemon:
            answers = {}
            threads = [threading.Thread(target=lambda n=n: answers.update(
                {n: put(daemon, n, one(n, start="slow"))["http"]})) for n in "abcdef"]
            for t in threads:
                t.start()
            for t in threads:
                t.join(60)
            self.assertEqual(answers, dict.fromkeys("abcdef", 200))


if __name__ == "__main__":
    tap.main()
