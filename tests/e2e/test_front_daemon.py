#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_front_daemon.py - the front of a running sprocketd: chains behind one address, while
chains, gateways, the front and the daemon change and die."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import leftovers
import tap
from client import Connection, poll
from daemon import Daemon, Stream, chain_text
from harness import BUILD, ChainTest, program
from front_cases import Certificates

SLOW = os.environ.get("SPROCKET_SLOW") == "1"


def one(name="one", host=None, path="/in", text="a", memory="16Mi"):
    chain = chain_text("one", name, text=text, start="ok", instances=1, memory=memory,
                       exec=program("probe", BUILD))
    ingress = f"{{path: {path}, maxBody: 2Ki" + (f', host: "{host}"' if host else "") + "}"
    return chain.replace("{path: /in, maxBody: 2Ki}", ingress)


class FrontDaemon(Daemon):
    """A daemon with a front, plain and perhaps TLS."""

    def __init__(self, certs=None, client_ca=False, args=()):
        super().__init__(["--front", "127.0.0.1:0", "--workers", "2", *args])
        if certs:
            self.cert, self.key = self.folder / "cert.pem", self.folder / "key.pem"
            self.use(certs.server)
            self.args += ["--front-tls", "127.0.0.1:0", "--cert", str(self.cert),
                          "--key", str(self.key)]
            if client_ca:
                self.args += ["--client-ca", str(certs.ca)]

    def use(self, pair):
        for path, source in ((self.key, pair[1]), (self.cert, pair[0])):
            shutil.copy(source, f"{path}.new")
            os.rename(f"{path}.new", path)

    def front(self, tls=False):
        return int(self.api("GET", "/v1/version")["frontTls" if tls else "front"].split(":")[1])

    def front_pid(self):
        pids = [p for p in leftovers.marked(self.mark)
                if leftovers.read(f"/proc/{p}/cmdline").startswith(b"sprocket-front")
                and leftovers.alive(p)]
        return pids[0] if len(pids) == 1 else None

    def ask(self, path="/in", body=b"hello", host=None, method="POST", headers=()):
        with Connection(self.front()) as c:
            c.host = host or c.host
            return c.request(method, path, body, headers)


