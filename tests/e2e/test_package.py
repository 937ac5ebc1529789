# SPDX-License-Identifier: Apache-2.0
"""The Debian package: built, looked through, installed here, used, installed again while it
serves, and purged without trace."""
import fcntl
import grp
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

import tap
from client import poll
from daemon import Daemon, Stream
from harness import BUILD, make_folder

SOURCE = Path(__file__).resolve().parents[2]
LOCK = "/run/lock/sprocket-package-test"
BUILD_S = 900
STEP_S = 120
NEEDED = [
    "/etc/default/sprocketd", "/usr/bin/sprocket", "/usr/bin/sprocketd", "/usr/include/sprocket.h",
    "/usr/include/sprocket_test.h", "/usr/lib/systemd/system/sprocketd.service",
    "/usr/lib/systemd/system/sprocket-shutdown.service", "/usr/lib/sysusers.d/sprocket.conf",
    "/usr/libexec/sprocket/sprocket-fdstore", "/usr/libexec/sprocket/sprocket-front",
    "/usr/libexec/sprocket/sprocket-gateway", "/usr/libexec/sprocket/sprocket-inline",
    "/usr/share/bash-completion/completions/sprocket",
    "/usr/share/zsh/vendor-completions/_sprocket", "/usr/share/man/man7/sprocket-metrics.7.gz",
    "/usr/share/sprocket/docs/promises.md", "/usr/share/sprocket/docs/threat-model.md",
    "/usr/share/man/man1/sprocket.1.gz", "/usr/share/man/man3/sp_body.3.gz",
    "/usr/share/man/man5/sprocket-chain.5.gz", "/usr/share/man/man8/sprocketd.8.gz",
    "/usr/share/doc/sprocket/copyright",
]


def step(*command, seconds=STEP_S, **options):
    """Runs a command that must succeed. Returns its output."""
    made = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
                          stdin=subprocess.DEVNULL, **options)
    if made.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {made.returncode}\n"
                             f"{made.stdout}")
    return made.stdout


class Installed(Daemon):
    """The installed sprocketd, in folders of its own: its default ones stay empty."""

    def command(self):
        return ["/usr/bin/sprocketd", *super().command()[1:]]

    def cli(self, *args, check=False, seconds=STEP_S, **more):
        made = subprocess.run(["/usr/bin/sprocket", *map(str, args)], capture_output=True,
                              text=True, timeout=seconds, check=False,
                              env={**os.environ, "SPROCKET_SOCKET": str(self.socket)})
        if check and made.returncode:
            raise AssertionError(f"sprocket {args}: exit {made.returncode}\n{made.stdout}"
                                 f"{made.stderr}{self.report()}")
        return made


def is_installed():
    made = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", "sprocket"],
                          capture_output=True, text=True, check=False)
    return made.returncode == 0 and made.stdout != "not-installed"


def group_exists():
    return any(group.gr_name == "sprocket" for group in grp.getgrall())


@unittest.skipUnless(shutil.which("dpkg-deb") and shutil.which("dpkg-shlibdeps"),
                     "needs dpkg-dev")
