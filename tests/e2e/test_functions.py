# SPDX-License-Identifier: Apache-2.0
"""What functions say reaches the client, and what the client said reaches them; routes."""
import re
import time

import tap
from client import poll
from harness import Chain, ChainTest, Traffic

ERRORS = {"SP_EINPUT": 400, "SP_EDENIED": 403, "SP_ENOTFOUND": 404, "SP_ECONFLICT": 409,
          "SP_ETOOBIG": 413, "SP_EUNSUPPORTED": 415, "SP_EINTERNAL": 500, "SP_EUPSTREAM": 502,
          "SP_EUNAVAILABLE": 503, "SP_ETIMEOUT": 504, "SP_ELOOP": 508}
OWN_HEADERS = ("Connection", "Content-Length", "Transfer-Encoding", "Date", "Server",
               "X-Request-Id", "Keep-Alive", "Upgrade", "TE", "Trailer", "traceparent")


class Functions(ChainTest):
    @classmethod
    def setUpClass(cls):
        cls.chain = Chain("routes", args=("--trace",))
        cls.addClassCleanup(cls.chain.kill)
        cls.chain.wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.chain.wait_idle(leases=True)
        cls.chain.stop()

    def ask(self, commands, body=b"", path="/", method="POST", **headers):
        headers = {n.replace("_", "-"): v for n, v in headers.items()}
        return self.chain.request(method, path, body, {"x-probe": commands} | headers)

    def path_of(self, **request):
        """Names of the functions that the request went through."""
        commands = ";".join(filter(None, ["who", request.pop("commands", "")]))
        answer = self.ask(commands, **request)
        return re.findall(r"who (\w+) hop", answer.body.decode())


class Answers(Functions):
    def test_children_have_no_rights(self):
        """Neither gateway nor functions: but for root's way to files (CAP_DAC_*: bits 1, 2)."""
        status = self.chain.status()
        pids = [status["gateway"]["pid"]]
        pids += [i["pid"] for f in status["functions"] for i in f["instances"]]
        for pid in pids:
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                values = dict(line.split(":", 1) for line in file)
            for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
                self.assertEqual(int(values[name], 16) & ~0b110, 0, name)
            self.assertEqual(values["NoNewPrivs"].strip(), "1")

    def test_body_is_what_the_functions_made_of_it(self):
        answer = self.ask("a.upper; c.grow=30", b"hello, world")
        self.assertEqual((answer.status, answer.body), (200, b"HELLO, WORLDmnopqrstuvwxyzabcd"))

    def test_status(self):
        for status in (200, 201, 299, 404, 418, 503, 599):
            answer = self.ask(f"c.status={status}")
            self.assertEqual((answer.status, answer.body), (status, b"status %d: ok\n" % status))

    def test_status_that_is_none(self):
        for status in (0, 99, 100, 199, 600, 9999):
            answer = self.ask(f"c.status={status}")
            self.assertEqual((answer.status, answer.body),
                             (200, b"status %d: EINVAL\n" % status))

    def test_headers(self):
        answer = self.ask("a.set=x-one:1; b.set=X-Two:zwei; c.set=content-type:text/plain")
        self.assertEqual(answer.header("x-one"), "1")
        self.assertEqual(answer.header("x-two"), "zwei")
        self.assertEqual(answer.header("content-type"), "text/plain")

    def test_last_of_a_header_wins_but_cookies_add_up(self):
        answer = self.ask("a.set=x-a:1; b.set=X-A:2; a.set=set-cookie:a=1; b.set=set-cookie:b=2")
        self.assertEqual(answer.header("x-a"), "2")
        self.assertEqual(sorted(v for n, v in answer.headers if n == "set-cookie"),
                         ["a=1", "b=2"])

    def test_headers_that_are_not_a_functions_to_set(self):
        for name in OWN_HEADERS:
            answer = self.ask(f"c.set={name}:evil")
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.body.decode(), f"set {name}: EPERM\n")
            self.assertFalse([v for _, v in answer.headers if v == "evil"], answer)

    def test_headers_that_are_none(self):
        for name in ("a b", "a(b)", ""):
            answer = self.ask(f"c.set={name}:v")
            self.assertEqual(answer.body.decode(), f"set {name}: EINVAL\n")

    def test_errors(self):
        for name, status in ERRORS.items():
            document = self.assertProblem(self.ask(f"b.fail={name}"), status, "routes")
            self.assertEqual(document["reason"], "function-failed")
            self.assertEqual(document["function"], "b")
            self.assertIn("probe was told to fail", document["detail"])

    def test_drop(self):
        answer = self.ask("b.drop", b"gone")
        self.assertEqual((answer.status, answer.body), (204, b""))

    def test_resize_across_the_classes(self):
        for size in (1, 2047, 2048, 2049, 16384, 16385, 65536, 65537, 1 << 20):
            answer = self.ask(f"b.grow={size}", b"")
            self.assertEqual((answer.status, len(answer.body)), (200, size))
            self.assertTrue(answer.body == bytes(97 + i % 26 for i in range(size)))

    def test_resize_keeps_what_was_there(self):
        body = bytes(range(256)) * 8
        answer = self.ask("a.grow=20000; b.shrink=2048; c.grow=70000; a.set=x-kept:yes", body)
        self.assertEqual(answer.body[:2048], body)
        self.assertEqual((len(answer.body), answer.header("x-kept")), (70000, "yes"))

    def test_resize_beyond_all(self):
        for size in ((1 << 20) + 1, 0xffffffff):
            self.assertProblem(self.ask(f"b.grow={size}"), 413, "routes")

    def test_many_resizes_lose_no_buffer(self):
        for n in range(200):
            self.assertEqual(len(self.ask(f"a.grow={3000 + n * 500}; c.shrink=7").body), 7)
        self.chain.wait_idle(leases=True)


