# SPDX-License-Identifier: Apache-2.0
"""bench_server.py - a server to try sprocket-bench on: it echoes, and fails as it is told.

    bench_server.py [--stall MS] [--wrong KIND]

Prints `ready URL`; ends on SIGTERM. One thread, HTTP/1.1 with content-length. --stall: once a
second it stands still for so long, all connections with it. --wrong: what is wrong with one
answer of ten, see wrong().
"""
import argparse
import itertools
import re
import selectors
import socket
import time

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"
EACH = 10


def wrong(kind, body):
    """Bytes of an answer that is not right; None: none at all; the flag: then it closes."""
    return {
        "status": (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", False),
        "shed": (b"HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n", False),
        "length": (HEAD % (len(body) - 1) + body[1:], False),
        "body": (HEAD % len(body) + body[::-1], False),
        "malformed": (b"what?\r\n\r\n", True),
        "cut": (HEAD % len(body) + body[:len(body) // 2], True),
        "timeout": (None, False),
    }[kind]


class Server:
    def __init__(self, stall_s, kind):
        self.stall_s, self.kind = stall_s, kind
        self.selector = selectors.DefaultSelector()
        self.numbers = itertools.count(1)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.pending = {}

    def close(self, connection):
        self.selector.unregister(connection)
        del self.pending[connection]
        connection.close()

    def answer(self, connection, body):
        """False when the connection is closed."""
        if self.kind and next(self.numbers) % EACH == 0:
            data, closes = wrong(self.kind, body)
            if data:
                connection.sendall(data)
            if closes:
                self.close(connection)
            return not closes
        connection.sendall(HEAD % len(body) + body)
        return True

    def read(self, connection):
        data = connection.recv(1 << 14)  # not more: MALLOC_PERTURB_ fills it all
        if not data:
            return self.close(connection)
        data = self.pending[connection] + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", data[:end])
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(data) < whole:
                break
            body, data = data[end + 4:whole], data[whole:]
            if not self.answer(connection, body):
                return None
        self.pending[connection] = data
        return None

    def accept(self):
        connection, _ = self.listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending[connection] = b""
        self.selector.register(connection, selectors.EVENT_READ)

    def run(self):
        next_stall = time.monotonic() + 1
        while True:
            for key, _ in self.selector.select(0.01):
                try:
                    self.accept() if key.fileobj is self.listener else self.read(key.fileobj)
                except OSError:
                    if key.fileobj in self.pending:
                        self.close(key.fileobj)
            if self.stall_s and time.monotonic() >= next_stall:
                time.sleep(self.stall_s)
                next_stall += 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--stall", type=float, default=0)
    parser.add_argument("--wrong", default="")
    arguments = parser.parse_args()
    server = Server(arguments.stall / 1000, arguments.wrong)
    print(f"ready http://127.0.0.1:{server.listener.getsockname()[1]}/", flush=True)
    server.run()
