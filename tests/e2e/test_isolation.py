# SPDX-License-Identifier: Apache-2.0
"""What a function can do to the machine and to other chains: nothing that was not declared."""
import os
import re
import signal
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

import tap
from client import poll
from daemon import Daemon
from harness import BUILD, Chain, ChainTest

INTRUDER = BUILD / "tests/functions/intruder"
SYSCALLS = {"keyctl": 250, "io_uring_setup": 425, "userfaultfd": 323, "perf_event_open": 298,
            "reboot": 169, "swapon": 167, "kexec_load": 246, "init_module": 175,
            "pidfd_getfd": 438, "open_by_handle_at": 304, "setns": 308, "chroot": 161,
            "shmget": 29, "personality": 135, "kcmp": 312, "quotactl": 179, "acct": 163,
            "process_madvise": 440, "clone3": 435, "iopl": 172}


def chain_of(name, security="", extra="", more=""):
    return f"""apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {{name: {name}}}
spec:
  {f"security: {security}" if security else ""}
  ingress:
  - http: {{path: /*, maxBody: 2Ki}}
  pool: {{memory: 4Mi, bufferSizes: [8Ki]}}
  functions:
  - {{name: intruder, exec: {INTRUDER}, instances: 1{extra}}}
{more}  routes:
  - {{from: ingress, to: intruder}}
  - {{from: intruder, to: reply}}
"""


def pids_of(chain):
    status = chain.status()
    return chain.instance_pid("intruder"), status["gateway"]["pid"]


def status_of(pid):
    return dict(l.split(":\t", 1) for l in Path(f"/proc/{pid}/status").read_text().splitlines()
                if ":\t" in l)


class IsolationTest(ChainTest):
    def try_it(self, deed, chain=None):
        answer = (chain or self.chain).request("POST", "/", deed.encode())
        self.assertEqual(answer.status, 200, answer)
        return answer.body.decode()

    def assertRefused(self, deed, why="", chain=None):
        said = self.try_it(deed, chain)
        self.assertTrue(said.startswith("refused: " + why), f"{deed}: {said}")


