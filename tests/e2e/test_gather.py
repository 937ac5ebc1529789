# SPDX-License-Identifier: Apache-2.0
"""Fan-out and joins: who is waited for, who fails, who dies, who comes late."""
import os
import re
import signal
import time

import tap
from actors import ACTOR, CallTest, Later, actor, actors
from client import poll
from harness import Traffic, in_parallel

MEMBERS = 20  # of the 32 that there may be: each is a process
TO_EACH = [{"from": "ingress", "to": n, "when": {"path": f"/{n}"}} for n in "bcdj"]
REPLIES = ["b reply", "c reply", "d reply", "j reply"]


def fan(wait=None, timeout=None, on_timeout=None, chain_timeout="20s"):
    """a fans out to b, c, d; j joins and answers."""
    join = {"at": "j"} | ({"wait": wait} if wait else {}) \
        | ({"timeout": timeout} if timeout else {}) \
        | ({"onTimeout": on_timeout} if on_timeout else {})
    routes = [{"from": "a", "to": {"all": ["b", "c", "d"]}, "join": join}]
    return actors({n: actor() for n in "abcdj"},
                  [*TO_EACH, "ingress a", *routes, *REPLIES], timeout=chain_timeout)


def parts(text):
    """{function: (error, body)} of what a join reports."""
    head, *rest = text.removesuffix("\n").split("; ")
    found = {}
    for part in rest:
        match = re.match(r"(\w+) (\w+)=(.*)", part, re.S)
        found[match[1]] = (match[2], match[3])
    assert head == f"{len(rest)} parts", text
    return found