class Behind(ChainTest):
    def config(self, daemon, host=None, path="/in"):
        answer = daemon.ask(path, b"", host, headers={"X-Probe": "config=text"})
        self.assertEqual(answer.status, 200, answer)
        return answer.body.split(b": ")[1].strip().decode()

    def test_three_chains_by_host_and_path(self):
        certs = Certificates()
        with FrontDaemon(certs) as daemon:
            daemon.apply(one("a", "a.example", text="a"))
            daemon.apply(one("b", "*.example", text="b"))
            daemon.apply(one("c", None, "/tree/*", text="c"))
            for host, path, text in (("a.example", "/in", "a"), ("A.Example:9", "/in", "a"),
                                     ("x.example", "/in", "b"), ("x.example", "/tree/y", "c"),
                                     ("other", "/tree/y", "c")):
                self.assertEqual(self.config(daemon, host, path), text)
            self.assertEqual(daemon.ask("/no", host="a.example").status, 404)
            base = ["curl", "-sS", "--max-time", "10", "--cacert", certs.ca, "-w",
                    " %{http_code} %{http_version}", "-d", "x", "-H", "Host: a.example"]
            for args, url, want in (
                    ([], f"http://127.0.0.1:{daemon.front()}/in", "x 200 1.1"),
                    (["--http2-prior-knowledge"], f"http://127.0.0.1:{daemon.front()}/in",
                     "x 200 2"),
                    (["--http2"], f"https://localhost:{daemon.front(True)}/in", "x 200 2"),
                    (["--http1.1"], f"https://localhost:{daemon.front(True)}/in", "x 200 1.1")):
                done = subprocess.run([*base, *args, url], capture_output=True, text=True)
                self.assertEqual(done.stdout, want, done.stderr)
            port, tls = daemon.front(), daemon.front(True)
            self.assertEqual(daemon.status("a")["urls"], [
                f"http://a.example:{port}/in", f"https://a.example:{tls}/in"])
            self.assertEqual(daemon.status("c")["urls"][0], f"http://127.0.0.1:{port}/tree/*")
            self.assertIn(f"http://a.example:{port}/in", daemon.cli("describe", "a").stdout)
            self.assertIn(f"https://a.example:{tls}/in", daemon.cli("get", "-o", "wide").stdout)

    def test_ingress_changes_while_it_serves(self):
        with FrontDaemon() as daemon:
            daemon.apply(one("a", "a.example"))
            gateway = daemon.status("a")["gateway"]["pid"]
            with Stream(daemon.port("a")) as stream:
                for n in range(6):
                    daemon.apply(one("a", f"h{n}.example", f"/p{n}"))
                    self.assertEqual(daemon.ask(f"/p{n}", host=f"h{n}.example").status, 200)
                    if n:
                        self.assertEqual(daemon.ask(f"/p{n - 1}", host=f"h{n - 1}.example").status,
                                         404)
            self.assertEqual(daemon.status("a")["gateway"]["pid"], gateway)

    def test_conflicts_are_refused(self):
        with FrontDaemon() as daemon:
            daemon.apply(one("a", "a.example"))
            done = daemon.apply(one("b", "a.example"), check=False)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn('is taken by chain "a"', done.stderr)
            self.assertEqual(daemon.api("GET", "/v1/chains/b")["http"], 404)
            daemon.apply(one("b", "b.example"))
            done = daemon.apply(one("b", "a.example"), check=False)
            self.assertIn('is taken by chain "a"', done.stderr)
            self.assertEqual(daemon.ask(host="b.example").status, 200)
            daemon.cli("delete", "a", check=True)
            daemon.apply(one("b", "a.example"))
            self.assertEqual(daemon.ask(host="a.example").status, 200)

    def test_two_at_once_do_not_both_get_a_host(self):
        with FrontDaemon() as daemon:
            files = [daemon.write(one(f"c{n}", "a.example"), f"c{n}") for n in range(4)]
            done = [None] * 4

            def work(n):
                done[n] = daemon.cli("apply", "-f", files[n])
            threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join(60)
            self.assertEqual(sorted(d.returncode for d in done), [0, 1, 1, 1], done)
            self.assertEqual(len(daemon.api("GET", "/v1/chains")["items"]), 1)

    def test_deleted_and_drained(self):
        with FrontDaemon() as daemon:
            daemon.apply(one("a", "a.example"))
            daemon.apply(one("b", "b.example"))
            with Connection(daemon.front()) as kept:
                kept.host = "a.example"
                self.assertEqual(kept.request("POST", "/in", b"x").status, 200)
                daemon.cli("drain", "a", check=True)
                answer = poll("drained", lambda: (lambda r: r.status == 503 and r)(
                    kept.request("POST", "/in", b"x")))
                self.assertProblem(answer, 503, "a")
                daemon.restart()
                self.assertProblem(kept.request("POST", "/in", b"x"), 503, "a")
                daemon.apply(one("a", "a.example"))
                self.assertEqual(kept.request("POST", "/in", b"x").status, 200)
                daemon.cli("delete", "a", check=True)
                answer = kept.request("POST", "/in", b"x")
                self.assertEqual((answer.status, answer.json()["reason"]), (404, "no-chain"))
                daemon.cli("drain", "b", check=True)
                daemon.cli("delete", "b", check=True)
                kept.host = "b.example"
                self.assertEqual(kept.request("POST", "/in", b"x").status, 404)

    def test_a_pool_is_replaced_under_load(self):
        rounds = 20 if SLOW else 5
        with FrontDaemon() as daemon:
            daemon.apply(one())
            with Stream(daemon.front()) as behind, Stream(daemon.port("one")) as direct, \
                    Stream(daemon.port("one"), reconnect=True, clients=2) as fresh:
                for n in range(rounds):
                    done = daemon.apply(one(memory=("32Mi", "16Mi")[n % 2]))
                    self.assertIn("one replaced", done.stdout)
                poll("one gateway", lambda: len(gateways(daemon)) == 1, 30)
            for name, stream in (("behind", behind), ("direct", direct), ("fresh", fresh)):
                self.assertEqual(stream.failures, [], f"{name}: of {stream.done}")
                self.assertGreater(stream.done, 20)
            daemon.whole("one")