class Default(IsolationTest):
    """A chain whose file says nothing about it."""

    @classmethod
    def setUpClass(cls):
        cls.chain = Chain(text=chain_of("inside"))
        cls.addClassCleanup(cls.chain.kill)
        cls.chain.wait_ready()
        cls.other = Chain(text=chain_of("other"))
        cls.addClassCleanup(cls.other.kill)
        cls.other.wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.other.stop()
        cls.chain.stop()

    def test_user_and_rights(self):
        uids = set()
        for chain in (self.chain, self.other):
            for pid in pids_of(chain):
                status = status_of(pid)
                uids.add(status["Uid"])
                self.assertEqual(len(set(status["Uid"].split())), 1)
                self.assertGreaterEqual(int(status["Uid"].split()[0]), 1 << 30)
                self.assertEqual(status["Groups"].strip(), "")
                self.assertEqual(status["NoNewPrivs"], "1")
                self.assertEqual(status["Seccomp"], "2")
                for caps in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                    self.assertEqual(int(status[caps], 16), 0, caps)
        self.assertEqual(len(uids), 4, "functions and gateways of both chains")

    def test_system_calls(self):
        for deed in ("socket 2", "socket 1", "socket 16", "connect", "listen", "ulp", "shutdown",
                     "unshare", "clone", "bpf", "mount /tmp", "setuid 0",
                     f"setuid {os.getuid()}"):
            self.assertRefused(deed, "Operation not permitted")
        for family in (2, 10, 16, 30):
            self.assertRefused(f"pair {family}", "Operation not permitted")
        self.assertTrue(self.try_it("pair 1").startswith("done"))

    @unittest.skipUnless(os.uname().machine == "x86_64", "numbers of calls are x86-64's")
    def test_system_calls_by_number(self):
        for name, number in SYSCALLS.items():
            with self.subTest(name):
                self.assertRefused(f"call {number}", "Function not implemented"
                                   if name == "clone3" else "Operation not permitted")

    def test_sockets_of_the_chain(self):
        """What it was handed is to send and to read, and tells nothing of the machine."""
        for deed in ("peek", "interface"):
            self.assertRefused(deed, "Operation not permitted")

    def test_processes(self):
        inside, gateway = pids_of(self.chain)
        other = pids_of(self.other)
        for pid in (gateway, self.chain.pid, *other, os.getpid(), 1):
            for deed in ("ptrace", "vm", "kill", "pidfd"):
                self.assertRefused(f"{deed} {pid}", "Operation not permitted")
            self.assertRefused(f"write /proc/{pid}/mem")
            self.assertRefused(f"read /proc/{pid}/environ")
            self.assertRefused(f"limit {pid}", "Operation not permitted")
        # Not even its own by that name: the other functions of the chain are its user's, too.
        self.assertRefused(f"limit {inside}", "Operation not permitted")
        self.try_it("kill-all")
        self.assertEqual((inside, gateway), pids_of(self.chain))
        self.assertEqual(other, pids_of(self.other))

    def test_files(self):
        for path in ("/etc/shadow", "/etc/ssh", "/root", "/home", "/proc/1/root/etc/shadow",
                     "/proc/kcore", "/proc/kallsyms", "/dev/mem", "/sys/kernel", "/boot",
                     str(self.other.file), "/run/sprocket", "/var/log"):
            self.assertRefused(f"read {path}")
        for path in ("/x", "/usr/x", "/etc/x", "/run/x", "/dev/x", f"{INTRUDER.parent}/x",
                     "/proc/x", "/tmp/../x"):
            self.assertRefused(f"create {path}")
        self.assertRefused(f"write {INTRUDER}")
        self.assertRefused(f"chmod {INTRUDER}")
        self.assertRefused("device /tmp/mem")

    def test_fds_are_those_of_the_sdk(self):
        pid = pids_of(self.chain)[0]
        kinds = sorted(re.sub(r"[\[(].*", "", os.readlink(fd)).strip()
                       for fd in Path(f"/proc/{pid}/fd").iterdir())
        self.assertEqual(kinds, ["/dev/null", "/memfd:inside", "/memfd:sprocket-instance",
                                 "pipe:", "pipe:", "socket:", "socket:", "socket:"])

    def test_pool_is_not_its_own(self):
        said = self.try_it("shell chmod 666 /proc/$PPID/fd/3; chown $(id -u) /proc/$PPID/fd/3; "
                           "stat -Lc %a /proc/$PPID/fd/3; "
                           "(exec 9<>/proc/$PPID/fd/3) 2>/dev/null && echo opened || echo kept")
        self.assertEqual(said.split(), ["done", "400", "kept"])

    def test_tmp_is_its_own_and_limited(self):
        with tempfile.NamedTemporaryFile(prefix="isolation-") as mine:
            self.assertRefused(f"read {mine.name}", "No such file")
        self.assertTrue(self.try_it("create /tmp/left").startswith("done"))
        self.assertFalse(Path("/tmp/left").exists())
        self.assertRefused("read /tmp/left", "No such file", self.other)
        self.assertLess(int(self.try_it("fill /tmp/full").split()[1]), 17 << 10)

    def test_shell_is_as_confined(self):
        self.assertIn("uid=10", self.try_it("shell id"))
        self.assertIn("denied:", self.try_it(
            "shell cat /etc/shadow /proc/1/environ >/dev/null 2>&1 || echo denied:"))
        self.assertIn("alive", self.try_it(
            f"shell kill -9 {self.chain.pid} {os.getpid()} 2>/dev/null || echo alive"))
        self.assertNotIn("eth", self.try_it("shell cat /proc/self/net/dev || true"))

    def test_network_is_empty(self):
        inside, _ = pids_of(self.chain)
        other, _ = pids_of(self.other)
        spaces = {os.readlink(f"/proc/{pid}/ns/net") for pid in (inside, other, "self")}
        self.assertEqual(len(spaces), 3)
        lines = Path(f"/proc/{inside}/net/dev").read_text().splitlines()[2:]
        self.assertEqual([l.split(":")[0].strip() for l in lines], ["lo"])
        self.assertEqual(lines[0].split()[1], "0")