class Requests(Functions):
    def test_meta_data(self):
        trace = "0af7651916cd43dd8448eb211c80319c"
        answer = self.ask("b.meta", path="/p/q?x", X_Request_Id="id-7", Content_Type="text/x",
                          traceparent=f"00-{trace}-b7ad6b7169203331-01")
        self.assertEqual(answer.body.decode(),
                         "meta id=id-7 chain=routes method=POST path=/p/q query=x topic= "
                         f"type=text/x trace={trace} deadline=yes\n")

    def test_made_names_are_the_ones_that_the_client_gets(self):
        answer = self.ask("b.meta")
        self.assertIn(f"id={answer.header('x-request-id')} ", answer.body.decode())
        self.assertIn(f"trace={answer.header('traceparent')[3:35]} ", answer.body.decode())

    def test_headers_reach_functions(self):
        answer = self.ask("c.headers", X_Mixed_Case="Value", x_empty="")
        lines = answer.body.decode().splitlines()
        self.assertIn("header x-mixed-case: Value", lines)
        self.assertIn("header x-empty: ", lines)
        for line in lines:
            self.assertNotRegex(line, r"header (connection|transfer-encoding|keep-alive):")

    def test_config(self):
        answer = self.ask("config=text;config=start;config=none")
        self.assertEqual(answer.body.decode().splitlines()[:3],
                         ["config text: from the file", "config start: ok", "config none: "])

    def test_log_lines_bear_function_and_request(self):
        self.ask("b.log=1", X_Request_Id="id-log")
        self.assertTrue(self.chain.log.wait(r"^\W*b\b.*probe line 1 of 1.*\bid-log\b"))

    def test_log_flood_is_limited(self):
        start = len(self.chain.log.lines)
        self.assertEqual(self.ask("b.log=20000").status, 200)
        self.ask("b.sleep=1100; b.log=1")
        self.assertTrue(self.chain.log.wait(r"\b\d{4,} .*(dropped|suppressed|left out|more)",
                                            start), "how many were dropped is said")
        self.assertLess(len(self.chain.log.lines) - start, 500)

    def test_timing_header(self):
        """--trace: the kernel's stamps, one for each hop, in order."""
        timing = self.ask("b.sleep=30").header("server-timing")
        hops = re.findall(r"([\w-]+);[^,]*?dur=([\d.]+)", timing)
        self.assertGreaterEqual(len(hops), 3, timing)
        for name in ("a", "b", "c"):
            self.assertIn(name, timing)
        self.assertGreaterEqual(max(float(d) for _, d in hops), 30)


