# SPDX-License-Identifier: Apache-2.0
"""Hostile functions that are called, fanned out to, or joined at: the caller gets an error value
or an answer, nobody else is harmed, and no buffer is lost."""
import re

import tap
from actors import CallTest, actor, actors, calls
from client import poll
from harness import Traffic, program

BAD = {"exec": str(program("hostile"))}
FINE = {"x-do": "a.call=two,3"}
FINE_ANSWER = b"two ok=3 same=3 last=two 2.\n"


def told(kind, **words):
    """What makes `bad` do it, as part of the orders."""
    words = {"attack": kind} | words
    return ";".join(f"bad.x-{name}={value}" for name, value in words.items())


class HostileCall(CallTest):
    def setUp(self):
        """a calls bad and c; it fans out to b, bad and c where the path is /all, and d joins; at
        /via b and c answer, and bad joins."""
        self.chain = actors(
            {"a": calls("bad", "c"), "b": actor(), "c": actor(), "d": actor(), "bad": BAD,
             "f": actor(), "g": actor()},
            [{"from": "ingress", "to": "f", "when": {"path": "/all"}},
             {"from": "ingress", "to": "g", "when": {"path": "/via"}},
             {"from": "ingress", "to": "bad", "when": {"path": "/bad"}},
             {"from": "f", "to": {"all": ["b", "bad", "c"]}, "join": {"at": "d"}},
             {"from": "g", "to": {"all": ["b", "c"]}, "join": {"at": "bad"}},
             "ingress a", "a reply", "b reply", "c reply", "d reply", "bad reply"],
            timeout="3s").wait_ready()
        self.addCleanup(self.chain.kill)

    def tearDown(self):
        self.chain.wait_idle(leases=True)
        self.chain.stop()

    def traffic(self):
        def check(_, answer):
            assert (answer.status, answer.body) == (200, FINE_ANSWER), answer
        return Traffic(self.chain, lambda n: ("POST", "/", b"fine", FINE), check)

    def violated(self, before):
        after = self.chain.violations()
        return {k for k in after if after[k] != before[k]}

    def refused(self, orders, reasons, answers="SP_EUPSTREAM", count=3):
        """A violation: the function is replaced, and its caller sees why not or an answer."""
        before, old = self.chain.violations(), self.chain.instance_pid("bad")
        with self.traffic():
            text = self.do(self.chain, f"a.call=one,{count};{orders}")
            self.assertRegex(text, answers)
            self.chain.replaced("bad", [old], 20)
        self.assertTrue(self.violated(before), "nothing was counted")
        self.assertLessEqual(self.violated(before), set(reasons))
        self.good()

    def harmless(self, orders, count=1):
        """Whatever comes of it: an answer, no hang, nobody else harmed."""
        with self.traffic():
            text = self.do(self.chain, f"a.call=one,{count},copy,1000;{orders}")
            self.assertRegex(text, r"^one ok=\d+ ")
        return text

    def good(self):
        self.assertCall(self.do(self.chain, "a.call=one,3"), ok=3, same=3)
        self.chain.wait_idle(leases=True)

    def by_path(self, path, orders, statuses):
        answer = self.chain.request("POST", path, b"body", {"x-do": orders} | {
            f"x-{k}": v for k, v in re.findall(r"bad\.x-(\w+)=([^;]+)", orders)} | {"x-at": "bad"})
        self.assertIn(answer.status, statuses, answer)
        return answer


