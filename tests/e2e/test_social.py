# SPDX-License-Identifier: Apache-2.0
"""The example social: fan-out and join, calls, and a tee, with real functions behind them."""
import os
import signal
from urllib.parse import urlencode

import golden
import tap
from client import poll
from harness import ChainTest, Traffic, in_parallel

USERS = ("ada", "barbara", "dennis", "edsger", "grace", "ken", "linus", "margaret")
POSTS = 20  # of each user; a timeline holds 64


def form(**fields):
    return urlencode(fields).encode()


def social(**words):
    return golden.example("social", **words)


class Social(ChainTest):
    def post(self, connection, user, text, **more):
        answer = connection.request("POST", "/compose", form(user=user, text=text, **more))
        self.assertEqual(answer.status, 201, answer)
        return answer.json()

    def timeline(self, connection, path):
        answer = connection.request("GET", path)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["posts"]

    def test_golden(self):
        with social(clock="steps") as chain:
            self.assertGreater(golden.check(self, chain, "social"), 20)
            # nobody waits for the tee: it comes when it comes
            lines = poll("audit has seen all", lambda: len(
                got := chain.request("GET", "/audit").body.decode().splitlines()) == 7 and got)
            self.assertEqual(lines, ["1 ada 40", "2 grace 32", "3 linus 31", "4 ada 6",
                                     "5 nobody 5", "6 ada 5", "7 ada 26"])
            self.assertTrue(chain.log.wait(r"\baudit\b.*\bada posts 40 bytes\b.*request="))
            self.assertEqual(sum(chain.violations().values()), 0)
            chain.wait_idle(leases=True)

    def test_many_at_once(self):
        """Eight clients post and read: ids are unique and rise, timelines are whole."""
        def client(i):
            with chain.connect() as c:
                name, ids = USERS[i], []
                for n in range(POSTS):
                    friend = USERS[(i + n) % len(USERS)]
                    text = f"{n}: @{friend} http://example.org/{name}/{n}"
                    ids.append(int(self.post(c, name, text, media=f"{n + 1}.png")["id"]))
                    own = self.timeline(c, f"/timeline/{name}?limit=1")
                    self.assertEqual(int(own[0]["id"]), ids[-1])
                return ids
        with social() as chain:
            with chain.connect() as c:
                for name in USERS[1:]:
                    c.request("POST", "/follow", form(user=name, follow="ada"))
            everyone = in_parallel(len(USERS), client)
            self.assertEqual(len({i for ids in everyone for i in ids}), POSTS * len(USERS))
            for ids in everyone:
                self.assertEqual(ids, sorted(ids))
            with chain.connect() as c:
                for name, ids in zip(USERS, everyone):
                    posts = self.timeline(c, f"/timeline/{name}?limit=20")
                    self.assertEqual([int(p["id"]) for p in posts], ids[::-1])
                    self.links(c, posts)
                home = [int(p["id"]) for p in self.timeline(c, "/home/linus?limit=20")]
                self.assertEqual(home, sorted(home, reverse=True))
            self.audited(chain, POSTS * len(USERS))
            self.assertEqual(sum(chain.violations().values()), 0)
            chain.wait_idle(leases=True)

    def audited(self, chain, posts):
        """Each post has come to audit, or is counted as one that did not."""
        def all_of_them():
            status = chain.status()
            seen = chain.function("audit", status)["counters"].get("posts_audited", 0)
            dropped = chain.function("compose", status)["counters"].get("tee_dropped", 0)
            return seen + dropped == posts and seen
        seen = poll("audit has seen all", all_of_them)
        self.assertGreater(seen, posts / 2)
        last = chain.request("GET", "/audit").body.decode().splitlines()[-1]
        self.assertTrue(last.startswith(f"{seen} "), last)

    def links(self, connection, posts):
        """Each short URL of the texts leads to where the post's own URL did."""
        for post in posts:
            number, _, short = post["text"].split(" ")
            answer = connection.request("GET", short)
            self.assertEqual((answer.status, answer.header("location")),
                             (302, f"http://example.org/{post['author']}/{number[:-1]}"))

    def test_functions_die(self):
        """Whoever dies, posts are made or refused, and nothing is lost or hangs."""
        with social() as chain:
            with Traffic(chain, lambda n: ("POST", "/compose", form(
                    user=USERS[n % 8], text=f"{n} @ada http://example.org/{n}")),
                    lambda n, a: self.assertIn(a.status, (201, 502, 503)), clients=3) as traffic:
                for name in ("text", "url-shorten", "media", "assemble", "graph", "audit",
                             "timelines"):
                    old = chain.instance_pid(name)
                    os.kill(old, signal.SIGKILL)
                    chain.replaced(name, [old])
                    done = traffic.done
                    poll(f"it goes on without the old {name}", lambda: traffic.done > done + 10)
            poll("posts are made", lambda: chain.request(
                "POST", "/compose", form(user="ada", text="there")).status == 201)
            chain.wait_idle(leases=True)

    def test_audit_hangs(self):
        """A tee that does not answer delays nobody."""
        with social() as chain:
            pid = chain.instance_pid("audit")
            os.kill(pid, signal.SIGSTOP)
            try:
                with chain.connect() as c:
                    for n in range(200):
                        self.post(c, "ada", f"post {n}")
            finally:
                os.kill(pid, signal.SIGCONT)
            self.audited(chain, 200)
            chain.wait_idle(leases=True)


if __name__ == "__main__":
    tap.main()