class Routes(Functions):
    def test_default(self):
        self.assertEqual(self.path_of(), ["a", "b", "c"])

    def test_declared_edges(self):
        self.assertEqual(self.path_of(commands="a.edge=right"), ["a", "c"])
        self.assertEqual(self.path_of(commands="a.edge=left"), ["a"])

    def test_topic(self):
        self.assertEqual(self.path_of(commands="a.topic=short"), ["a"])
        self.assertEqual(self.path_of(commands="a.topic=shorter"), ["a", "b", "c"])

    def test_status(self):
        self.assertEqual(self.path_of(commands="a.status=202"), ["a", "c"])
        self.assertEqual(self.path_of(commands="a.status=203"), ["a", "b", "c"])

    def test_path(self):
        self.assertEqual(self.path_of(path="/direct/x"), ["c"])
        self.assertEqual(self.path_of(path="/directly"), ["a", "b", "c"])

    def test_method(self):
        self.assertEqual(self.path_of(method="PUT"), ["b", "c"])

    def test_loop_ends(self):
        self.assertProblem(self.ask("count=1", x_loop="forever"), 508, "routes")
        self.assertEqual(sum(self.chain.violations().values()), 0)

    def test_functions_answer_directly(self):
        """Function to function: the gateway is not in between."""
        before = self.chain.status()["kernel"]["descriptors"]
        self.assertEqual(self.path_of(), ["a", "b", "c"])
        self.assertEqual(self.chain.status()["kernel"]["descriptors"] - before, 4)


class Deadlines(ChainTest):
    def test_deadline_passed(self):
        with Chain("trio", timeout="300ms", instances=1) as chain:
            for where in ("first", "second", "third"):
                began = time.monotonic()
                document = self.assertProblem(
                    chain.request(headers={"x-probe": f"{where}.sleep=900"}), 504, "trio")
                self.assertEqual(document["reason"], "deadline")
                self.assertAlmostEqual(time.monotonic() - began, 0.3, delta=0.25)
                poll("serves again", lambda: chain.request(body=b"x").status == 200)
            chain.wait_idle(leases=True)
            self.assertGreaterEqual(chain.status()["gateway"]["timed_out"], 3)

    def test_function_that_spins_until_the_deadline(self):
        with Chain("trio", timeout="200ms", instances=1) as chain:
            self.assertEqual(chain.request(headers={"x-probe": "second.spin"}).status, 504)
            poll("serves again", lambda: chain.request(body=b"x").status == 200)

    def test_slow_requests_do_not_hold_up_those_elsewhere(self):
        with Chain("routes") as chain:
            slow = Traffic(chain, lambda n: ("PUT", "/", b"x", {"x-probe": "b.sleep=100"}),
                           lambda n, a: self.assertEqual(a.status, 200))
            with slow:
                began = time.monotonic()
                for _ in range(50):
                    self.assertEqual(chain.request("POST", "/direct/", b"x").status, 200)
                self.assertLess(time.monotonic() - began, 1.0)
            chain.wait_idle(leases=True)

    def test_crash_by_abort_is_reported(self):
        with Chain("trio", timeout="5s", instances=1) as chain:
            old = chain.instance_pid("second")
            document = self.assertProblem(
                chain.request(headers={"x-probe": "second.crash"}), 502, "trio")
            self.assertEqual(document["reason"], "function-died")
            self.assertTrue(chain.log.wait(r"second.*(signal 6|SIGABRT|Aborted)"), chain.report())
            chain.replaced("second", [old])
            chain.wait_idle(leases=True)

    def test_drain_lets_slow_requests_finish(self):
        with Chain("trio", timeout="10s", instances=1) as chain, chain.connect() as c:
            c.send("POST", "/trio", b"slow", {"x-probe": "second.sleep=700"})
            poll("in flight", lambda: chain.status()["gateway"]["in_flight"] == 1)
            chain.stop()
            answer = c.receive()
            self.assertEqual((answer.status, answer.body), (200, b"slow"))


if __name__ == "__main__":
    tap.main()
