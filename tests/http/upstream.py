# SPDX-License-Identifier: Apache-2.0
"""upstream.py - what stands behind other servers where a function stands behind Sprocket: answers
with what it was given, and remembers it (see tests/functions/witness.c). Reads as RFC 9112 has it;
what it cannot read ends the connection."""
import socket
import threading

BODY_MAX = 65536


class Upstream:
    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.sock.getsockname()[1]
        self.lines = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        try:
            with conn, conn.makefile("rb") as f:
                conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while self.one(conn, f):
                    pass
        except (OSError, ValueError, OverflowError, MemoryError):
            pass

    def one(self, conn, f):
        line = f.readline()
        if not line:
            return False
        method, target, version = line.rstrip(b"\r\n").split(b" ")
        fields = []
        while line := f.readline().rstrip(b"\r\n"):
            name, _, value = line.partition(b":")
            fields.append((name.lower(), value.strip()))
        if dict(fields).get(b"expect", b"").lower() == b"100-continue":
            conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if int(dict(fields).get(b"content-length", 0)) > BODY_MAX:
            conn.sendall(b"HTTP/1.1 413 Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return False
        body = self.body(f, dict(fields))
        self.lines.append(f"{method.decode()} {target.decode('latin-1')}")
        text = b"%s %s\n%s\n%s" % (
            method, target, b"".join(b"%s: %s\n" % nv for nv in fields), body)
        status = int(target[8:11]) if target.startswith(b"/status/") else 200
        bare = status in (204, 304)
        head = b"HTTP/1.1 %d Said\r\n" % status
        if not bare:
            head += b"Content-Length: %d\r\n" % len(text)
        options = dict(fields).get(b"connection", b"").lower()
        close = b"close" in options or (version == b"HTTP/1.0" and b"keep" not in options)
        if close:
            head += b"Connection: close\r\n"
        conn.sendall(head + b"\r\n" + (b"" if bare or method == b"HEAD" else text))
        return not close

    def body(self, f, fields):
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            body = b""
            while size := int(f.readline().split(b";")[0], 16):
                body += f.read(size)
                f.readline()
            while f.readline().rstrip(b"\r\n"):
                pass
            return body
        return f.read(int(fields.get(b"content-length", 0)))

    def close(self):
        self.sock.close()