class Declared(IsolationTest):
    def test_network_host(self):
        with Chain(text=chain_of("open", "{network: host}")) as chain:
            self.assertTrue(self.try_it("socket 2", chain).startswith("done"))
            self.assertRefused("bpf", chain=chain)
            pid, _ = pids_of(chain)
            self.assertEqual(os.readlink(f"/proc/{pid}/ns/net"), os.readlink("/proc/self/ns/net"))

    def test_files(self):
        with tempfile.TemporaryDirectory(prefix="isolation-") as folder:
            shown, kept = Path(folder) / "shown", Path(folder) / "kept"
            for path in (shown, kept):
                path.mkdir()
            kept.chmod(0o777)
            (shown / "a").write_text("for all")
            security = f"{{files: {{read: [{shown}], write: [{kept}]}}}}"
            with Chain(text=chain_of("files", security)) as chain:
                self.assertEqual(self.try_it(f"read {shown}/a", chain), "done\nfor all")
                self.assertRefused(f"create {shown}/b", chain=chain)
                self.assertTrue(self.try_it(f"create {kept}/b", chain).startswith("done"))
            self.assertGreaterEqual((kept / "b").stat().st_uid, 1 << 30)

    def test_files_that_are_not_there(self):
        security = "{files: {read: [/usr, /no/such/models], write: [/no/such/cache]}}"
        with Chain(text=chain_of("absent", security)) as chain:
            told = [line for line in chain.log.lines if "security.files" in line]
        self.assertEqual(len(told), 1, told)
        self.assertIn("/no/such/models is not there", told[0])

    def test_user(self):
        for word, uid in (("keep", os.getuid()), ("nobody", 65534), ("12345", 12345)):
            with Chain(text=chain_of("user", f"{{user: {word}}}")) as chain:
                self.assertEqual(status_of(pids_of(chain)[0])["Uid"].split()[0], str(uid))
                self.assertRefused("socket 2", chain=chain)
                self.assertRefused("mount /tmp", chain=chain)

    def test_user_that_is_none(self):
        with self.assertRaisesRegex(AssertionError, "no such user"):
            with Chain(text=chain_of("user", "{user: nobody-at-all}")):
                pass

    def test_function_over_chain(self):
        extra = ", security: {network: none, allow: []}"
        with Chain(text=chain_of("over", "{network: host, allow: [bpf]}", extra)) as chain:
            self.assertRefused("socket 2", chain=chain)

    def test_program_that_its_user_cannot_read(self):
        with tempfile.TemporaryDirectory(prefix="isolation-") as folder:
            exe = Path(folder) / "mine"
            exe.write_bytes(INTRUDER.read_bytes())
            exe.chmod(0o700)
            text = chain_of("closed").replace(str(INTRUDER), str(exe))
            with self.assertRaisesRegex(AssertionError, "chmod a\\+rx"):
                with Chain(text=text):
                    pass


class Start(IsolationTest):
    """What isolation is made of is made once for a chain, and little of the controller is copied
    to each function."""

    def test_functions_share_what_is_made_once(self):
        with Chain("trio", timeout="5s", instances=1, args=["--verbose"]) as chain:
            pids = [chain.instance_pid(name) for name in ("first", "second", "third")]
            for space in ("mnt", "net"):
                inside = {os.readlink(f"/proc/{pid}/ns/{space}") for pid in pids}
                self.assertEqual(len(inside), 1, space)
                self.assertNotIn(os.readlink(f"/proc/self/ns/{space}"), inside)
            # The gateway begins before the kernel's program is loaded, not after it.
            loaded = float(chain.log.wait(r"phase kernel ([0-9.]+) ms")[1])
            served = float(chain.log.wait(r"the gateway serves, after ([0-9.]+) ms")[1])
            self.assertGreater(served, loaded)

    def test_controller_is_small_to_fork(self):
        with Chain("trio", timeout="5s", instances=1) as chain:
            text = Path(f"/proc/{chain.pid}/smaps").read_text()
            self.assertNotIn("libcurl", text)
            tables = re.findall(r" rw-s .* anon_inode:bpf-map\n(?:\w+: .*\n)*?VmFlags:(.*)\n", text)
            copied = [flags for flags in tables if "dc" not in flags.split()]
            self.assertGreater(len(tables), len(copied))
            self.assertLessEqual(len(copied), 2)  # a page for each of libbpf's rings


