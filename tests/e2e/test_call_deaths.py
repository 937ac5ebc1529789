# SPDX-License-Identifier: Apache-2.0
"""kill -9 of callers and callees at each point of a call: error values, no hang, no loss."""
import os
import re
import signal
import time

import tap
from actors import CallTest, Later, actor, actors, calls
from client import poll
from harness import Traffic

HOWS = ("copy", "ref", "msg")
ROUTES = [{"from": "ingress", "to": "b", "when": {"path": "/b"}},
          {"from": "ingress", "to": "c", "when": {"path": "/c"}},
          "ingress a", "a reply", "b reply", "c reply"]


def trio(**words):
    """a calls b, b calls c."""
    return actors({"a": calls("b", "c"), "b": calls("c"), "c": actor()}, ROUTES,
                  **{"timeout": "20s"} | words)


class Death(CallTest):
    def each_how(self, one):
        with trio() as chain:
            for how in HOWS:
                with self.subTest(how=how):
                    one(chain, how)
            self.whole(chain)

    def kill(self, chain, name):
        """Kills the instance and waits for the next. Returns what is to be waited for."""
        old = chain.instance_pid(name)
        os.kill(old, signal.SIGKILL)
        return lambda: chain.replaced(name, [old], 20)

    def release(self, chain, name="c"):
        chain.request("POST", f"/{name}", b"", {"x-do": "free"})

    def stop(self, chain, name):
        pid = chain.instance_pid(name)
        os.kill(pid, signal.SIGSTOP)
        poll("stopped", lambda: open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
             == "T")

    def in_flight(self, chain, name, count):
        poll(f"{count} at {name}", lambda: sum(
            i["in_flight"] for i in chain.function(name)["instances"]) >= count)

    def died(self, later):
        self.assertProblem(later.answer(5), 502)


class Callee(Death):
    """The caller sees an error value at once and goes on."""

    def test_before_it_takes_the_call_up(self):
        def one(chain, how):
            self.stop(chain, "b")
            later = Later(chain, f"a.call=one,9,{how};a.say=on")
            self.in_flight(chain, "b", 9)
            back = self.kill(chain, "b")
            text = later.answer(5).body.decode()
            self.assertCall(text, SP_EUPSTREAM=9, last="^b died$")
            self.assertIn("\non\n", text)
            back()
        self.each_how(one)

    def test_while_it_handles_it(self):
        def one(chain, how):
            later = Later(chain, f"a.call=one,9,{how};b.sleep=10000")
            self.in_flight(chain, "b", 9)
            back = self.kill(chain, "b")
            self.assertCall(later.answer(5).body.decode(), SP_EUPSTREAM=9)
            back()
        self.each_how(one)

    def test_by_itself(self):
        def one(chain, how):
            old = chain.instance_pid("b")
            self.assertCall(self.do(chain, f"a.call=one,1,{how};b.die"), SP_EUPSTREAM=1)
            chain.replaced("b", [old], 20)
        self.each_how(one)

    def test_while_it_waits_for_a_call_of_its_own(self):
        """The reply of the third finds nobody."""
        def one(chain, how):
            later = Later(chain, f"a.call=one,9,{how};b.call=one,2,{how};c.hold")
            self.held(chain, 18, "/c")
            back = self.kill(chain, "b")
            self.assertCall(later.answer(5).body.decode(), SP_EUPSTREAM=9)
            self.release(chain)
            back()
        self.each_how(one)

    def test_after_it_has_replied(self):
        """The reply is the caller's: it is read long after."""
        def one(chain, how):
            old = chain.instance_pid("c")
            later = Later(chain, f"a.call=two,9,{how};a.call=one,1,copy;b.hold")
            self.held(chain, 1, "/b")
            os.kill(old, signal.SIGKILL)
            chain.replaced("c", [old], 20)
            self.release(chain, "b")
            first, second = later.answer(5).body.decode().splitlines()
            self.assertCall(first, ok=9, same=9)
            self.assertCall(second, ok=1)
        self.each_how(one)


