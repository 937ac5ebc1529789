# SPDX-License-Identifier: Apache-2.0
"""Requests whose answer nobody waits for any more: callers learn of it, and so do callees."""
import os
import signal
import threading
import time

import tap
from actors import CallTest, Later, actor, actors, calls
from client import poll
from h2 import (CANCEL, DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, RST_STREAM, field, frame,
                post, read_frame)

ROUTES = [{"from": "ingress", "to": "b", "when": {"path": "/b"}},
          {"from": "ingress", "to": "c", "when": {"path": "/c"}},
          "ingress a", "a reply", "b reply", "c reply"]


def trio(timeout):
    """a calls b, b calls c."""
    return actors({"a": calls("b", "c"), "b": calls("c"), "c": actor()}, ROUTES, timeout=timeout)


class Stream:
    """A request by HTTP/2, which can be reset."""

    def __init__(self, chain, orders, body=b"body"):
        self.connection = chain.connect()
        self.connection.write(PREFACE + frame(HEADERS, END_HEADERS, 1,
                                              post("/") + field("x-do", orders))
                              + frame(DATA, END_STREAM, 1, body))

    def reset(self):
        self.connection.write(frame(RST_STREAM, 0, 1, CANCEL))


class Cancel(CallTest):
    def log(self, chain, text, seconds=5):
        self.assertTrue(chain.log.wait(text, seconds=seconds), chain.report())

    def release(self, chain, name="c"):
        chain.request("POST", f"/{name}", b"", {"x-do": "free"})

    def test_deadline_while_parked(self):
        """The client gets 504, the handlers an error value each."""
        with trio("500ms") as chain:
            for how in ("copy", "ref", "msg"):
                start = len(chain.log.lines)
                began = time.monotonic()
                later = Later(chain, f"a.call=one,3,{how};b.call=one,2,{how};c.hold;"
                                     "a.log-canceled=x")
                self.held(chain, 6, "/c")
                # The handler learns of it at the same time, and may be quicker.
                self.assertIn(later.answer(5).status, (200, 504))
                self.assertLess(time.monotonic() - began, 2)
                # b has the same deadline: it may answer a before that gives up.
                for line in (r"b saw SP_(ETIMEOUT|ECANCELED) of one", "a x canceled=1"):
                    self.assertTrue(chain.log.wait(line, start, 5), line + chain.report())
                self.release(chain)
            self.whole(chain)

    def test_timeout_of_a_call_cancels_what_it_began(self):
        """a gives up, b is told so, and by it c is, long before the deadline."""
        with trio("20s") as chain:
            began = time.monotonic()
            text = self.do(chain, "a.call=one,3,copy,200;b.call=one;c.hold")
            # b has until then, too, and may be quicker to say so than a is to give up.
            if not text.startswith("one ok=3"):
                self.assertCall(text, SP_ETIMEOUT=3)
            self.assertIn(" SP_ETIMEOUT=", text)
            self.assertLess(time.monotonic() - began, 5)
            self.log(chain, r"b saw SP_(ETIMEOUT|ECANCELED) of one")
            self.release(chain)
            self.whole(chain)

    def test_reset_stream(self):
        with trio("20s") as chain:
            for how in ("copy", "ref", "msg"):
                start = len(chain.log.lines)
                stream = Stream(chain, f"a.call=one,3,{how};b.call=one,2,{how};c.hold;"
                                       "c.log-canceled=told;a.log-canceled=told")
                self.held(chain, 6, "/c")
                stream.reset()
                for line in ("a saw SP_ECANCELED of one", "b saw SP_ECANCELED of one",
                             "a told canceled=1"):
                    self.assertTrue(chain.log.wait(line, start, 5), line + chain.report())
                self.release(chain)
                self.assertTrue(chain.log.wait("c told canceled=1", start, 5), chain.report())
                stream.connection.close()
            self.whole(chain)

    def test_closed_connection_of_http2(self):
        with trio("20s") as chain:
            stream = Stream(chain, "a.call=one,3;b.call=one,2;c.hold")
            self.held(chain, 6, "/c")
            stream.connection.close()
            self.log(chain, "a saw SP_ECANCELED of one")
            self.log(chain, "b saw SP_ECANCELED of one")
            self.release(chain)
            self.whole(chain)

    def test_reset_while_it_waits_for_a_place(self):
        """A cancelled request is not begun."""
        with actors({"a": actor(concurrency=1), "b": calls("a")},
                    [{"from": "ingress", "to": "b", "when": {"path": "/b"}}, "ingress a",
                     "a reply", "b reply"], timeout="20s") as chain:
            streams = [Stream(chain, "a.hold;a.log=began") for _ in range(9)]
            poll("nine there", lambda: chain.function("a")["instances"][0]["in_flight"] == 9)
            for stream in streams:
                stream.reset()
            # A call has its turn all the same, and frees the one that has begun.
            poll("freed", lambda: b"last=freed 1" in chain.request(
                "POST", "/b", b"", {"x-do": "b.call=one;a.free"}).body)
            poll("over", lambda: chain.function("a")["instances"][0]["in_flight"] == 0)
            self.assertEqual(chain.log.text().count("a began body="), 1)
            self.assertGreaterEqual(self.counter(chain, "a", "error_canceled"), 8)
            for stream in streams:
                stream.connection.close()
            self.whole(chain)

    def test_gateway_dies(self):
        """The next one says for it that nobody waits."""
        with actors({"a": actor(concurrency=1), "b": calls("a")},
                    [{"from": "ingress", "to": "b", "when": {"path": "/b"}}, "ingress a",
                     "a reply", "b reply"], timeout="20s") as chain:
            clients = [Stream(chain, "a.hold;a.log=began") for _ in range(100)]
            poll("there", lambda: chain.function("a")["instances"][0]["in_flight"] == 100)
            old = chain.status()["gateway"]["pid"]
            os.kill(old, signal.SIGKILL)
            poll("another one", lambda: (g := chain.status()["gateway"])["pid"] != old and
                 g["state"] == "READY")
            for client in clients:
                client.connection.close()
            poll("freed", lambda: b"last=freed 1" in chain.request(
                "POST", "/b", b"", {"x-do": "b.call=one;a.free"}).body)
            poll("over", lambda: chain.function("a")["instances"][0]["in_flight"] == 0)
            self.assertEqual(chain.log.text().count("a began body="), 1)
            self.assertGreaterEqual(self.counter(chain, "a", "error_canceled"), 99)
            self.whole(chain)

    def test_closed_connection_of_http1(self):
        """Nobody looks at an idle HTTP/1 connection: by the deadline at the latest."""
        with trio("1s") as chain:
            with chain.connect() as c:
                c.send("POST", "/", b"body", {"x-do": "a.call=one,3;b.call=one,2;c.hold"})
                self.held(chain, 6, "/c")
            self.log(chain, r"a saw SP_(ECANCELED|ETIMEOUT) of one")
            self.log(chain, r"b saw SP_(ECANCELED|ETIMEOUT) of one")
            self.release(chain)
            self.whole(chain)

    def test_many_resets(self):
        """Streams that come and go on one connection, their calls with them."""
        with trio("20s") as chain:
            with chain.connect() as c:
                c.write(PREFACE)
                block = post("/") + field("x-do", "a.call=one,5;b.call=one,3;c.sleep=1")
                for i in range(1, 400, 2):
                    c.write(frame(HEADERS, END_HEADERS, i, block) + frame(DATA, END_STREAM, i, b"x")
                            + frame(RST_STREAM, 0, i, CANCEL))
                # What runs on counts among its hundred streams: others are refused until some
                # of it is over.
                last, ended = 401, False
                while not ended:
                    c.write(frame(HEADERS, END_HEADERS, last, block)
                            + frame(DATA, END_STREAM, last, b"x"))
                    kind = None
                    while not (ended or kind == RST_STREAM):
                        kind, flags, stream, payload = read_frame(c)
                        if stream != last:
                            kind = None
                        ended = kind in (HEADERS, DATA) and bool(flags & END_STREAM)
                    if not ended:
                        self.assertEqual(payload, b"\0\0\0\x07", "REFUSED_STREAM")
                        last += 2
                        threading.Event().wait(0.02)  # a client's pause before it tries again
            poll("over", lambda: chain.status()["gateway"]["in_flight"] == 0, 20)
            self.assertCall(self.do(chain, "a.call=one,3"), ok=3)
            self.whole(chain)

    def test_disconnect_while_a_buffer_is_waited_for(self):
        """Who is parked in sp_alloc is woken, too."""
        with actors({"a": calls("c"), "c": actor()},
                    [{"from": "ingress", "to": "c", "when": {"path": "/c"}}, "ingress a",
                     "a reply", "c reply"], memory="2Mi", sizes=("16Ki",), timeout="20s") as chain:
            hog = Stream(chain, "a.alloc=10000,16000")
            poll("none left", lambda: chain.status()["gateway"]["leased"] > 60, 10)
            stream = Stream(chain, "a.alloc=10,16000;a.log-canceled=woken")
            poll("both there", lambda: chain.status()["gateway"]["in_flight"] >= 2)
            stream.reset()
            self.log(chain, "a woken canceled=1")
            hog.reset()
            self.whole(chain)
            for s in (stream, hog):
                s.connection.close()



if __name__ == "__main__":
    tap.main()
