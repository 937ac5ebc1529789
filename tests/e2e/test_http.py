# SPDX-License-Identifier: Apache-2.0
"""What a client sees: bodies of every size, connections, names of requests, refusals."""
import os
import re

import tap
from client import poll
from echo import LIMIT, SIZES, EchoTest, noise
from harness import Chain, ChainTest

class Bodies(EchoTest):
    def test_empty(self):
        for body in (b"", None):
            self.assert_echo(self.chain.request("POST", body=body), b"")

    def test_one_byte(self):
        for byte in (b"a", b"\0", b"\xff"):
            self.assert_echo(self.chain.request("POST", body=byte), byte)

    def test_around_each_class(self):
        with self.chain.connect() as c:
            for size in SIZES:
                for body in (noise(size - 1), noise(size), noise(min(size + 1, LIMIT))):
                    self.assert_echo(c.request("POST", "/echo", body), body)

    def test_around_each_class_with_long_headers(self):
        """Header fields need room too: the request goes to a larger buffer."""
        with self.chain.connect() as c:
            for size in SIZES[:-1]:
                for extra in (-1, 0, 1):
                    body = noise(size + extra)
                    answer = c.request("POST", "/echo", body, {"x-long": "h" * 6000})
                    self.assert_echo(answer, body)

    def test_no_room_for_long_headers_beside_the_largest_body(self):
        answer = self.chain.request("POST", body=noise(LIMIT), headers={"x-long": "h" * 6000})
        self.assertProblem(answer, 431, "echo")

    def test_over_the_limit(self):
        for size in (LIMIT + 1, 3 * LIMIT):
            with self.chain.connect() as c:
                try:
                    c.send("POST", "/echo", noise(size))
                except (BrokenPipeError, ConnectionResetError):
                    pass  # refused before all of it was sent
                self.assertProblem(c.receive(), 413, "echo")
        self.assert_echo(self.chain.request("POST", body=b"after"), b"after")

    def test_over_the_limit_by_promise_alone(self):
        with self.chain.connect() as c:
            c.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
            self.assertProblem(c.receive(), 413, "echo")

    def test_limit_of_the_path(self):
        for size, status in ((100, 200), (101, 413)):
            self.assertEqual(self.chain.request("PUT", "/small", noise(size)).status, status)
        self.assertProblem(self.chain.request("PUT", "/small", noise(101)), 413, "echo")

    def test_chunked(self):
        with self.chain.connect() as c:
            for body, size in ((noise(3000), 1), (noise(70000), 4096), (noise(LIMIT), 65536),
                               (b"", 1), (noise(2048), 2047)):
                chunks = [body[i:i + size] for i in range(0, len(body), size)]
                self.assert_echo(c.request("POST", "/echo", chunks=chunks), body)

    def test_chunked_over_the_limit(self):
        with self.chain.connect() as c:
            try:
                c.send("POST", "/echo", chunks=[noise(65536)] * 17)
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertProblem(c.receive(), 413, "echo")

    def test_slow_upload(self):
        """Byte by byte, slower than any other request, is not an error."""
        body = noise(40)
        with self.chain.connect() as c:
            c.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n")
            for i in range(40):
                c.write(body[i:i + 1])
                self.assertEqual(self.chain.request("POST", body=b"other").status, 200)
            self.assert_echo(c.receive(), body)

    def test_expect_continue(self):
        with self.chain.connect() as c:
            c.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    b"Content-Length: 5\r\n\r\n")
            self.assertTrue(c.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100"))
            c.write(b"12345")
            self.assert_echo(c.receive(), b"12345")


class Connections(EchoTest):
    def test_ten_thousand_one_after_the_other(self):
        """On 20 connections in turn, each answer for its own request."""
        connections = [self.chain.connect() for _ in range(20)]
        for n in range(10_000):
            body = b"%d:" % n + b"z" * (n % 300)
            answer = connections[n % 20].request("POST", "/echo", body)
            if answer.status != 200 or answer.body != body:
                self.fail(f"request {n}: {answer}")
        for c in connections:
            c.close()

    def test_pipelining(self):
        bodies = [noise(n * 37 % 5000, n) for n in range(100)]
        with self.chain.connect() as c:
            c.write(b"".join(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
                             % (len(b), b) for b in bodies))
            for body in bodies:
                self.assert_echo(c.receive(), body)

    def test_pipelining_of_good_and_bad(self):
        with self.chain.connect() as c:
            c.write(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n"
                    b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok"
                    b"DELETE /echo HTTP/1.1\r\nHost: a\r\n\r\n"
                    b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual([c.receive().status for _ in range(4)], [404, 200, 405, 200])

    def test_close_when_asked(self):
        with self.chain.connect() as c:
            answer = c.request("POST", "/echo", b"bye", {"Connection": "close"})
            self.assert_echo(answer, b"bye")
            self.assertTrue(c.closed())

    def test_http_1_0(self):
        with self.chain.connect() as c:
            c.write(b"POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\nok")
            self.assert_echo(c.receive(), b"ok")
            self.assertTrue(c.closed())

    def test_head(self):
        with self.chain.connect() as c:
            self.assertEqual(c.request("HEAD", "/healthz").status, 200)
            self.assertEqual(c.request("HEAD", "/echo").body, b"")
            self.assert_echo(c.request("POST", "/echo", b"next"), b"next")

    def test_client_that_goes_away_is_nobody_elses_trouble(self):
        for n in range(60):
            c = self.chain.connect()
            c.send("POST", "/echo", noise(n * 200))
            c.reset()
        self.assert_echo(self.chain.request("POST", body=b"still"), b"still")
        self.chain.wait_idle(leases=True)

    def test_half_closed_client_gets_its_answer(self):
        with self.chain.connect() as c:
            c.send("POST", "/echo", b"half", {"Connection": "close"})
            c.sock.shutdown(1)
            try:
                answer = c.receive()
            except Exception as e:  # an end without an answer is allowed, half of one is not
                self.assertEqual(type(e).__name__, "Closed")
            else:
                self.assert_echo(answer, b"half")


class Refusals(EchoTest):
    def test_unknown_path(self):
        for path in ("/", "/none", "/echo/", "/echoo", "/tree", "/Echo"):
            document = self.assertProblem(self.chain.request("POST", path, b"x"), 404, "echo")
            self.assertEqual(document["reason"], "not-found")

    def test_path_with_nul(self):
        self.assertProblem(self.chain.request("POST", "/echo%00", b"x"), 400, "echo")

    def test_paths_below_a_star(self):
        for path in ("/tree/", "/tree/a", "/tree/a/b?count=1"):
            self.assert_echo(self.chain.request("PATCH", path, b"leaf"), b"leaf")

    def test_query_is_not_part_of_the_path(self):
        self.assert_echo(self.chain.request("POST", "/echo?count=1&count=2", b"q"), b"q")

    def test_unknown_method(self):
        for method in ("DELETE", "PUT", "BREW"):
            answer = self.chain.request(method, "/echo")
            self.assertProblem(answer, 405, "echo")
            self.assertEqual(set(re.split(r",\s*", answer.header("allow"))) - {"HEAD"},
                             {"GET", "POST"})

    def test_health(self):
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.chain.request("GET", path).status, 200)

    def test_problem_names_the_request(self):
        answer = self.chain.request("GET", "/none", headers={"X-Request-Id": "known-1"})
        self.assertIn("known-1", answer.body.decode())
        self.assertEqual(answer.header("x-request-id"), "known-1")


class Names(EchoTest):
    def test_request_id_is_kept(self):
        for name in ("a", "order-17/3", "x" * 128):
            answer = self.chain.request("POST", headers={"X-Request-Id": name}, body=b"x")
            self.assertEqual(answer.header("x-request-id"), name)

    def test_request_id_is_made(self):
        seen = {self.chain.request("POST", body=b"x").header("x-request-id") for _ in range(50)}
        self.assertEqual(len(seen), 50)
        self.assertNotIn(None, seen)

    def test_request_id_that_is_none_is_replaced(self):
        for name in ("", "x" * 129, "two words", "caf\u00e9"):
            got = self.chain.request("POST", body=b"x",
                                     headers={"X-Request-Id": name}).header("x-request-id")
            self.assertTrue(got and got != name)

    def test_traceparent_is_kept(self):
        trace = "0af7651916cd43dd8448eb211c80319c"
        sent = f"00-{trace}-b7ad6b7169203331-01"
        got = self.chain.request("POST", body=b"x",
                                 headers={"traceparent": sent}).header("traceparent")
        self.assertRegex(got, rf"^00-{trace}-[0-9a-f]{{16}}-01$")
        self.assertNotIn("b7ad6b7169203331", got)

    def test_traceparent_is_made(self):
        bad = ["", "00-0-0-0", f"00-{'0' * 32}-b7ad6b7169203331-01",
               f"00-{'a' * 32}-{'0' * 16}-01", f"ff-{'a' * 32}-{'b' * 16}-01",
               f"00-{'A' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'b' * 16}-01-more"]
        seen = set()
        for sent in bad + [None]:
            headers = {} if sent is None else {"traceparent": sent}
            got = self.chain.request("POST", body=b"x", headers=headers).header("traceparent")
            self.assertRegex(got, r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
            self.assertNotEqual(got[3:35], "a" * 32)
            self.assertNotEqual(got[3:35], "0" * 32)
            seen.add(got[3:35])
        self.assertEqual(len(seen), len(bad) + 1)


class Overload(ChainTest):
    def test_pool_empty_and_well_again(self):
        with Chain("tiny", timeout="3s") as chain:
            total = chain.status()["buffers"]["total"]
            connections = [chain.connect() for _ in range(total + 5)]
            for c in connections:
                c.send("POST", "/tiny", b"held", {"x-hold": "1"})
            statuses = []
            for c in connections:
                answer = c.receive()
                statuses.append(answer.status)
                self.assertProblem(answer, answer.status, "tiny")
                if answer.status == 503:
                    self.assertRegex(answer.header("retry-after"), r"^[1-9]\d*$")
                c.close()
            self.assertEqual(sorted(statuses), [503] * 5 + [504] * total)
            self.assertEqual(chain.status()["gateway"]["no_buffer"], 5)
            # What is held past its deadline comes back when its holder goes on (or goes).
            os.kill(chain.instance_pid("only"), 9)
            poll("well again", lambda: chain.request(body=b"x").status == 200)
            chain.wait_idle()


if __name__ == "__main__":
    tap.main()