class Caller(Death):
    """Its client is answered 502; what the callee replies is nobody's."""

    def test_before_the_call_is_taken_up(self):
        def one(chain, how):
            self.stop(chain, "b")
            later = Later(chain, f"a.call=one,9,{how}")
            self.in_flight(chain, "b", 9)
            back = self.kill(chain, "a")
            self.died(later)
            os.kill(chain.instance_pid("b"), signal.SIGCONT)
            back()
        self.each_how(one)

    def test_while_the_callee_handles_it(self):
        def one(chain, how):
            later = Later(chain, f"a.call=two,9,{how};c.hold")
            self.held(chain, 9, "/c")
            back = self.kill(chain, "a")
            self.died(later)
            self.release(chain)
            back()
        self.each_how(one)

    def test_while_the_callee_waits_for_a_call(self):
        def one(chain, how):
            later = Later(chain, f"a.call=one,9,{how};b.call=one,2,{how};c.hold")
            self.held(chain, 18, "/c")
            back = self.kill(chain, "a")
            self.died(later)
            self.release(chain)
            back()
        self.each_how(one)

    def test_with_replies_in_hand(self):
        def one(chain, how):
            later = Later(chain, f"a.call=two,9,{how};a.call=one,1;b.hold")
            self.held(chain, 1, "/b")
            back = self.kill(chain, "a")
            self.died(later)
            self.release(chain, "b")
            back()
        self.each_how(one)

    def test_with_replies_it_has_not_read(self):
        def one(chain, how):
            later = Later(chain, f"a.call=two,9,{how};c.hold")
            self.held(chain, 9, "/c")
            self.stop(chain, "a")
            self.release(chain)
            back = self.kill(chain, "a")
            self.died(later)
            back()
        self.each_how(one)


class Both(Death):
    def both(self, order):
        def one(chain, how):
            later = Later(chain, f"a.call=one,9,{how};b.call=one,2,{how};c.hold")
            self.held(chain, 18, "/c")
            if order[0] != "a":
                self.stop(chain, "a")  # or it could answer before its turn comes
            backs = [self.kill(chain, name) for name in order]
            # When the caller is killed last it may have answered before.
            self.assertIn(later.answer(5).status, (200, 502))
            if "c" not in order:
                self.release(chain)
            for back in backs:
                back()
        self.each_how(one)

    def test_caller_first(self):
        self.both("ab")

    def test_callee_first(self):
        self.both("ba")

    def test_both_ends(self):
        self.both("ac")

    def test_all(self):
        self.both("cba")


class Load(Death):
    def test_each_in_turn_under_load(self):
        """Answers: right, an error value, or a 502 that says who died."""
        lost = []

        def check(n, answer):
            if answer.status == 502:
                lost.append(n)
                return
            assert answer.status == 200, answer
            text = answer.body.decode()
            match = re.match(r"one ok=(\d) same=\d(?: SP_EUPSTREAM=(\d))?(?: \w+=\d)* last=", text)
            assert match, text

        with trio() as chain:
            orders = [f"a.call=one,5,{how};b.call=one,3,{how}" for how in HOWS]
            with Traffic(chain, lambda n: ("POST", "/", b"load %d" % n,
                                           {"x-do": orders[n % 3]}), check, 16) as t:
                for name in "abcabc":
                    done = t.done
                    self.kill(chain, name)()
                    poll("flows again", lambda d=done: t.done > d + 100 or t.errors, 20)
            self.assertLess(len(lost), t.done / 5)
            self.whole(chain)

    def test_chosen_moments(self):
        """A moment after a call was made, a different one each time."""
        with trio() as chain:
            began = time.monotonic()
            for i in range(12):
                name = "abc"[i % 3]
                later = [Later(chain, f"a.call=one,9,{how};b.call=one,3,{how}") for how in HOWS]
                end = time.monotonic() + i * 0.0007
                while time.monotonic() < end:
                    pass
                back = self.kill(chain, name)
                for l in later:
                    self.assertIn(l.answer(10).status, (200, 502))
                back()
            self.assertLess(time.monotonic() - began, 60)
            self.whole(chain)


if __name__ == "__main__":
    tap.main()