class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = make_folder()
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        out = step(SOURCE / "deploy/debian/build-deb", cls.folder / "build", seconds=BUILD_S)
        cls.package = out.splitlines()[-1]
        cls.root = cls.folder / "root"
        step("dpkg-deb", "-R", cls.package, cls.root)
        cls.files = [path for path in cls.root.rglob("*") if "DEBIAN" not in path.parts]

    def named(self, path):
        return "/" + str(path.relative_to(self.root))

    def programs(self):
        for path in self.files:
            if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF":
                yield path

    def test_contents(self):
        names = {self.named(path) for path in self.files}
        for path in NEEDED:
            self.assertIn(path, names)
        for name in ("libsprocket.so.1", "sprocket.pc", "sprocket-test.pc", "libsprocket.a"):
            self.assertTrue([n for n in names if n.endswith("/" + name)], name)
        self.assertFalse([n for n in names if n.startswith("/usr/local")])
        depends = step("dpkg-deb", "-f", self.package, "Depends")
        for package in ("libc6", "libbpf1", "libcurl4"):
            self.assertIn(package, depends)
        self.assertNotIn("librte", depends)  # what is used of DPDK is linked in
        self.assertEqual(step("dpkg-deb", "-f", self.package, "Version").strip(),
                         step(BUILD / "controller/sprocket", "--version").split()[1])

    def test_modes_and_owners(self):
        for line in step("dpkg-deb", "-c", self.package).splitlines():
            mode, owner, *_ = line.split()
            with self.subTest(line):
                self.assertEqual(owner, "root/root")
                self.assertIn(mode, ("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx"))
        for path in self.programs():
            if path.parent.name in ("bin", "sprocket"):
                self.assertTrue(os.access(path, os.X_OK), path)

    def test_no_path_of_the_build_is_left(self):
        for path in self.programs():
            with self.subTest(path.name):
                self.assertNotRegex(step("readelf", "-d", path), r"RPATH|RUNPATH")
        for path in self.files:
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                with self.subTest(self.named(path)):
                    for place in (SOURCE, self.folder):
                        at = data.find(os.fsencode(place) + b"/")
                        self.assertEqual(at, -1, f"{data[at:at + 100]}")

    def test_sums_and_scripts(self):
        step("md5sum", "--quiet", "-c", "DEBIAN/md5sums", cwd=self.root)
        for script in ("postinst", "prerm", "postrm"):
            step("sh", "-n", self.root / "DEBIAN" / script)
            self.assertIn("\nset -e\n", (self.root / "DEBIAN" / script).read_text())

    def test_install_use_purge(self):
        with open(LOCK, "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if is_installed() or Path("/usr/bin/sprocket").exists() or group_exists():
                self.skipTest("sprocket is installed on this machine: it would be removed")
            self.addCleanup(subprocess.run, ["dpkg", "--purge", "sprocket"], check=False,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            step("dpkg", "-i", self.package)
            self.use()
            step("dpkg", "-r", "sprocket")
            self.assertTrue(Path("/etc/default/sprocketd").exists())  # until it is purged
            self.assertFalse(Path("/usr/bin/sprocket").exists())
            step("dpkg", "--purge", "sprocket")
            self.nothing_left()

    def use(self):
        """A user's first minutes."""
        self.assertTrue(group_exists())
        self.assertRegex(step("sprocket", "--version"), r"^sprocket \d+\.\d+")
        folder = make_folder()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        plain = {key: value for key, value in os.environ.items()
                 if key not in ("PKG_CONFIG_PATH", "LD_LIBRARY_PATH", "CFLAGS", "MAKEFLAGS")}
        step("sprocket", "new", "fn", "shout", folder, env=plain)
        self.assertIn("ok", step("make", "-C", folder / "shout", "test", env=plain))
        step("make", "-C", folder / "shout", env=plain)
        self.assertRegex(step(folder / "shout/build/shout", "--describe", env=plain),
                         r'"name": ?"shout"')
        self.assertIn("valid", step("sprocket", "validate", folder / "shout/chain.yaml"))
        self.serve(folder / "shout/chain.yaml")
        page = Path("/usr/share/man/man1/sprocket-run.1.gz")
        if page.exists():  # images of containers leave pages out
            self.assertIn("SYNOPSIS", step("man", "-P", "cat", page,
                                           env={**plain, "LC_ALL": "C.UTF-8"}))

    def serve(self, file):
        """A chain goes on while the package is installed once more, and its daemon replaced."""
        with Installed() as daemon:
            daemon.cli("apply", "-f", file, check=True)
            function = daemon.function("shout", "shout")["instances"][0]["pid"]
            with Stream(daemon.port("shout"), "/shout", body=b"HELLO") as stream:
                step("dpkg", "-i", self.package)
                daemon.restart()
                done = stream.done
                poll("it serves on", lambda: stream.done > done + 20 or stream.failures)
            self.assertEqual(stream.failures, [])
            self.assertEqual(daemon.function("shout", "shout")["instances"][0]["pid"], function)
            self.assertEqual(os.readlink(f"/proc/{daemon.process.pid}/exe"), "/usr/bin/sprocketd")

    def nothing_left(self):
        for path in self.files:
            name = self.named(path)
            # Folders are shared with other packages, but for our own.
            if path.is_symlink() or not path.is_dir() or re.search(r"/sprocket$", name):
                self.assertFalse(os.path.lexists(name), name)
        for path in ("/var/lib/sprocket", "/var/log/sprocket", "/var/lib/dpkg/info/sprocket.list"):
            self.assertFalse(os.path.lexists(path), path)
        self.assertFalse(group_exists())
        self.assertFalse(is_installed())


if __name__ == "__main__":
    tap.main()
