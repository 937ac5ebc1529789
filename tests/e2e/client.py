# SPDX-License-Identifier: Apache-2.0
"""client.py - an HTTP/1.1 client that hides nothing.

The tests must say byte by byte what is sent and see what comes back, in which order, and when
a connection ends; so it works on a plain socket and has no retries.
"""
import json
import re
import socket
import time


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # list of (name in lower case, value)
        self.body = body

    def header(self, name):
        """Value of a header field, None when absent; an error when it comes twice."""
        values = [v for n, v in self.headers if n == name.lower()]
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class Closed(Exception):
    """The server closed the connection where an answer was due."""


class Connection:
    def __init__(self, port, host="127.0.0.1", timeout=20):
        self.sock = socket.create_connection((host, port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = f"{host}:{port}"
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Ends the connection by RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def write(self, data):
        self.sock.sendall(data)

    def send(self, method, path, body=None, headers=(), chunks=None):
        """Sends a request; `chunks` (a list of bytes) sends it in chunked coding."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{n}: {v}" for n, v in dict(headers).items()]
        if chunks is not None:
            lines.append("Transfer-Encoding: chunked")
            body = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks if c) + b"0\r\n\r\n"
        elif body is not None:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.write(head + (body or b""))

    def more(self):
        data = self.sock.recv(262144)
        if not data:
            raise Closed(f"after {self.buffer[:200]!r}")
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def take(self, count):
        parts, have = [self.buffer], len(self.buffer)
        while have < count:
            data = self.sock.recv(262144)
            if not data:
                raise Closed(f"{have} of {count} bytes")
            parts.append(data)
            have += len(data)
        data = b"".join(parts)
        self.buffer = data[count:]
        return data[:count]

    def receive(self, method="POST"):
        """Reads one answer (after those of status 1xx)."""
        while True:
            head = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            match = re.fullmatch(r"HTTP/1\.1 (\d{3})( .*)?", head[0])
            assert match, f"status line {head[0]!r}"
            status = int(match[1])
            if status >= 200:
                break
        headers = []
        for line in head[1:]:
            name, value = line.split(":", 1)
            headers.append((name.lower(), value.strip()))
        answer = Response(status, headers, b"")
        if method == "HEAD" or status in (204, 304):
            return answer
        if "chunked" in (answer.header("transfer-encoding") or ""):
            answer.body = self.take_chunks()
        elif answer.header("content-length") is not None:
            answer.body = self.take(int(answer.header("content-length")))
        else:
            answer.body = self.take_rest()
        return answer

    def take_chunks(self):
        body = b""
        while size := int(self.until(b"\r\n"), 16):
            body += self.take(size)
            assert self.take(2) == b"\r\n"
        assert self.until(b"\r\n") == b""
        return body

    def take_rest(self):
        try:
            while True:
                self.more()
        except Closed:
            body, self.buffer = self.buffer, b""
            return body

    def request(self, method, path, body=None, headers=(), chunks=None):
        self.send(method, path, body, headers, chunks)
        return self.receive(method)

    def closed(self, seconds=5):
        """True when the server has closed the connection, without another byte."""
        self.sock.settimeout(seconds)
        try:
            return self.buffer == b"" and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def poll(what, condition, seconds=5.0, pause=0.005):
    """Asks until the condition is true and returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)
