# SPDX-License-Identifier: Apache-2.0
"""odd_server.py - a server that does to each path what chaos-client must notice."""
import socket
import threading
import time

PROBLEM = b'{"type":"urn:x","reason":"%s"}'


def answer(status, body, kind="application/octet-stream"):
    return (f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
            .encode() + body)


def problem(status, body):
    return answer(status, body, "application/problem+json")


# path: what is answered to this body; None closes without a word, "" never answers.
ODD = {
    "/ok": lambda body: answer(200, body),
    "/problem": lambda body: problem(503, PROBLEM % b"busy"),
    "/unexplained": lambda body: answer(503, b"sorry"),
    "/no-reason": lambda body: problem(502, b'{"type":"urn:x"}'),
    "/wrong": lambda body: answer(200, body.replace(b"-", b"+", 1)),
    "/long": lambda body: answer(200, body + b"more"),
    "/extra": lambda body: answer(200, body) + answer(200, body),
    "/malformed": lambda body: b"HTTP/1.1 200 OK\r\n\r\nno length",
    "/closed": lambda body: None,
    "/cut": lambda body: answer(200, body)[:-10],
    "/late": lambda body: time.sleep(0.4) or answer(200, body),
    "/hang": lambda body: b"",
}


class OddServer:
    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.sock.getsockname()[1]
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()
        for conn in self.open:
            conn.close()

    def accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            self.open.append(conn)
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with conn.makefile("rb") as file:
            try:
                while line := file.readline():
                    length = 0
                    while (field := file.readline().strip()):
                        name, value = field.split(b":", 1)
                        length = int(value) if name.lower() == b"content-length" else length
                    data = ODD[line.split()[1].decode()](file.read(length))
                    if data is not None:
                        conn.sendall(data)
                    if data is None or line.split()[1] == b"/cut":
                        conn.shutdown(socket.SHUT_RDWR)
                        return
            except OSError:
                pass
