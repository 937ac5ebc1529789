# SPDX-License-Identifier: Apache-2.0
"""The daemon's API over HTTP on its socket, with chains that really run."""
import http.client
import os
import threading
import time
from pathlib import Path

import tap
from api_client import (Followed, delete, fds, fds_settle, names, one, put, put_path, raw, read_all,
                        script)
from client import poll
from daemon import ApiConnection, Daemon
from harness import ChainTest, program


class Api(ChainTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon = Daemon(args=["--metrics", "127.0.0.1:0"])
        try:
            cls.daemon.start()
        except BaseException:
            cls.daemon.destroy()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__(None, None, None)
        super().tearDownClass()

    def ask(self, *args):
        return self.daemon.api(*args)

    def assertAnswer(self, answer, **wanted):
        self.assertEqual({k: answer.get(k) for k in wanted}, wanted, answer)

    # ---- answers ----

    def test_plain_answers(self):
        self.assertAnswer(self.ask("GET", "/healthz"), http=200, text="ok\n")
        metrics = self.ask("GET", "/metrics")
        self.assertEqual(metrics["http"], 200)
        self.assertIn("\n# EOF\n" if "# EOF" in metrics["text"] else "sprocket_", metrics["text"])
        self.assertAnswer(self.ask("GET", "/v1/version"), http=200, api="v1",
                          pid=self.daemon.process.pid)
        self.assertAnswer(self.ask("GET", "/v1/chains"), http=200, items=[])

    def test_life_of_a_chain(self):
        self.assertAnswer(put(self.daemon, "life"), http=200, name="life", result="created",
                          generation=1)
        self.assertAnswer(put(self.daemon, "life", one("life", "b")), http=200,
                          result="configured", generation=2)
        self.assertEqual(self.ask("GET", "/v1/chains/life")["metadata"]["generation"], 2)
        self.assertEqual(self.ask("GET", "/v1/chains/life/file")["text"], one("life", "b"))
        self.assertAnswer(self.ask("GET", "/v1/chains/life/graph"), http=200)
        self.assertAnswer(self.ask("POST", "/v1/chains/life/functions/none/debug"), http=404,
                          error="chain life has no function none")
        self.assertAnswer(self.ask("POST", "/v1/chains/life/drain"), http=200, result="drained")
        self.assertAnswer(self.ask("DELETE", "/v1/chains/life"), http=200, name="life",
                          result="deleted")
        self.assertAnswer(self.ask("DELETE", "/v1/chains/life"), http=404)

    def test_dry_run_touches_nothing(self):
        answer = put(self.daemon, "dry", more="&dryRun=true")
        self.assertAnswer(answer, http=200, result="created", dryRun=True)
        self.assertTrue(answer["changes"], answer)
        self.assertAnswer(self.ask("GET", "/v1/chains/dry"), http=404)

    def test_not_waiting(self):
        self.assertAnswer(put(self.daemon, "slow", one("slow", start="slow"), "&wait=false"),
                          http=202, result="created")
        poll("it serves", lambda: self.daemon.status("slow")["phase"] == "Serving", 20)
        self.assertAnswer(self.ask("DELETE", "/v1/chains/slow?wait=false"), http=202)
        poll("it goes", lambda: self.ask("GET", "/v1/chains/slow")["http"] == 404, 20)

    def test_errors(self):
        table = [
            ("GET", "/nothing", None, 404, "NotFound"),
            ("GET", "/v1/chains/none", None, 404, "NotFound"),
            ("POST", "/v1/chains", None, 405, "MethodNotAllowed"),
            ("PUT", "/v1/chains/a", "x", 400, "BadRequest"),
            ("PUT", "/v1/chains/a?file=relative", "x", 400, "BadRequest"),
            ("PUT", "/v1/chains/a?file=/a&dryRun=maybe", "x", 400, "BadRequest"),
            ("PUT", "/v1/chains/a?file=/a", "x" * ((1 << 20) + 1), 413, "TooLarge"),
            ("PUT", "/v1/chains/a?file=/a", "", 422, "Invalid"),
            ("PUT", "/v1/chains/a?file=/a", b"\xff\xfe\0", 422, "Invalid"),
            ("GET", "/v1/chains?watch=1", None, 400, "BadRequest"),
        ]
        for method, path, body, status, reason in table:
            with self.subTest(method=method, path=path):
                answer = self.ask(method, path, body)
                self.assertAnswer(answer, http=status, reason=reason)
                self.assertTrue(answer["error"])
        connection = ApiConnection(self.daemon.socket)
        connection.request("PUT", "/v1/chains/a?file=/a", "x", {"Content-Type": "image/png"})
        self.assertEqual(connection.getresponse().status, 415)
        connection.close()
        answer = put(self.daemon, "other", one("shop"))
        self.assertAnswer(answer, http=422)
        self.assertIn("use one name", answer["error"])

    def test_refused_and_rolled_back(self):
        put(self.daemon, "first", one("first").replace("spec:", "spec:\n  listen: 127.0.0.2:39471"))
        answer = put(self.daemon, "second",
                     one("second").replace("spec:", "spec:\n  listen: 127.0.0.2:39471"))
        self.assertAnswer(answer, http=422, reason="Refused")
        answer = put(self.daemon, "first", one("first", start="crash"))
        self.assertAnswer(answer, http=409, reason="RolledBack")
        self.assertIn("rolled back: ", answer["error"])
        delete(self.daemon, "first")

    def test_all_errors_of_a_file(self):
        text = one("bad", exec="./missing") + "  more: 1\n"
        answer = put(self.daemon, "bad", text)
        self.assertAnswer(answer, http=422)
        self.assertEqual(len(answer["errors"]), 2, answer)
        line = text[:text.index("./missing")].count("\n") + 1
        self.assertTrue(answer["errors"][0].startswith(f"{self.daemon.folder}/bad.yaml:{line}:"),
                        answer)
        self.assertIn("no such file", answer["errors"][0])
        script(self.daemon.folder, "garbage", "echo hello, world\n")
        answer = put(self.daemon, "bad", one("bad", exec="./garbage"))
        self.assertAnswer(answer, http=422)
        self.assertIn("not a Sprocket function", answer["errors"][0])

    # ---- changes ----

    def test_a_slow_executable_holds_nobody(self):
        script(self.daemon.folder, "hangs", "exec sleep 60\n")
        answers = []
        asking = threading.Thread(target=lambda: answers.append(
            put(self.daemon, "late", one("late", exec="./hangs"))))
        began = time.monotonic()
        asking.start()
        worst = 0
        while not answers:
            before = time.monotonic()
            self.assertAnswer(self.ask("GET", "/v1/chains"), http=200)
            worst = max(worst, time.monotonic() - before)
            time.sleep(0.02)
        asking.join()
        self.assertLess(worst, 1.5)
        self.assertGreater(time.monotonic() - began, 1.9)
        self.assertAnswer(answers[0], http=422)
        self.assertIn("did not end within 2 s", answers[0]["errors"][0])
        self.assertEqual(self.children("hangs"), [])

    def children(self, name):
        found = []
        for path in Path(f"/proc/{self.daemon.process.pid}/task").glob("*/children"):
            for pid in path.read_text().split():
                try:
                    if name in Path(f"/proc/{pid}/cmdline").read_text():
                        found.append(pid)
                except OSError:
                    pass
        return found

    def test_changes_of_a_chain_keep_their_order(self):
        """The first takes 2 s to be asked; the second must not overtake it."""
        script(self.daemon.folder, "waits", "exec sleep 59.5\n")
        order = []

        def ask(text):
            order.append(put(self.daemon, "turn", text)["http"])

        first = threading.Thread(target=ask, args=(one("turn", exec="./waits"),))
        first.start()
        poll("it is asked", lambda: self.children("59.5"), 20)
        ask(one("turn"))
        first.join()
        self.assertEqual(order, [422, 200])
        delete(self.daemon, "turn")

    def test_a_waiting_client_that_goes(self):
        """The change is made all the same."""
        connection = ApiConnection(self.daemon.socket)
        connection.request("PUT", put_path(self.daemon, "slow"), one("slow", start="slow"))
        poll("it is under way", lambda: "slow" in names(self.daemon), 20)
        connection.close()
        self.assertAnswer(put(self.daemon, "slow", one("slow", "b")), result="configured")
        delete(self.daemon, "slow")

    def test_all_that_can_be_asked_of_a_chain_while_it_is_made(self):
        """It is not declared yet."""
        with Followed(self.daemon, "/v1/events?follow=true"):
            put(self.daemon, "young", one("young", start="slow"), "&wait=false")
            poll("it is there", lambda: "young" in names(self.daemon), 20)
            self.assertEqual(self.daemon.status("young")["phase"], "Starting")
            with Followed(self.daemon, "/v1/chains?watch=true") as watch:
                watch.until(lambda line: line["object"]["metadata"]["name"] == "young")
            for path, status in [("", 200), ("/graph", 200), ("/file", 200), ("/logs", 200)]:
                self.assertAnswer(self.ask("GET", f"/v1/chains/young{path}"), http=status)
            self.assertAnswer(put(self.daemon, "young", more="&dryRun=true"), http=200)
            self.assertAnswer(self.ask("POST", "/v1/chains/young/functions/only/debug"), http=422)
            self.assertAnswer(self.ask("GET", "/metrics"), http=200)
            self.assertAnswer(self.ask("GET", "/v1/stats"), http=200)
        self.assertAnswer(put(self.daemon, "young", one("young", "b")), http=200)
        delete(self.daemon, "young")

    def test_deleted_and_declared_again_at_once(self):
        put(self.daemon, "again")
        self.ask("DELETE", "/v1/chains/again?wait=false")
        self.assertAnswer(put(self.daemon, "again"), http=200)
        threads = [threading.Thread(target=call) for call in
                   [lambda: delete(self.daemon, "again"), lambda: put(self.daemon, "again")] * 4]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        self.assertAnswer(put(self.daemon, "again"), http=200)
        delete(self.daemon, "again")

    # ---- streams ----

    def test_watch(self):
        put(self.daemon, "old")
        with Followed(self.daemon, "/v1/chains?watch=true") as watch:
            def told(kind, name):
                watch.until(lambda line: (line["type"], line["object"]["metadata"]["name"])
                            == (kind, name))
            told("ADDED", "old")
            put(self.daemon, "new")
            told("ADDED", "new")
            put(self.daemon, "new", one("new", "b"))
            told("MODIFIED", "new")
            delete(self.daemon, "new")
            told("DELETED", "new")
        delete(self.daemon, "old")

    def test_events(self):
        put(self.daemon, "told")
        items = self.daemon.events("told")
        self.assertIn("Serving", [e["reason"] for e in items])
        with Followed(self.daemon, "/v1/events?chain=told&follow=true") as events:
            for event in items:
                self.assertEqual(events.line()["reason"], event["reason"])
            for text, count in [("b", 1), ("c", 2)]:
                put(self.daemon, "told", one("told", text))
                events.until(lambda e: (e["reason"], e["message"], e["count"])
                             == ("Changed", "configured", count))
        delete(self.daemon, "told")

    def test_logs(self):
        put(self.daemon, "shop")
        for _ in range(3):
            self.daemon.request("shop", headers={"X-Probe": "log=1"}, body=b"")
        path = "/v1/chains/shop/logs"
        with Followed(self.daemon, path + "?tail=2&source=only-0&follow=true") as logs:
            poll("two old lines", lambda: "probe line" in logs.line()["line"])
            self.daemon.request("shop", headers={"X-Probe": "log=7"}, body=b"")
            line = logs.until(lambda line: "probe line 7 of 7" in line["line"])
            self.assertEqual(line["source"], "only-0")
        answer = self.ask("GET", path + "?tail=2&source=only-0")
        self.assertEqual(answer["text"].count("\n"), 2, answer)
        self.assertAnswer(self.ask("GET", path + "?tail=-1"), http=400)
        delete(self.daemon, "shop")

    def test_streams_of_a_chain_that_does_not_run(self):
        put(self.daemon, "shop")
        self.ask("POST", "/v1/chains/shop/drain")
        self.assertAnswer(self.ask("GET", "/v1/chains/shop/tap"), http=409, reason="NotRunning")
        self.assertAnswer(self.ask("GET", "/v1/chains/shop/graph"), http=200)
        self.assertAnswer(self.ask("GET", "/v1/chains/shop/logs?tail=1"), http=200)
        delete(self.daemon, "shop")

    def test_a_client_that_does_not_read_is_left(self):
        fifo = self.daemon.folder / "noise"
        os.mkfifo(fifo)
        noisy = script(self.daemon.folder, "noisy", f"""if [ "$1" != --describe ]; then
    line=$(printf %04000d 0)
    while read -r _; do echo "$line"; done < {fifo} &
fi
exec "{program("probe")}" "$@"
""")
        seen = f"security: {{files: {{read: [{program('probe').parent}]}}}}, exec:"
        self.assertAnswer(put(self.daemon, "shop",
                              one("shop", exec=noisy).replace("exec:", seen)), http=200)
        with open(fifo, "wb", buffering=0) as noise:
            noise.write(b"\n")
            # From the first line on the daemon has the log's file open.
            poll("a line", lambda: list(self.daemon.logs.glob("shop/only-0.log")))
            before = fds(self.daemon)
            deaf = Followed(self.daemon, "/v1/chains/shop/logs?follow=true&tail=0")
            noise.write(b"\n" * 2000)
            # More than the backlog and the socket's buffer hold.
            poll("it was too much", lambda: sum(
                f.stat().st_size for f in self.daemon.logs.glob("shop/*")) > 2 << 20, 30)
        self.assertIn(b"TooSlow", deaf.answer.read().splitlines()[-1])
        deaf.close()
        fds_settle(self.daemon, before)
        delete(self.daemon, "shop")

    def test_clients_that_go_are_noticed(self):
        put(self.daemon, "shop")
        before = fds(self.daemon)
        kept = [Followed(self.daemon, path) for path in
                ["/v1/chains?watch=true", "/v1/events?follow=true",
                 "/v1/chains/shop/logs?follow=true", "/v1/chains/shop/tap"] * 4]
        self.assertGreaterEqual(fds(self.daemon), before + 8)  # others before may be going still
        for stream in kept:
            stream.close()
        fds_settle(self.daemon, before)
        delete(self.daemon, "shop")

    def test_idle_costs_nothing(self):
        status = Path(f"/proc/{self.daemon.process.pid}/status")

        def switches():
            return int(status.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0])

        def rests():
            before = switches()
            time.sleep(0.3)
            return switches() == before
        with Followed(self.daemon, "/v1/chains?watch=true"):
            poll("it rests", rests, 20)

    # ---- who may do what ----

    def test_metrics_address_serves_metrics_alone(self):
        host, port = self.daemon.log.wait(r"metrics on (\S+)")[1].split(":")
        for path, status in [("/metrics", 200), ("/healthz", 200), ("/v1/chains", 404)]:
            connection = http.client.HTTPConnection(host, int(port), timeout=20)
            connection.request("GET", path)
            self.assertEqual(connection.getresponse().status, status, path)
            connection.close()

    def test_garbage(self):
        before = fds(self.daemon)
        table = [
            (b"\0" * 100, None), (b"GET / HTTP/9.9\r\n\r\n", None),
            (b"GET /" + b"x" * 100000, b" 414 "),
            (b"PUT /v1/chains/a?file=/a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
             b" 400 "),
            (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20000, b" 431 "),
            (b"PUT /v1/chains/a?file=/a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
             b" 413 "),
        ]
        held = [(raw(self.daemon, data), wanted) for data, wanted in table]
        self.assertAnswer(self.ask("GET", "/healthz"), http=200)
        for s, wanted in held:
            if wanted:
                self.assertIn(wanted, s.recv(200))
            s.close()
        fds_settle(self.daemon, before)

    def test_pipelined(self):
        ask = b"GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n"
        wait = b"PUT " + put_path(self.daemon, "a").encode() + b" HTTP/1.1\r\nHost: x\r\n"
        body = one("a", start="slow").encode()
        wait += b"Content-Length: %d\r\n\r\n" % len(body) + body
        last = ask.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        answer = read_all(raw(self.daemon, ask * 5 + wait + ask * 5 + last))
        self.assertEqual(answer.count(b"HTTP/1.1 200 "), 12, answer[-2000:])
        self.assertLess(answer.index(b'"created"'), answer.rindex(b'"api"'))
        delete(self.daemon, "a")

    def test_words_of_the_api_and_long_names(self):
        for name in ("chains", "watch", "file", "drain", "a" * 63):
            with self.subTest(name=name):
                self.assertAnswer(put(self.daemon, name), http=200)
                self.assertEqual(self.daemon.request(name, body=b"x").body, b"x")
                self.assertAnswer(self.ask("GET", f"/v1/chains/{name}/file"), text=one(name))
                self.assertAnswer(self.ask("DELETE", f"/v1/chains/{name}"), result="deleted")
        for name in ("a" * 64, "a" * 5000, "..", "%2e%2e%2fa", "a%00b", "a%0ab"):
            with self.subTest(name=name):
                answer = self.ask("PUT", f"/v1/chains/{name}?file=/a.yaml", one(name))
                self.assertIn(answer["http"], (400, 404, 422), answer)
        self.assertEqual(names(self.daemon), [])


if __name__ == "__main__":
    tap.main()