class Join(CallTest):
    def joined(self, chain, orders, body=b"body"):
        return parts(self.do(chain, f"{orders};j.parts", body))

    def free(self, chain, *names):
        for name in names:
            chain.request("POST", f"/{name}", b"", {"x-do": "free"})

    def test_all(self):
        with fan() as chain:
            for body in (b"body", b"", b"x" * 16000):
                found = self.joined(chain, "b.say=from b", body)
                self.assertEqual(list(found), ["b", "c", "d"])
                self.assertEqual(found["b"], ("ok", "from b\n"))
                self.assertEqual(found["c"], ("ok", body[:100].decode()))
            # The request itself goes on as it was.
            self.assertEqual(self.do(chain, ""), "body")
            self.whole(chain)

    def test_members_that_change_the_body_get_copies(self):
        with fan() as chain:
            found = self.joined(chain, "b.poke=B;c.poke=C")
            self.assertEqual([v[1] for v in found.values()], ["Body", "Cody", "body"])
            self.assertEqual(self.do(chain, "b.poke=B;j.view"), "body\n")
            for name, copied in (("a", 0), ("b", 8), ("c", 4), ("d", 0), ("j", 0)):
                self.assertEqual(self.counter(chain, name, "copied_bytes"), copied, name)
            self.whole(chain)

    def test_one_fails(self):
        with fan() as chain:
            document = self.assertProblem(chain.request(
                "POST", "/", b"x", {"x-do": "c.fail=bad day"}), 502)
            self.assertIn("c failed: bad day", document["detail"])
            self.whole(chain)

    def test_any(self):
        """The first that succeeds; the others are told that nobody waits."""
        with fan(wait="any") as chain:
            # Whoever has not begun by then never begins: so c wins when the others have.
            for orders, others in (("b.hold;d.hold", "bd"), ("b.fail=no;d.hold", "d")):
                later = Later(chain, f"{orders};c.hold;c.say=first;j.parts")
                for name in others + "c":
                    self.held(chain, 1, f"/{name}")
                self.free(chain, "c")
                found = parts(later.answer().body.decode())
                self.assertEqual(found["c"], ("ok", "first\n"))
                self.assertFalse(set(found) & set(others), found)
                for name in others:
                    self.held(chain, 1, f"/{name}")
                self.free(chain, *others)
            self.assertProblem(chain.request("POST", "/", b"x", {
                "x-do": "b.fail=x;c.fail=x;d.fail=x"}), 502)
            self.whole(chain)

    def test_number(self):
        with fan(wait=2) as chain:
            found = self.joined(chain, "c.hold")
            self.assertEqual(sorted(found), ["b", "d"])
            self.free(chain, "c")
            document = self.assertProblem(chain.request(
                "POST", "/", b"x", {"x-do": "b.fail=x;c.fail=x"}), 502)
            self.assertRegex(document["detail"], "[bc] failed: x")
            self.whole(chain)

    def test_timeout_fails(self):
        with fan(timeout="200ms") as chain:
            began = time.monotonic()
            document = self.assertProblem(chain.request("POST", "/", b"x", {"x-do": "c.hold"}), 504)
            self.assertIn("2 of 3 branches", document["detail"])
            self.assertLess(time.monotonic() - began, 3)
            self.held(chain, 1, "/c")
            self.free(chain, "c")
            self.whole(chain)

    def test_timeout_with_what_there_is(self):
        with fan(timeout="200ms", on_timeout="partial") as chain:
            # One that fails does not end the wait for those that are only slow.
            found = self.joined(chain, "b.pool=50;c.hold;d.fail=no")
            self.assertEqual(found, {"b": ("ok", "BODY"), "d": ("SP_EINPUT", "no")})
            found = self.joined(chain, "b.hold;c.hold;d.hold")
            self.assertEqual(found, {})
            self.free(chain, "b", "c", "d")
            self.assertEqual(len(self.joined(chain, "")), 3)
            self.whole(chain)

    def test_deadline_of_the_request(self):
        """A join without a time of its own ends with the request."""
        with fan(chain_timeout="500ms") as chain:
            self.assertProblem(chain.request("POST", "/", b"x", {"x-do": "c.hold"}), 504)
            self.free(chain, "c")
            self.whole(chain)

    def test_late_replies(self):
        """They come while later requests are under way, and are nobody's."""
        with fan(wait="any") as chain:
            def client(i):
                for n in range(20):
                    slow, fast = "bcd"[n % 3], "bcd"[(n + 1) % 3]
                    found = self.joined(chain, f"{slow}.pool=3;{fast}.say=fast", b"%d/%d" % (i, n))
                    self.assertIn("ok", [v[0] for v in found.values()])
            in_parallel(8, client)
            self.whole(chain)

    def test_a_branch_dies(self):
        with fan() as chain:
            for _ in range(2):
                old = chain.instance_pid("c")
                answer = chain.request("POST", "/", b"x", {"x-do": "c.die"})
                document = self.assertProblem(answer, 502)
                self.assertIn("c failed: c died", document["detail"])
                chain.replaced("c", [old], 20)
            self.whole(chain)

    def test_a_branch_dies_and_is_not_needed(self):
        with fan(wait=2) as chain:
            old = chain.instance_pid("c")
            # The others are slower: once they have answered, who has not begun never does.
            found = self.joined(chain, "b.pool=200;d.pool=200;c.die")
            self.assertEqual({k: v for k, v in found.items() if k != "c"},
                             {"b": ("ok", "BODY"), "d": ("ok", "BODY")})
            chain.replaced("c", [old], 20)
            self.whole(chain)

    def test_who_fans_out_dies(self):
        with fan() as chain:
            later = Later(chain, "c.hold")
            self.held(chain, 1, "/c")
            old = chain.instance_pid("a")
            os.kill(old, signal.SIGKILL)
            self.assertProblem(later.answer(5), 502)
            self.free(chain, "c")
            chain.replaced("a", [old], 20)
            self.assertEqual(len(self.joined(chain, "")), 3)
            self.whole(chain)

    def test_join_dies_with_its_parts(self):
        with fan() as chain:
            for orders in ("j.die", "j.parts;j.die"):
                old = chain.instance_pid("j")
                self.assertProblem(chain.request("POST", "/", b"x", {"x-do": orders}), 502)
                chain.replaced("j", [old], 20)
            self.assertEqual(len(self.joined(chain, "")), 3)
            self.whole(chain)

    def test_join_is_missing_for_a_while(self):
        """The request and its parts wait for the next instance, together."""
        with fan() as chain:
            for _ in range(6):
                old = chain.instance_pid("j")
                os.kill(old, signal.SIGKILL)
                poll("gone", lambda o=old: o not in [i["pid"] for i in chain.instances("j")])
                found = self.joined(chain, "")
                self.assertEqual(found, {n: ("ok", "body") for n in "bcd"})
            self.whole(chain)

    def test_all_die_under_load(self):
        lost = []

        def check(n, answer):
            if answer.status in (502, 504):
                lost.append(n)
            else:
                assert answer.status == 200, answer
                assert parts(answer.body.decode()), answer

        with fan() as chain:
            with Traffic(chain, lambda n: ("POST", "/", b"%d" % n, {"x-do": "j.parts"}),
                         check, 12) as t:
                for name in "abcdj":
                    done, old = t.done, chain.instance_pid(name)
                    os.kill(old, signal.SIGKILL)
                    chain.replaced(name, [old], 20)
                    poll("flows again", lambda d=done: t.done > d + 100 or t.errors, 20)
            self.assertLess(len(lost), t.done / 5)
            self.whole(chain)

    def test_nested(self):
        """A branch that fans out itself, and joins before it answers; a join that fans out."""
        functions = {n: actor() for n in ("a", "b", "c", "d", "e", "j", "k", "l")}
        routes = ["ingress a", {"from": "a", "to": {"all": ["b", "c"]}, "join": {"at": "j"}},
                  {"from": "b", "to": {"all": ["d", "e"]}, "join": {"at": "k"}}, "k reply",
                  {"from": "j", "to": {"all": ["d", "e", "c"]}, "join": {"at": "l"}}, "l reply",
                  "c reply", "d reply", "e reply"]
        with actors(functions, routes, timeout="20s") as chain:
            text = self.do(chain, "k.parts;j.parts;l.parts;d.say=D")
            self.assertRegex(text, r"^3 parts; d ok=D\n; e ok=2 parts; b ok=2 parts; d ok=D\n")

            def client(i):
                for n in range(20):
                    self.assertEqual(self.do(chain, "", b"%d/%d" % (i, n)), f"{i}/{n}")
            in_parallel(16, client)
            for name in functions:
                self.assertEqual(self.counter(chain, name, "copied_bytes"), 0, name)
            self.whole(chain)

    def test_many_branches(self):
        """As many as a group may have."""
        names = [f"m{i}" for i in range(MEMBERS)]
        functions = {n: ACTOR for n in ["a", "j", *names]}
        with actors(functions, ["ingress a", {"from": "a", "to": {"all": names},
                                              "join": {"at": "j"}}, "j reply"]
                    + [f"{n} reply" for n in names]) as chain:
            for body in (b"body", b"x" * 16000):
                self.assertEqual(self.do(chain, "", body), body.decode())
            text = self.do(chain, "m7.say=seven;j.parts")
            self.assertTrue(text.startswith(f"{MEMBERS} parts; m0 ok=body; m1"), text)
            self.assertIn("m7 ok=seven", text)
            self.whole(chain)


if __name__ == "__main__":
    tap.main()
