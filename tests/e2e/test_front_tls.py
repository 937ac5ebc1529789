#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_front_tls.py - the front with TLS: protocols, clients' certificates, and its own replaced
meanwhile."""
import contextlib
import ssl
import subprocess

import tap
from client import Connection
from front import Front
from front_cases import Certificates, FrontTest, Load, headers_of
from h2 import PREFACE


class Tls(FrontTest):
    @classmethod
    def setUpClass(cls):
        cls.certs = Certificates()

    @classmethod
    def tearDownClass(cls):
        cls.certs.temp.cleanup()

    def curl(self, front, *args):
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "10", "--cacert", self.certs.ca, "-w",
             "\n%{http_code} %{http_version}", *args, f"https://localhost:{front.tls_port}/x"],
            capture_output=True, text=True)
        return done.stdout.split("\n")[-1] if done.returncode == 0 else done.stderr

    def test_http1_http2_and_old_protocols(self):
        with Front(tls=True, workers=2) as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*"))
            self.assertIsNone(front.certificate(*self.certs.server))
            self.assertEqual(self.curl(front, "--http2"), "200 2")
            self.assertEqual(self.curl(front, "--http1.1"), "200 1.1")
            self.assertEqual(self.curl(front, "--http2", "-d", "x" * 50000), "200 2")
            self.assertEqual(headers_of(one.requests[0])["x-forwarded-proto"], "https")
            self.assertRegex(headers_of(one.requests[0])["host"], r"^localhost:\d+$")
            self.assertIn("(35)", self.curl(front, "--tls-max", "1.1"))
            with Connection(front.tls_port) as c:
                c.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertTrue(c.closed())
            h2c = subprocess.run(
                ["curl", "-sS", "--http2-prior-knowledge", "-w", " %{http_version}",
                 f"http://127.0.0.1:{front.port}/y"], capture_output=True, text=True)
            self.assertEqual(h2c.stdout, "one GET /y 0 2")

    def closing(self, front, protocol, begin):
        """A connection that has sent `begin` and close_notify, and is open."""
        context = ssl.create_default_context(cafile=self.certs.ca)
        context.set_alpn_protocols([protocol])
        to_us, from_us = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(to_us, from_us, server_hostname="localhost")
        c = Connection(front.tls_port)
        for step in tls.do_handshake, lambda: tls.write(begin):
            while True:
                try:
                    step()
                    break
                except ssl.SSLWantReadError:
                    c.write(from_us.read())
                    to_us.write(c.sock.recv(65536))
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()
        c.write(from_us.read())
        return c, tls, to_us

    def test_what_comes_behind_the_end_is_not_kept(self):
        """close_notify, and then as many bytes as there is time for."""
        with Front(tls=True) as front:
            front.upstream("one")
            front.routes(("one", "", "/*"))
            front.certificate(*self.certs.server)
            for protocol, begin in (("http/1.1", b"GET /x HT"), ("h2", PREFACE)):
                c, _, _ = self.closing(front, protocol, begin)
                with c, self.assertRaises(OSError, msg=protocol):
                    for _ in range(64):
                        c.write(bytes(1 << 20))

    def test_a_request_before_the_end_is_answered(self):
        with Front(tls=True) as front:
            front.upstream("one")
            front.routes(("one", "", "/*"))
            front.certificate(*self.certs.server)
            c, tls, to_us = self.closing(front, "http/1.1", b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            with c:
                got = b""
                while b"one GET /x 0" not in got:
                    to_us.write(c.sock.recv(65536))
                    with contextlib.suppress(ssl.SSLWantReadError):
                        while True:
                            got += tls.read(65536)

    def test_another_protocol_is_refused(self):
        with Front(plain=False, tls=True) as front:
            front.upstream("one")
            front.routes(("one", "", "/*"))
            front.certificate(*self.certs.server)
            for names in ("smtp",), ("h3", "ftp"):
                with self.assertRaises(OSError):
                    front.connect_tls(self.certs.ca, protocols=names)
            for names in ("ftp", "http/1.1"), ():
                with front.connect_tls(self.certs.ca, protocols=names) as c:
                    self.assertEqual(c.request("GET", "/x").status, 200)

    def test_http2_headers_that_are_in_no_table(self):
        """Many of them, empty ones and long ones; and a client without a table."""
        for timings, id_size in ((1, 0), (2, 32), (4, 127), (9, 9000)):
            fields = [("x-first", "1"), ("x-request-id", "i" * id_size), ("traceparent", "t"),
                      *(("server-timing", f"s{n}") for n in range(timings)), ("x-last", "2")]
            text = "".join(f"{name}: {value}\r\n" for name, value in fields)
            with Front() as front:
                front.upstream("one", lambda *_, head=text: (
                    f"HTTP/1.1 200 OK\r\n{head}content-length: 2\r\n\r\nok").encode())
                front.routes(("one", "", "/*"))
                url = f"http://127.0.0.1:{front.port}/"
                done = subprocess.run(["curl", "-sS", "-i", "--http2-prior-knowledge", url],
                                      capture_output=True, text=True)
                self.assertIn("HTTP/2 200", done.stdout)
                lines = done.stdout.split("\n")
                for name in {name for name, _ in fields}:  # in order
                    self.assertEqual([line for line in lines if line.startswith(name + ":")],
                                     [f"{n}: {value}" for n, value in fields if n == name])
                done = subprocess.run(["h2load", "-n", "20", "-c", "2", "--header-table-size=0",
                                       url], capture_output=True, text=True)
                self.assertIn("20 succeeded, 0 failed, 0 errored", done.stdout)

    def test_two_chains_on_one_connection(self):
        with Front(plain=False, tls=True) as front:
            for name in ("a", "b"):
                front.upstream(name)
            front.routes(("a", "", "/a/*"), ("b", "", "/b/*"))
            front.certificate(*self.certs.server)
            with front.connect_tls(self.certs.ca) as c:
                for name in "abba":
                    self.assertEqual(self.from_chain(c, "h", f"/{name}/x"), name)

    def test_a_certificate_is_replaced_under_load(self):
        with Front(tls=True, workers=2) as front:
            front.upstream("one")
            front.routes(("one", "", "/*"))
            front.certificate(*self.certs.server)
            load = Load(lambda: front.connect_tls(self.certs.ca),
                        lambda c: self.from_chain(c, "h", "/", "POST", b"x"))
            with front.connect_tls(self.certs.ca) as kept:
                for i in range(20):
                    cert = (self.certs.server, self.certs.other)[i % 2]
                    self.assertIsNone(front.certificate(*cert))
                    with front.connect_tls(self.certs.ca) as c:
                        self.assertEqual(
                            c.sock.getpeercert(True),
                            ssl.PEM_cert_to_DER_cert(cert[0].read_text()))
                self.assertEqual(self.from_chain(kept, "h", "/"), "one")
            load.more(100)
            self.assertEqual(load.end(), [])

    def test_a_wrong_certificate_changes_nothing(self):
        server, other = self.certs.server, self.certs.other
        with Front(tls=True) as front:
            front.upstream("one")
            front.routes(("one", "", "/*"))
            front.certificate(*server)
            for wrong, why in (((server[0], other[1]), "belong together|not the certificate's"),
                               ((server[1], server[1]), "certificate file is not"),
                               ((server[0], server[0]), "key file is not"),
                               (("/dev/null", server[1]), "certificate file is not"),
                               ((*server, server[1]), "client authorities")):
                self.assertRegex(front.certificate(*wrong) or "", why)
            self.assertEqual(self.curl(front), "200 2")

    def test_clients_need_a_certificate(self):
        with Front(tls=True) as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*"))
            self.assertIsNone(front.certificate(*self.certs.server, self.certs.ca))
            cert = ("--cert", self.certs.client[0], "--key", self.certs.client[1])
            forged = ("-H", "X-Client-Cert-Subject: CN=admin")
            self.assertEqual(self.curl(front, *cert, *forged), "200 2")
            self.assertEqual(self.curl(front, "--http1.1", *cert), "200 1.1")
            for request in one.requests:
                subjects = [v for n, v in request[2] if n == "x-client-cert-subject"]
                self.assertEqual(subjects, ["CN=camera\\, left,O=Plant \\C3\\A9 7"])
            self.assertRegex(self.curl(front), "curl: ")
            self.assertIsNone(front.certificate(*self.certs.server, self.certs.stranger_ca))
            self.assertRegex(self.curl(front, *cert), "curl: ")
            self.assertIsNone(front.certificate(*self.certs.server))
            self.assertEqual(self.curl(front, *forged), "200 2")
            self.assertNotIn("x-client-cert-subject", headers_of(one.requests[-1]))
            self.assertEqual(len(one.requests), 3)

    def test_a_session_is_resumed_with_its_client(self):
        with Front(tls=True) as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*"))
            front.certificate(*self.certs.server, self.certs.ca)
            context = ssl.create_default_context(cafile=self.certs.ca)
            context.load_cert_chain(*self.certs.client)
            session = None
            for reused in (False, True):
                c = Connection(front.tls_port)
                c.sock = context.wrap_socket(c.sock, server_hostname="localhost", session=session)
                with c:
                    self.assertEqual(self.from_chain(c, "h", "/"), "one")
                    self.assertEqual(c.sock.session_reused, reused)
                    session = c.sock.session
            self.assertEqual(headers_of(one.requests[0])["x-client-cert-subject"],
                             headers_of(one.requests[1])["x-client-cert-subject"])


if __name__ == "__main__":
    tap.main()
