# SPDX-License-Identifier: Apache-2.0
"""Input that is no HTTP, or nearly: refused, never guessed at, and nobody else's trouble."""
import socket

import tap
from client import Closed
from echo import EchoTest

POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

# Each must not be answered as if it were good, nor be followed by an answer to SMUGGLED.
MALFORMED = {
    "length and coding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "list of lengths": POST + b"Content-Length: 3, 4\r\n\r\nabcd",
    "signed length": POST + b"Content-Length: +3\r\n\r\nabc",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "hex length": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "empty length": POST + b"Content-Length: \r\n\r\n",
    "huge length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "unknown coding": POST + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "coding misspelt": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunk size is no number": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "chunk size signed": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "chunk size too large": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n",
    "chunk without its end": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    "space before colon": POST + b"Content-Length : 3\r\n\r\nabc",
    "folded field": POST + b"X-A: 1\r\n Content-Length: 3\r\n\r\n",
    "field without colon": POST + b"X-A\r\nContent-Length: 0\r\n\r\n",
    "nul in a value": POST + b"X-A: a\0b\r\nContent-Length: 0\r\n\r\n",
    "return in a value": POST + b"X-A: a\rb\r\nContent-Length: 0\r\n\r\n",
    "empty name": POST + b": 1\r\nContent-Length: 0\r\n\r\n",
    "no version": b"GET /echo\r\n\r\n",
    "other version": b"GET /echo HTTP/3.7\r\nHost: a\r\n\r\n",
    "nul in the path": b"GET /ec\0ho HTTP/1.1\r\nHost: a\r\n\r\n",
    "noise": bytes(range(256)) * 4 + b"\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x55" * 80,
}


class Strict(EchoTest):
    def statuses(self, data):
        """Statuses of all answers to the bytes, until the server closes or falls silent."""
        found = []
        with self.chain.connect(timeout=0.5) as c:
            try:
                c.write(data)
                while True:
                    found.append(c.receive().status)
            except (Closed, ConnectionResetError, BrokenPipeError):
                found.append("closed")
            except TimeoutError:
                found.append("silent")
        return found

    def test_malformed_requests(self):
        for name, data in MALFORMED.items():
            with self.subTest(name):
                found = self.statuses(data + SMUGGLED)
                self.assertNotIn(200, found, found)
                self.assertLessEqual(len(found), 2, found)
        self.assertEqual(self.chain.request(body=b"ok").body, b"ok")

    def test_headers_of_all_sizes(self):
        for size in (1, 1500, 4000, 16000, 60000):
            answer = self.chain.request(body=b"ok", headers={"x-long": "v" * size})
            self.assertEqual((answer.status, answer.body), (200, b"ok"), size)

    def test_headers_beyond_the_limit(self):
        found = self.statuses(POST + b"X-A: " + b"v" * 200_000 + b"\r\nContent-Length: 0\r\n\r\n")
        self.assertIn(found[0], (400, 431, "closed"), found)
        self.assertNotIn(200, found)
        self.assertEqual(self.chain.request(body=b"ok").body, b"ok")

    def test_many_headers(self):
        headers = {f"x-{i}": "v" for i in range(90)}
        self.assertEqual(self.chain.request(body=b"ok", headers=headers).status, 200)
        headers = {f"x-{i}": "v" for i in range(3000)}
        try:
            answer = self.chain.request(body=b"ok", headers=headers)
        except (Closed, ConnectionResetError, BrokenPipeError):
            pass
        else:
            self.assertIn(answer.status, (400, 431))

    def test_half_a_request_is_not_answered(self):
        whole = POST + b"Content-Length: 4\r\n\r\nbody"
        for cut in range(1, len(whole)):
            with self.chain.connect(timeout=2) as c:
                c.write(whole[:cut])
                c.sock.shutdown(socket.SHUT_WR)
                try:
                    answer = c.receive()
                except (Closed, ConnectionResetError):
                    continue
                self.assertGreaterEqual(answer.status, 400, f"{cut} bytes: {answer}")
        self.chain.wait_idle(leases=True)


if __name__ == "__main__":
    tap.main()
