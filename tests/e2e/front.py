# SPDX-License-Identifier: Apache-2.0
"""front.py - plays the controller of a sprocket-front, and the gateways behind it."""
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

from client import Connection
from harness import BUILD

START, ROUTES, CERTIFICATE, READY, DONE, REFUSED, FAILED = range(1, 8)
PLAIN, TLS, CLIENT_CA = 1, 2, 4
MSG = struct.Struct("=IIIII128s256s")
ROUTE = struct.Struct("=64s108s256s1032sI")
SENTENCE_S = 10


def memfd(data):
    fd = os.memfd_create("front", os.MFD_CLOEXEC)
    os.write(fd, data)
    return fd


class Upstream:
    """A gateway of a chain: `answer(method, path, headers, body)` gives the bytes to send, or
    None to close without a word. Connections are kept."""

    def __init__(self, path, answer):
        self.path, self.answer = str(path), answer
        self.requests, self.accepted, self.open = [], 0, []
        self.lock = threading.Lock()
        self.listen()

    def listen(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(self.path)
        self.sock.listen(128)
        threading.Thread(target=self.accept, args=(self.sock,), daemon=True).start()

    def accept(self, sock):
        while True:
            try:
                conn, _ = sock.accept()
            except OSError:
                return
            with self.lock:
                self.accepted += 1
                self.open.append(conn)
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        try:
            with conn, conn.makefile("rb") as f:
                while line := f.readline():
                    method, path, _ = line.decode("latin-1").split(" ", 2)
                    headers = []
                    while (line := f.readline().decode("latin-1").rstrip("\r\n")):
                        name, value = line.split(":", 1)
                        headers.append((name.lower(), value.strip()))
                    length = int(dict(headers).get("content-length", 0))
                    body = f.read(length)
                    if len(body) < length:
                        return
                    with self.lock:
                        self.requests.append((method, path, headers, body))
                    answer = self.answer(method, path, headers, body)
                    if answer is None:
                        return
                    conn.sendall(answer)
                    if b"connection: close" in answer.split(b"\r\n\r\n", 1)[0].lower():
                        return
        except OSError:
            pass

    def drop(self):
        """Ends all connections."""
        with self.lock:
            for conn in self.open:
                try:
                    conn.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.open.clear()

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.drop()
        os.unlink(self.path)


def named(name):
    """An answer that says which gateway gave it."""
    def answer(method, path, headers, body):
        text = f"{name} {method} {path} {len(body)}".encode()
        head = b"HTTP/1.1 200 OK\r\nx-from: %s\r\ncontent-length: %d\r\n\r\n" % (
            name.encode(), len(text))
        return head if method == "HEAD" else head + text
    return answer


class Front:
    def __init__(self, plain=True, tls=False, workers=1, fds=None):
        """`fds`: RLIMIT_NOFILE of the program, unless it is as it is."""
        self.folder = Path(tempfile.mkdtemp(prefix="front-"))
        self.flags = (PLAIN if plain else 0) | (TLS if tls else 0)
        self.workers, self.number, self.fds = workers, 0, fds
        self.plain = self.listeners() if plain else []
        self.secure = self.listeners() if tls else []
        self.upstreams = {}
        self.start()

    def listeners(self):
        socks, port = [], 0
        for _ in range(self.workers):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            s.bind(("127.0.0.1", port))
            port = s.getsockname()[1]
            socks.append(s)
        for s in socks:
            s.listen(4096)
        return socks

    @property
    def port(self):
        return self.plain[0].getsockname()[1]

    @property
    def tls_port(self):
        return self.secure[0].getsockname()[1]

    def start(self):
        """Starts the program with the listeners there are; also after its death."""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(SENTENCE_S)
        limit = ["prlimit", f"--nofile={self.fds}"] if self.fds else []
        self.process = subprocess.Popen(
            [*limit, BUILD / "gateway/sprocket-front"], pass_fds=[theirs.fileno()],
            env={**os.environ, "SPROCKET_WIRING": str(theirs.fileno())})
        theirs.close()
        self.send(START, [s.fileno() for s in self.plain + self.secure], self.workers, self.flags)
        kind, _, text = self.receive()
        assert kind == READY, text

    def send(self, kind, fds=(), count=0, flags=0):
        msg = MSG.pack(1, kind, flags, self.number, count, b"\xff" * 128, b"")
        socket.send_fds(self.control, [msg], list(fds))

    def receive(self):
        data = self.control.recv(4096)
        if not data:
            return None, 0, "gone"
        _, kind, _, number, _, _, text = MSG.unpack(data)
        return kind, number, text.split(b"\0")[0].decode()

    def update(self, kind, files, count=0, flags=0):
        """Sends bytes in memfds; returns None when all workers use them, or why not."""
        self.number += 1
        fds = [memfd(data) for data in files]
        self.send(kind, fds, count, flags)
        for fd in fds:
            os.close(fd)
        while True:
            answer, number, text = self.receive()
            if answer == DONE and number >= self.number:
                return None
            if answer == REFUSED and number == self.number:
                return text
            assert answer == DONE, (answer, text)

    def routes(self, *routes):
        """Each (chain, host, path[, max_body]); the chain's socket is CHAIN.sock."""
        table = b"".join(
            ROUTE.pack(chain.encode(), str(self.folder / f"{chain}.sock").encode(), host.encode(),
                       path.encode(), *(rest or [65536]))
            for chain, host, path, *rest in routes)
        return self.update(ROUTES, [table], len(routes))

    def certificate(self, cert, key, ca=None):
        files = [Path(p).read_bytes() for p in (cert, key) + ((ca,) if ca else ())]
        return self.update(CERTIFICATE, files, flags=CLIENT_CA if ca else 0)

    def upstream(self, chain, answer=None):
        self.upstreams[chain] = Upstream(self.folder / f"{chain}.sock", answer or named(chain))
        return self.upstreams[chain]

    def connect(self):
        return Connection(self.port)

    def connect_tls(self, ca, cert=None, protocols=("http/1.1",)):
        context = ssl.create_default_context(cafile=ca)
        context.set_alpn_protocols(list(protocols))
        if cert:
            context.load_cert_chain(*cert)
        c = Connection(self.tls_port)
        c.sock = context.wrap_socket(c.sock, server_hostname="localhost")
        return c

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.control.close()
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        for u in self.upstreams.values():
            if u.sock.fileno() >= 0:
                u.close()
        for s in self.plain + self.secure:
            s.close()
        shutil.rmtree(self.folder)
        assert code == 0, f"sprocket-front ended with {code}"
