# SPDX-License-Identifier: Apache-2.0
"""front_cases.py - what the tests of the front share: certificates, load, checks of an answer."""
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from client import poll


def headers_of(request):
    return dict(request[2])


class Certificates:
    """An authority, a server's certificate and another one, and a client's."""

    def __init__(self):
        self.temp = tempfile.TemporaryDirectory()
        self.folder = Path(self.temp.name)
        self.ca = self.authority("ca")
        self.server = self.signed("server", "/CN=localhost", "subjectAltName=DNS:localhost")
        self.other = self.signed("other", "/CN=localhost", "subjectAltName=DNS:localhost")
        self.client = self.signed("client", "/O=Plant \xe9 7/CN=camera, left", "keyUsage=digitalSignature")
        self.stranger_ca = self.authority("stranger-ca")

    def openssl(self, *args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=self.folder)

    def authority(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", 2,
                     "-subj", f"/CN={name}")
        return self.folder / f"{name}.pem"

    def signed(self, name, subject, extension):
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-utf8", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        (self.folder / f"{name}.ext").write_text(extension)
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                     "-CAcreateserial", "-days", 2, "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"


class Load:
    """Requests from some threads, each on its kept connection, until told to stop."""

    def __init__(self, connect, ask, threads=4):
        self.connect, self.ask, self.failures, self.count = connect, ask, [], 0
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]
        for t in self.threads:
            t.start()

    def run(self):
        try:
            while not self.stop.is_set():
                with self.connect() as c:
                    for _ in range(20):
                        self.ask(c)
                        self.count += 1
        except Exception as e:  # whatever it is, it is a failure
            self.failures.append(repr(e))

    def more(self, count):
        goal = self.count + count
        poll("more requests", lambda: self.failures or self.count >= goal, 20)

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(20)
        return self.failures


class FrontTest(unittest.TestCase):
    def problem(self, answer, status, reason, chain=None):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.header("content-type"), "application/problem+json")
        document = answer.json()
        self.assertEqual(document["reason"], reason)
        self.assertEqual(document.get("chain"), chain)
        self.assertTrue(answer.header("x-request-id"))

    def from_chain(self, c, host, path, method="GET", body=None):
        c.host = host
        answer = c.request(method, path, body)
        self.assertEqual(answer.status, 200, answer)
        return answer.header("x-from")