class Dies(ChainTest):
    def test_the_front_is_killed(self):
        with FrontDaemon() as daemon:
            daemon.apply(one())
            with Stream(daemon.front(), reconnect=True) as stream:
                for _ in range(3):
                    pid = poll("a front", daemon.front_pid)
                    os.kill(pid, signal.SIGKILL)
                    poll("another one", lambda p=pid: daemon.front_pid() not in (None, p))
                    done = stream.done
                    poll("goes on", lambda d=done: stream.done > d + 20)
            self.assertEqual([f for f in stream.failures if "refused" in f.lower()], [])
            self.assertLessEqual(len(stream.failures), 3 * 4)
            self.assertIn("FrontDied", daemon.reasons())

    def test_the_gateway_is_killed(self):
        """Whoever waits gets his answer: a GET is asked again, a POST is not executed twice."""
        with FrontDaemon() as daemon:
            daemon.apply(one())
            with Stream(daemon.front()) as stream:
                for _ in range(3):
                    pid = daemon.status("one")["gateway"]["pid"]
                    os.kill(pid, signal.SIGKILL)
                    poll("another one", lambda p=pid: daemon.status("one")["gateway"]["pid"]
                         not in (p, 0))
                    done = stream.done
                    poll("goes on", lambda d=done: stream.done > d + 20)
            for f in stream.failures:
                self.assertIn("chain-cut-off", f)
            self.assertLessEqual(len(stream.failures), 3 * 4)
            self.assertProblemsOnly(stream)
            daemon.whole("one")

    def assertProblemsOnly(self, stream):
        for f in stream.failures:
            self.assertTrue(f.startswith("<502"), f)

    def test_gets_survive_the_gateway(self):
        with FrontDaemon() as daemon:
            daemon.apply(one())
            failures, count, stop = [], [0], threading.Event()

            def drive():
                with Connection(daemon.front()) as c:
                    while not stop.is_set():
                        answer = c.request("GET", "/in")
                        count[0] += 1
                        if answer.status != 200:
                            failures.append(repr(answer))
            threads = [threading.Thread(target=drive, daemon=True) for _ in range(4)]
            for t in threads:
                t.start()
            for _ in range(4):
                goal = count[0] + 50
                poll("flows", lambda g=goal: count[0] > g)
                pid = daemon.status("one")["gateway"]["pid"]
                os.kill(pid, signal.SIGKILL)
                poll("another one", lambda p=pid: daemon.status("one")["gateway"]["pid"]
                     not in (p, 0))
            stop.set()
            for t in threads:
                t.join(20)
            self.assertEqual(failures, [])

    def test_the_daemon_is_killed(self):
        with FrontDaemon() as daemon:
            daemon.apply(one())
            port, pid = daemon.front(), daemon.front_pid()
            with Stream(port) as stream, Stream(port, reconnect=True, clients=2) as fresh:
                for _ in range(3):
                    daemon.restart()
                    done = stream.done
                    poll("goes on", lambda d=done: stream.done > d + 20)
            self.assertEqual((daemon.front(), daemon.front_pid()), (port, pid))
            self.assertEqual(stream.failures + fresh.failures, [])

    def test_daemon_and_front_are_killed(self):
        with FrontDaemon() as daemon:
            daemon.apply(one())
            port = daemon.front()
            daemon.kill()
            pid = daemon.front_pid()
            os.kill(pid, signal.SIGKILL)
            with Connection(port) as waiting:
                waiting.send("POST", "/in", b"patience")
                daemon.start()
                self.assertEqual(waiting.receive().body, b"patience")
            self.assertEqual(daemon.front(), port)

    def test_the_fdstore_is_killed(self):
        with FrontDaemon() as daemon:
            daemon.apply(one())
            port, pid = daemon.front(), daemon.front_pid()
            store = daemon.fdstores()
            os.kill(store[0], signal.SIGKILL)
            poll("another store", lambda: daemon.fdstores() not in ([], store))
            poll("it is told", lambda: "FdstoreDied" in daemon.reasons())
            daemon.restart()
            self.assertEqual((daemon.front(), daemon.front_pid()), (port, pid))
            self.assertEqual(daemon.ask().status, 200)

    def test_other_addresses(self):
        certs = Certificates()
        with FrontDaemon(certs) as daemon:
            daemon.apply(one())
            old, old_tls = daemon.front(), daemon.front(True)
            args = list(daemon.args)
            with Connection(old) as kept:
                self.assertEqual(kept.request("POST", "/in", b"x").status, 200)
                daemon.args = args[:4]  # no TLS any more
                daemon.restart()
                self.assertEqual(daemon.api("GET", "/v1/version")["frontTls"], "")
                self.assertEqual(daemon.ask().status, 200)
                poll("the old front ends", lambda: daemon.front_pid() is not None, 15)
                for port in (old, old_tls):
                    if port != daemon.front():
                        with self.assertRaises(ConnectionRefusedError):
                            Connection(port)
            # The same address with more workers: it is the front's own, nobody else's.
            with socket.create_server(("127.0.0.1", 0)) as s:
                fixed = s.getsockname()[1]
            daemon.args = ["--front", f"127.0.0.1:{fixed}", "--workers", "1"]
            daemon.restart()
            with Stream(fixed) as stream:
                for workers in ("2", "3"):
                    daemon.args[3] = workers
                    daemon.restart()
                    self.assertEqual(daemon.front(), fixed)
                    self.assertEqual(daemon.ask().status, 200)
                poll("the old front ends", lambda: daemon.front_pid() is not None, 15)
            self.assertEqual(stream.failures, [])
            daemon.args = []
            daemon.restart()
            self.assertEqual(daemon.api("GET", "/v1/version")["front"], "")
            poll("no front", lambda: daemon.front_pid() is None, 15)
            self.assertEqual(daemon.request("one", body=b"x").status, 200)


