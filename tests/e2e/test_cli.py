# SPDX-License-Identifier: Apache-2.0
"""The command: several runs at once, bad arguments, missing rights, missing hugepages, odd
places; each error says what to do."""
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import leftovers
import tap
from cli import CliTest, chain_text
from harness import BUILD, Chain, program, run
from hostile import hostile_chain

READ_ONLY_SYSCTL = ("unshare", "-m", "sh", "-c",
                    'mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && '
                    'mount --bind /sys/kernel/mm /sys/kernel/mm && '
                    'mount -o remount,ro,bind /sys/kernel/mm && exec "$@"', "sh")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")


def copy_build(target):
    """What is needed of the build tree, elsewhere; objects stay behind."""
    shutil.copytree(BUILD, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(
        "*.p", "*.a", "*.o", "meson-*", ".ninja*", "*.ninja", "*.json", "unit", "*.h"))
    return target


class Runs(CliTest):
    def test_two_at_once(self):
        with Chain("echo") as one, Chain("echo") as two:
            self.assertNotEqual(one.port, two.port)
            for n in range(50):
                for chain in (one, two):
                    self.assertEqual(chain.request(body=b"%d" % n).body, b"%d" % n)
            one.stop()
            self.assertEqual(two.request(body=b"alone").body, b"alone")

    def test_port_in_use(self):
        with Chain("echo") as one:
            file = self.write(chain_text())
            self.fails(1, rf"127\.0\.0\.1:{one.port}.*in use", "run", file, "--listen",
                       f"127.0.0.1:{one.port}")
            self.assertEqual(one.request(body=b"mine").body, b"mine")

    def test_port_in_use_by_another_program(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.fails(1, rf"{port}.*in use", "run", self.write(chain_text()), "--listen",
                       f"127.0.0.1:{port}")

    def test_port_is_free_again_at_once(self):
        with Chain("echo") as one:
            one.request(body=b"x")
            listen = f"127.0.0.1:{one.port}"
        with Chain("echo", listen=listen) as two:
            self.assertEqual(two.request(body=b"x").body, b"x")

    def test_first_answer_within_a_second_and_a_half(self):
        took = []
        for _ in range(3):
            began = time.monotonic()
            with Chain("echo") as chain:
                self.assertEqual(chain.request(body=b"x").body, b"x")
                took.append(time.monotonic() - began)
        self.assertLess(sorted(took)[1], 1.5, took)

    def test_workers(self):
        with Chain("echo", args=("--workers", "3")) as chain:
            self.assertEqual(len(chain.instances("only")), 3)
            for n in range(60):
                self.assertEqual(chain.request(body=b"%d" % n).body, b"%d" % n)
            chain.wait_idle(leases=True)

    def test_curl_line_works(self):
        with Chain("echo") as chain:
            line = chain.out.wait(r"(curl .*http://\S+.*)")
            done = subprocess.run(["sh", "-c", line[1]], capture_output=True, text=True,
                                  timeout=20, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(" 200", done.stdout)

    def test_logs_bear_the_function_name(self):
        with hostile_chain(name="logs") as chain:
            chain.request("POST", "/", b"x", {"x-attack": "log", "x-at": "bad", "x-value": "1"})
            self.assertTrue(chain.log.wait(r"^\W*bad\b.*end of noise"), chain.report())

    def test_path_with_spaces(self):
        place = self.folder / "a path  with 'spaces' and \u00fc"
        build = copy_build(place / "build tree")
        with Chain("echo", build=build, folder_suffix=" also here") as chain:
            self.assertEqual(chain.request(body=b"x").body, b"x")

    def test_relative_exec_is_taken_from_the_file(self):
        file = self.write(chain_text("./my function"))
        (self.folder / "my function").symlink_to(program("hostile"))
        self.assertEqual(run("validate", file).returncode, 0)
        text = file.read_text().replace("./my function", f"{self.folder}/my function")
        with Chain(text=text) as chain:
            self.assertEqual(chain.request(body=b"x").body, b"x")


class Rights(CliTest):
    def test_without_root(self):
        build = copy_build(self.folder / "build")
        file = self.write(chain_text(program("hostile", build)))
        done = self.fails(4, r"(?i)root|sudo|cap_", "run", file, "--listen", "127.0.0.1:0",
                          build=build, command=NOBODY)
        self.assertRegex(done.stderr, r"(?i)sudo|setcap")

    def test_without_capabilities(self):
        """Root in name only, as in a container."""
        self.fails(4, r"(?i)cap_", "run", self.write(chain_text()), "--listen", "127.0.0.1:0",
                   command=("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"))

    def test_validate_needs_no_root(self):
        build = copy_build(self.folder / "build")
        file = self.write(chain_text(program("hostile", build)))
        done = run("validate", file, build=build, command=NOBODY)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_doctor_without_root_says_so(self):
        build = copy_build(self.folder / "build")
        done = run("doctor", build=build, command=NOBODY)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stdout, r"(?i)sudo|root|cap_")


class Hugepages(CliTest):
    def gateway_maps(self, chain):
        return leftovers.read(f"/proc/{chain.status()['gateway']['pid']}/smaps").decode()

    def need_none(self):
        if leftovers.hugepages_to_be_had():
            self.skipTest("this machine has hugepages reserved: none must be to be had")
        if subprocess.run([*READ_ONLY_SYSCTL, "true"], capture_output=True, check=False).returncode:
            self.skipTest("no mount namespace to be had here (a chroot?): limits stay writable")

    def test_never(self):
        with Chain(text=chain_text(hugepages="never")) as chain:
            self.assertNotIn("KernelPageSize:     2048 kB", self.gateway_maps(chain))
            self.assertEqual(chain.request(body=b"x").body, b"x")

    def test_used_when_they_can_be_had(self):
        with Chain(text=chain_text(hugepages="required")) as chain:
            self.assertIn("KernelPageSize:     2048 kB", self.gateway_maps(chain))
            self.assertEqual(chain.request(body=b"x").body, b"x")

    def test_auto_without_any(self):
        """One clear warning, then ordinary pages."""
        self.need_none()
        with Chain(text=chain_text(hugepages="auto"), command=READ_ONLY_SYSCTL) as chain:
            self.assertEqual(chain.request(body=b"x").body, b"x")
            told = [line for line in chain.log.lines if "hugepages" in line]
            self.assertEqual(len(told), 1, told)
            self.assertRegex(told[0], r"nr_hugepages|nr_overcommit")

    def test_required_without_any(self):
        self.need_none()
        self.fails(1, r"hugepages[\s\S]*(nr_hugepages|nr_overcommit)", "run",
                   self.write(chain_text(hugepages="required")), "--listen", "127.0.0.1:0",
                   command=READ_ONLY_SYSCTL)

    def test_more_than_the_machine_has(self):
        text = chain_text(hugepages="required").replace("8Mi", "900Gi").replace("2Ki", "1Mi")
        self.fails(1, r"(?i)memory|hugepages", "run", self.write(text), "--listen",
                   "127.0.0.1:0")


class Arguments(CliTest):
    def test_no_command(self):
        self.fails(2, r"usage: sprocket")

    def test_unknown_command(self):
        self.fails(2, r'Did you mean "run"', "rum")

    def test_help(self):
        for args in (["--help"], ["run", "--help"], ["validate", "--help"], ["doctor", "--help"],
                     ["new", "--help"]):
            done = run(*args)
            self.assertEqual(done.returncode, 0, (args, done.stderr))
            self.assertIn("usage: sprocket", done.stdout)

    def test_version(self):
        self.assertRegex(run("--version").stdout, r"^sprocket \d+\.\d+\.\d+")

    def test_bad_arguments(self):
        file = self.write(chain_text())
        for args in (["run"], ["run", file, file], ["run", file, "--workers", "0"],
                     ["run", file, "--workers", "many"], ["run", file, "--workers", "33"],
                     ["run", file, "--cpus", "x"], ["run", file, "--cpus", "999"],
                     ["run", file, "--bogus"], ["run", file, "--listen"], ["validate"],
                     ["new"], ["new", "fn"], ["doctor", "--bogus"]):
            with self.subTest(args=args):
                self.fails(2, r"\S", *args)

    def test_bad_addresses(self):
        file = self.write(chain_text())
        for listen in ("", "nonsense", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", ":x",
                       "1.2.3.4.5:80", "127.0.0.1:-1"):
            with self.subTest(listen=listen):
                before = run("run", file, "--listen", listen, seconds=15)
                self.assertIn(before.returncode, (1, 2), before.stderr)
                self.assertTrue(before.stderr.strip())

    def test_address_of_another_machine(self):
        self.fails(1, r"192\.0\.2\.1", "run", self.write(chain_text()), "--listen",
                   "192.0.2.1:8080")

    def test_missing_file(self):
        done = run("run", self.folder / "none.yaml")
        self.assertIn(done.returncode, (1, 3))
        self.assertRegex(done.stderr, r"none\.yaml.*No such file")

    def test_file_that_is_no_chain(self):
        for text in ("", "{", "a: b", "\0\0\0", "- 1\n", "kind: Chain\n", "\t:\n"):
            file = self.write(text)
            for command in ("run", "validate"):
                done = run(command, file)
                self.assertIn(done.returncode, (1, 3), (text, done.stderr))
                self.assertRegex(done.stderr + done.stdout, rf"{re.escape(str(file))}")

    def test_every_error_at_once(self):
        text = chain_text().replace("path: /cli", "paht: /cli").replace(
            "[one]", "[onne]").replace("8Mi", "many")
        done = run("validate", self.write(text))
        self.assertNotEqual(done.returncode, 0)
        said = done.stderr + done.stdout
        for part in (r":\d+:\d+: .*paht", r'onne.*[Dd]id you mean "one"', "many"):
            self.assertRegex(said, part)
        self.assertEqual(run("run", self.folder / "chain.yaml").returncode, 3)


class Doctor(CliTest):
    def test_says_that_this_machine_is_fit(self):
        done = run("doctor")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("FAIL", done.stdout)

    def test_nothing_to_clean(self):
        run("doctor", "--clean")
        self.assertEqual(run("doctor", "--clean").returncode, 0)

    def test_clean_leaves_a_living_run_alone(self):
        with Chain("echo") as chain:
            run("doctor", "--clean")
            self.assertEqual(chain.request(body=b"x").body, b"x")


class New(CliTest):
    def test_function_builds_tests_and_runs_against_the_installed_sdk(self):
        root = self.folder / "root"
        done = subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet",
                               "--destdir", str(root)], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        config = next(root.rglob("sprocket.pc"))
        library = next(root.rglob("libsprocket.so*"), None)
        command = next(p for p in root.rglob("sprocket") if p.is_file() and os.access(p, os.X_OK))
        env = {**os.environ, "PKG_CONFIG_PATH": str(config.parent),
               "PKG_CONFIG_SYSROOT_DIR": str(root),
               "LD_LIBRARY_PATH": str(library.parent) if library else "",
               "PATH": f"{command.parent}:{os.environ['PATH']}"}

        def sh(text, cwd=self.folder):
            done = subprocess.run(["sh", "-ec", text], cwd=cwd, env=env, capture_output=True,
                                  text=True, timeout=120, check=False)
            self.assertEqual(done.returncode, 0, f"{text}\n{done.stdout}{done.stderr}")
            return done.stdout
        sh("sprocket new fn greeter")
        made = self.folder / "greeter"
        files = {p.name for p in made.rglob("*")}
        self.assertTrue({f for f in files if f.endswith(".c")}, files)
        if (made / "Makefile").exists():
            sh("make && make test", made)
        else:
            sh("meson setup build && meson test -C build --print-errorlogs", made)
        self.assert_runs(made, env, command)
        self.assertEqual(run("new", "fn", "greeter", cwd=self.folder).returncode, 1,
                         "what is there is not overwritten")

    def assert_runs(self, made, env, command):
        file = next(p for p in made.rglob("*.yaml") if "build" not in p.relative_to(made).parts)
        wanted = {k: env[k] for k in ("LD_LIBRARY_PATH", "PATH")}
        text = file.read_text()
        for exec_path in re.findall(r"exec:\s*\"?([^\s,}\"]+)", text):
            text = text.replace(exec_path, str((file.parent / exec_path).resolve()))
        chain = Chain(text=text, env=wanted, command=("env",))
        with chain:
            self.assertEqual(chain.request(body=b"hello").status, 200)

    def test_bad_names(self):
        for name in ("", "../up", "a/b", "has space", "1st", "-x", "x" * 200):
            done = run("new", "fn", "--", name, cwd=self.folder)
            self.assertIn(done.returncode, (1, 2), name)
            self.assertTrue(done.stderr.strip())
        self.assertEqual(list(Path(self.folder).iterdir()), [])


if __name__ == "__main__":
    tap.main()