class Describe(IsolationTest):
    def test_program_that_is_asked_what_it_declares(self):
        """It runs as a user of its own where root asks, and can do as little."""
        with tempfile.TemporaryDirectory(prefix="isolation-") as folder, \
                tempfile.NamedTemporaryFile(dir=Path.home()) as outside:
            os.chmod(folder, 0o777)
            exe, told = Path(folder) / "nosy", Path(folder) / "told"
            exe.write_text(f"""#!/usr/bin/python3
import os, socket, sys
def attempt(name, do):
    try:
        do()
        open("{told}", "a").write(name + " ")
    except OSError:
        pass
attempt("tmp", lambda: None)
attempt("socket", socket.socket)
attempt("write", lambda: open("{outside.name}", "w").write("x"))
attempt("create", lambda: open("/etc/isolation", "x"))
attempt("read", lambda: open("{outside.name}"))
attempt("shadow", lambda: open("/etc/shadow"))
attempt("root", lambda: os.getuid() and os.stat("/nonexistent"))
attempt("kill", lambda: os.kill({os.getpid()}, 0))
attempt("unshare", lambda: os.chroot("/tmp"))
os.execv("{INTRUDER}", ["nosy"] + sys.argv[1:])
""")
            exe.chmod(0o755)
            file = Path(folder) / "chain.yaml"
            file.write_text(chain_of("nosy").replace(str(INTRUDER), str(exe)))
            done = subprocess.run([BUILD / "controller/sprocket", "validate", file],
                                  capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(told.read_text(), "tmp ")


class Secrets(IsolationTest):
    def test_only_its_own(self):
        with tempfile.TemporaryDirectory(prefix="isolation-") as folder:
            key = Path(folder) / "key"
            key.write_text("hush-4711")
            key.chmod(0o400)
            more = (f"  - {{name: second, exec: {INTRUDER}, instances: 1, "
                    f"secrets: {{db: {key}}}}}\n")
            text = chain_of("secret", extra=f", secrets: {{token: {key}}}", more=more).replace(
                "  - {from: ingress, to: intruder}\n",
                "  - {from: ingress, to: second, when: {path: /second}}\n"
                "  - {from: ingress, to: intruder}\n  - {from: second, to: reply}\n")
            with Chain(text=text) as chain:
                pid, _ = pids_of(chain)
                env = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                self.assertIn(b"SPROCKET_SECRETS=/run/secrets/intruder", env)
                self.assertNotIn(b"hush-4711", b"".join(env))
                self.assertEqual(self.try_it("read /run/secrets/intruder/token", chain),
                                 "done\nhush-4711")
                self.assertRefused("read /run/secrets/second/db", chain=chain)
                self.assertRefused("create /run/secrets/intruder/x", chain=chain)
                info = Path(f"/proc/{pid}/root/run/secrets/intruder/token").stat()
                self.assertEqual(stat.S_IMODE(info.st_mode), 0o400)
                self.assertEqual(str(info.st_uid), status_of(pid)["Uid"].split()[0])
                self.assertNotIn("hush-4711", chain.log.text())

    def test_that_is_not_there(self):
        text = chain_of("secret", extra=", secrets: {token: /nonexistent/key}")
        with self.assertRaisesRegex(AssertionError, "secret token of intruder.*No such file"):
            with Chain(text=text):
                pass


class Daemons(IsolationTest):
    def test_what_is_not_there_is_told_to_who_applies_it(self):
        with Daemon() as daemon:
            for security, extra, said in (
                    ("", ", secrets: {token: /nonexistent/key}", "token of intruder: cannot read"),
                    ("{user: nobody-at-all}", "", "no such user: make one")):
                bad = daemon.apply(chain_of("bad", security, extra), check=False)
                self.assertEqual(bad.returncode, 1)
                self.assertIn(said, bad.stderr)

    def test_user_stays_over_restarts_and_ends_with_the_chain(self):
        with Daemon() as daemon:
            daemon.apply(chain_of("kept"))
            find = lambda: daemon.function("kept", "intruder")["instances"][0]["pid"]
            before = status_of(find())["Uid"]
            daemon.restart()
            poll("it serves", lambda: daemon.status("kept")["phase"] == "Serving")
            killed = find()
            os.kill(killed, signal.SIGKILL)
            # It is listed, as ready, until its death is noticed.
            poll("another serves", lambda: [
                i for i in daemon.function("kept", "intruder")["instances"]
                if i["state"] == "READY" and i["pid"] not in (0, killed)])
            self.assertEqual(status_of(find())["Uid"], before)

    def test_who_left_its_group_ends_with_the_chain(self):
        with Daemon() as daemon:
            daemon.apply(chain_of("leaver"))
            pid = daemon.function("leaver", "intruder")["instances"][0]["pid"]
            uid = status_of(pid)["Uid"].split()[0]
            answer = daemon.request("leaver", "POST", "/",
                                    b"shell setsid sleep 1000 >/dev/null 2>&1 & echo gone")
            self.assertEqual(answer.status, 200, answer)

            def of_user():
                found = subprocess.run(["ps", "-u", uid, "-o", "pid="], capture_output=True,
                                       check=False).stdout.split()
                return [int(p) for p in found]
            poll("it runs", lambda: len(of_user()) > 1)
            daemon.cli("delete", "leaver", check=True)
            poll("nobody is left", lambda: not of_user())

    def test_secret_that_changes_is_a_new_revision(self):
        with Daemon() as daemon:
            key = daemon.folder / "key"
            key.write_text("one")
            text = chain_of("turn", extra=f", secrets: {{token: {key}}}")
            daemon.apply(text)
            ask = lambda: daemon.request("turn", "POST", "/",
                                         b"read /run/secrets/intruder/token").body
            self.assertEqual(ask(), b"done\none")
            key.write_text("second")
            daemon.apply(text)
            self.assertEqual(ask(), b"done\nsecond")

    def test_what_the_daemon_gave_up(self):
        with Daemon() as daemon:
            status = status_of(daemon.process.pid)
            self.assertEqual(status["Seccomp"], "2")
            self.assertEqual(status["NoNewPrivs"], "1")
            for cap in (16, 17, 22, 25):  # modules, raw devices, reboot, clocks
                self.assertFalse(int(status["CapPrm"], 16) >> cap & 1, cap)
            self.assertEqual(int(status_of(daemon.fdstores()[0])["CapPrm"], 16), 0)


if __name__ == "__main__":
    tap.main()