class Certified(ChainTest):
    def test_a_certificate_is_replaced_under_load(self):
        certs = Certificates()
        context = ssl.create_default_context(cafile=certs.ca)
        context.check_hostname = False

        class TlsStream(Stream):
            def one(self, connection):
                if connection is None:
                    connection = Connection(self.port)
                    connection.sock = context.wrap_socket(connection.sock)
                return super().one(connection)

        with FrontDaemon(certs) as daemon:
            daemon.apply(one())
            port = daemon.front(True)
            with TlsStream(port) as kept, TlsStream(port, reconnect=True, clients=2) as fresh:
                for n in range(20):
                    pair = (certs.other, certs.server)[n % 2]
                    daemon.use(pair)
                    want = ssl.PEM_cert_to_DER_cert(pair[0].read_text())

                    def shown():
                        with context.wrap_socket(Connection(port).sock) as s:
                            return s.getpeercert(True)
                    poll("the new one is shown", lambda: shown() == want)
            self.assertEqual(kept.failures + fresh.failures, [])
            daemon.cert.write_text("no certificate")
            poll("it is told", lambda: "FrontCertificateRefused" in daemon.reasons())
            self.assertEqual(shown(), want)
            # Refused it stays, also for the next front and the next daemon.
            os.kill(daemon.front_pid(), signal.SIGKILL)
            self.assertEqual(shown(), want)

    def test_clients_need_a_certificate(self):
        certs = Certificates()
        with FrontDaemon(certs, client_ca=True) as daemon:
            daemon.apply(one())
            url = f"https://localhost:{daemon.front(True)}/in"
            base = ["curl", "-sS", "--max-time", "10", "--cacert", str(certs.ca), "-d", "x",
                    "-w", " %{http_code}", "-H", "X-Probe: headers"]
            done = subprocess.run([*base, url], capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            done = subprocess.run([*base, "--cert", str(certs.client[0]), "--key",
                                   str(certs.client[1]), url], capture_output=True, text=True)
            self.assertEqual(done.stdout[-3:], "200", done)
            self.assertIn("x-client-cert-subject: CN=camera", done.stdout)


def gateways(daemon):
    return [p for p in leftovers.marked(daemon.mark)
            if leftovers.read(f"/proc/{p}/cmdline").startswith(b"sprocket-gateway")]


if __name__ == "__main__":
    tap.main()