class Callee(HostileCall):
    def test_replies_twice(self):
        self.refused(told("twice"), ["owner", "stale"], "one ok=[01] ", count=1)

    def test_replies_twice_in_one_batch(self):
        self.refused(told("twice-batch"), ["owner", "stale"])

    def test_replies_to_anothers_call(self):
        """The buffer beside its own may be another of the three it was called with: then that one
        is answered early, and the second answer is the violation."""
        for value, answers in ((0, r"^one ok=[0-3] "), (1, r"^one ok=[0-3] "), (7, "SP_EUPSTREAM")):
            self.refused(told("other", value=value), ["owner", "stale", "home"], answers)

    def test_replies_to_who_did_not_call(self):
        self.refused(told("home", value=1), ["home"])

    def test_replies_of_the_past_and_the_future(self):
        self.refused(told("stale"), ["stale"])
        self.refused(told("stale", value=1), ["stale"])

    def test_releases_the_call_to_its_caller(self):
        self.refused(told("release", value=0), ["home"])

    def test_releases_the_call(self):
        """Allowed: nobody answers it, and the caller is told so."""
        text = self.harmless(told("let-go"), 3)
        self.assertCall(text, SP_EUPSTREAM=3, last="bad let the call go")
        self.good()

    def test_moves_the_call_into_what_it_does_not_hold(self):
        self.refused(told("release", value=0x20, seed=5), ["owner", "home", "stale"])

    def test_cancels_and_wakes_in_anothers_name(self):
        self.refused(told("edge", value=0xf5), ["home", "edge"])
        self.refused(told("edge", value=0xf4), ["home", "edge"])

    def test_length_above_capacity(self):
        self.refused(told("length"), ["length"])

    def test_garbage_flags(self):
        for flags in [1 << bit for bit in range(8)] + [0xff, 0xa8, 0x68]:
            with self.subTest(flags=hex(flags)):
                self.harmless(told("flags", value=flags))
        self.good()

    def test_never_replies(self):
        text = self.harmless(told("hang"), 3)
        self.assertCall(text, SP_ETIMEOUT=3)
        old = self.chain.instance_pid("bad")
        self.do(self.chain, f"a.call=one,1;{told('exit', value=3)}")
        self.chain.replaced("bad", [old], 20)
        self.good()

    def test_fields_of_the_header(self):
        """Any number in each field: of the reply to a call, and of an answer to a client."""
        for field in ("error", "status", "hops", "method.len", "topic.off", "request_headers.len",
                      "response_headers.off", "slot_size", "meta_low", "body_buf", "body_len",
                      "parts", "part_fn", "alone"):
            for value in (0, 1, 0xff, 0xffff, 0xfffffffe, 0xffffffff):
                with self.subTest(field=field, value=value):
                    orders = told("lie-field", field=field, value=value)
                    text = self.do(self.chain, f"a.call=one,1,copy,1000;{orders}")
                    self.assertRegex(text, r"^one ok=\d ")
                    self.by_path("/bad", orders, range(200, 600))
        self.good()

    def test_headers_by_seed(self):
        with self.traffic():
            for seed in range(150):
                kind = ("lie-header", "lie-scatter")[seed % 2]
                text = self.do(self.chain, f"a.call=one,1,{('copy', 'ref', 'msg')[seed % 3]},1000;"
                               + told(kind, seed=seed, count=40))
                self.assertRegex(text, r"^one ok=\d ")
        self.good()

    def test_scribbles_over_all_headers(self):
        """While calls are under way, in buffers of others: whoever reads them must look."""
        self.chain.request("POST", "/", b"x", {
            "x-do": f"a.call=one,1;{told('lie-scribble', value=300, seed=7)}"})
        for _ in range(100):
            answer = self.chain.request("POST", "/", b"x", {"x-do": "a.call=two,9,ref"})
            self.assertTrue(200 <= answer.status < 600)
        self.assertTrue(self.chain.log.wait("scribbled", seconds=5))
        for name in "abcdfg":
            self.assertEqual(len(self.chain.instances(name)), 1)


class Gathering(HostileCall):
    def test_a_branch_that_lies(self):
        for field in ("error", "status", "body_buf", "body_len", "parts", "part_fn", "alone",
                      "slot_size"):
            for value in (1, 0xff, 0xffff, 0xffffffff):
                with self.subTest(field=field, value=value):
                    self.by_path("/all", "d.parts;" + told("lie-field", field=field, value=value),
                                 (200, 502))
        for seed in range(50):
            self.by_path("/all", "d.parts;" + told("lie-header", seed=seed), (200, 502))
        self.good()

    def test_a_branch_that_breaks_the_rules(self):
        for kind in ("twice", "stale", "let-go", "home"):
            old = self.chain.instance_pid("bad")
            self.by_path("/all", "d.parts;" + told(kind), (200, 502))
            if kind != "let-go":
                self.chain.replaced("bad", [old], 20)
            self.good()

    def test_a_join_that_dies_or_lies(self):
        """It takes the parts for requests and replies to them: a violation. What it had comes
        back when it is gone."""
        for orders in (told("lie-header", seed=1), told("lie-field", field="parts", value=5),
                       told("hang"), told("exit", value=1), told("let-go")):
            self.by_path("/via", orders, range(200, 600))
            poll("it is there", lambda: self.chain.instances("bad"), 20)
            if "hang" not in orders:  # then it has them still
                self.chain.wait_idle(leases=True)
        self.good()


if __name__ == "__main__":
    tap.main()
