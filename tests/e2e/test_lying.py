# SPDX-License-Identifier: Apache-2.0
"""Functions that leave garbage in a buffer and pass it on: 502, or a right answer where the
garbage does no harm; never a crash, and never a byte from outside the buffer."""
import re

import tap
from client import Closed, poll
from harness import Chain, ChainTest, Traffic

EXTREMES = (0, 1, 127, 128, 2048, 4096, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff)
SLICES = ("method", "path", "query", "id", "topic", "request_headers", "response_headers")
BODY = b"the body as it was sent " * 10
STATUSES = {200, 400, 403, 404, 409, 413, 415, 500, 502, 503, 504, 508}


def record(name, value):
    """Bytes for x-bytes of the attack lie-record."""
    return (bytes([len(name)]) + name + value).hex()


class Lying(ChainTest):
    @classmethod
    def setUpClass(cls):
        cls.chain = Chain("lying")
        cls.addClassCleanup(cls.chain.kill)
        cls.chain.wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.chain.stop()

    def setUp(self):
        status = self.chain.status()
        self.gateway = status["gateway"]["pid"]
        self.next_pid = self.chain.instance_pid("next")
        self.fine = Traffic(self.chain, lambda n: ("POST", "/fine", b"fine %d" % n), self.check)
        self.fine.__enter__()

    def check(self, n, answer):
        self.assertEqual((answer.status, answer.body), (200, b"fine %d" % n))

    def tearDown(self):
        self.fine.__exit__(None)
        status = self.chain.status()
        self.assertEqual(status["gateway"]["pid"], self.gateway, "the gateway lives")
        self.assertEqual(self.chain.instance_pid("next"), self.next_pid, "the next one lives")
        for path in ("/", "/onward"):
            poll(f"{path} serves", lambda p=path: self.good(p))
        self.chain.wait_idle()

    def good(self, path):
        answer = self.chain.request("POST", path, BODY)
        return (answer.status, answer.body) == (200, BODY)

    def lie(self, path, kind, body=BODY, **words):
        headers = {"x-attack": kind} | {f"x-{n}": str(v) for n, v in words.items()}
        headers["x-secret"] = "request header"
        answer = self.chain.request("POST", path, body, headers)
        what = f"{kind} {words}: {answer}"
        # Below 200 or above 599 is no status of a final answer.
        self.assertTrue(200 <= answer.status <= 599, what)
        for name, value in answer.headers:
            self.assertRegex(name, r"^[!#$%&'*+.^_`|~0-9a-z-]+$", what)
            self.assertFalse(re.search(r"[\0-\x08\x0a-\x1f\x7f]", value), what)
        return answer

    def both(self, kind, status=None, **words):
        for path in ("/", "/onward"):
            answer = self.lie(path, kind, **words)
            if status is not None:
                self.assertIn(answer.status, status, f"{path} {kind} {words}: {answer}")
            if answer.status == 502:
                self.assertProblem(answer, 502, "lying")
            elif answer.status == 200:
                self.assertEqual(answer.body, BODY, f"{path} {kind} {words}")

    def test_every_offset_and_length(self):
        for name in SLICES:
            for part in ("off", "len"):
                for value in EXTREMES:
                    self.both("lie-field", (200, 502), field=f"{name}.{part}", value=value)

    def test_offset_beyond_the_buffer_is_refused(self):
        for name in SLICES:
            self.both("lie-field", (502,), field=f"{name}.off", value=0xfffffff0)
        self.assertGreater(self.chain.status()["gateway"]["bad_buffer"], 0)

    def test_sizes(self):
        for field in ("slot_size", "meta_low"):
            for value in EXTREMES:
                self.both("lie-field", (200, 502), field=field, value=value)
        for value in (0, 64, 0xffffffff):
            self.both("lie-field", (502,), field="slot_size", value=value)

    def test_status(self):
        for value in (1, 99, 100, 101, 199, 600, 999, 0xffff):
            self.both("lie-field", (502,), field="status", value=value)

    def test_numbers_that_matter_little(self):
        for field in ("number", "deadline_ns", "trace_flags", "qos", "hops", "error"):
            for value in (0, 1, 255, 0xffffffffffffffff):
                self.both("lie-field", (200, 502, 504, 508), field=field, value=value)

    def test_unknown_error(self):
        for value in (0, 11, 12, 127, 255):
            answer = self.lie("/", "lie-failed", value=value)
            self.assertIn(answer.status, STATUSES - {200})
            self.assertProblem(answer, answer.status, "lying")

    def test_whole_header_zero_or_ones(self):
        for value in (0, 0x20, 0x7f, 0xff):
            self.both("lie-fill", (502,), value=value)

    def test_random_headers(self):
        for seed in range(150):
            self.both("lie-header", (502,), seed=seed)

    def test_random_bytes_in_header_and_meta_data(self):
        for seed in range(150):
            for path in ("/", "/onward"):
                self.lie(path, "lie-scatter", seed=seed, count=1 + seed % 12)

    def test_response_header_injection(self):
        for name, value in ((b"x-a", b"1\r\nset-cookie: evil"), (b"x-a", b"1\nx-b: 2"),
                            (b"x-a", b"1\r"), (b"x-a", b"nul\0"), (b"x-a\r\nx-b", b"1"),
                            (b"x a", b"1"), (b"x:a", b"1"), (b"x-\x80", b"1"),
                            (b"x-a", b"\x7f"), (b"x-a", b"1\r\n\r\nHTTP/1.1 200 OK")):
            with self.subTest(name=name, value=value):
                answer = self.lie("/", "lie-record", bytes=record(name, value))
                self.assertProblem(answer, 502, "lying")
                self.assertNotIn(b"evil", answer.body)

    def test_forbidden_response_headers(self):
        for name in (b"connection", b"content-length", b"transfer-encoding", b"date", b"server",
                     b"x-request-id", b"keep-alive", b"upgrade", b"te", b"trailer",
                     b"proxy-connection", b"Content-Length", b"TRANSFER-ENCODING"):
            answer = self.lie("/", "lie-record", bytes=record(name, b"7"))
            # Refused, or left out: it must not be believed.
            if answer.status == 200:
                self.assertEqual(answer.body, BODY)
                self.assertNotIn((name.decode().lower(), "7"), answer.headers)
            else:
                self.assertProblem(answer, 502, "lying")

    def test_record_that_is_fine(self):
        answer = self.lie("/", "lie-record", bytes=record(b"x-fine", b"yes"))
        self.assertEqual((answer.status, answer.header("x-fine")), (200, "yes"))

    def test_garbage_records(self):
        for block in (b"\0", b"\xff", b"\xff" * 8, b"\0" * 64, b"\xff\xff\xff\xff" + b"a" * 60,
                      bytes(range(256)), b"\x05\0\0\0\0\0\0\0abc", b"\x01\0\xff\xffa"):
            self.both("lie-block", (200, 502), bytes=block.hex())

    def test_payload_length_up_to_the_capacity(self):
        """The kernel allows any length up to the capacity; meta data below it are garbage."""
        for value in (0, 1, len(BODY), 1024, 2047, 2048):
            answer = self.lie("/", "lie-length", value=value)
            self.assertIn(answer.status, (200, 502), value)
            if answer.status == 200:
                self.assertEqual(len(answer.body), value)
                self.assertEqual(answer.body[:len(BODY)], BODY[:value])

    def test_scribbling_while_others_read(self):
        """Headers of all buffers change at any moment: no answer can be trusted, but each
        must come, and the gateway must live."""
        self.fine.__exit__(None)
        self.chain.request("POST", "/", b"", {"x-attack": "lie-scribble", "x-value": "1500",
                                              "x-seed": "7"})
        done = 0
        while not self.chain.log.wait("scribbled", seconds=0):
            for path in ("/", "/onward", "/fine"):
                try:
                    answer = self.chain.request("POST", path, BODY)
                    self.assertTrue(200 <= answer.status <= 599, answer)
                except (Closed, ConnectionResetError) as e:
                    self.fail(f"no answer: {e!r}")
                done += 1
        self.assertGreater(done, 50)
        self.next_pid = self.chain.instance_pid("next")
        self.fine = Traffic(self.chain, lambda n: ("POST", "/fine", b"fine %d" % n), self.check)
        self.fine.__enter__()


if __name__ == "__main__":
    tap.main()
