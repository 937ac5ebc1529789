# SPDX-License-Identifier: Apache-2.0
"""Changes to chains that serve: every request is answered, or nothing has changed."""
import os
import re
import shutil
import signal
import threading
from pathlib import Path

import tap
from client import poll
from daemon import Daemon, Stream, chain_text
from harness import BUILD, ChainTest, program

SLOW = os.environ.get("SPROCKET_SLOW") == "1"
NAME = {"X-Probe": "name"}


def one(text="a", start="ok", instances=1, memory="16Mi", exec=None, name=None):
    return chain_text("one", name, text=text, start=start, instances=instances, memory=memory,
                      exec=exec or program("probe", BUILD))


class Change(ChainTest):
    def assertNoneFailed(self, stream):
        self.assertEqual(stream.failures, [], f"of {stream.done}")
        self.assertGreater(stream.done, 10)

    def test_config(self):
        with Daemon() as daemon:
            daemon.apply(one("a"))
            old = daemon.instances("one", "only")[0]["pid"]
            with Stream(daemon.port("one")) as stream:
                done = daemon.apply(one("b"))
                self.assertIn("one configured", done.stdout)
            self.assertNoneFailed(stream)
            answer = daemon.request("one", headers={"X-Probe": "config=text"}, body=b"")
            self.assertEqual(answer.body, b"config text: b\n")
            new = daemon.instances("one", "only")
            self.assertEqual(len(new), 1)
            self.assertNotEqual(new[0]["pid"], old)
            poll("the old one is gone", lambda: not os.path.exists(f"/proc/{old}"))
            self.assertIn("one unchanged", daemon.apply(one("b")).stdout)
            self.assertEqual(daemon.instances("one", "only"), new)
            daemon.whole("one")

    def test_binary(self):
        rounds = 100 if SLOW else 12
        with Daemon() as daemon:
            path = daemon.folder / "function"
            shutil.copy(program("probe"), path)
            daemon.apply(one(exec=path))
            self.assertIn("unchanged", daemon.apply(one(exec=path)).stdout)
            with Stream(daemon.port("one")) as stream:
                for n in range(rounds):
                    fresh = daemon.folder / "fresh"
                    shutil.copy(program("probe"), fresh)
                    fresh.rename(path)
                    self.assertIn("configured", daemon.apply(one(exec=path)).stdout, n)
            self.assertNoneFailed(stream)
            daemon.whole("one")

    def test_crash_after_rollback_runs_the_old_binary(self):
        with Daemon() as daemon:
            path = daemon.folder / "function"
            shutil.copy(program("probe"), path)
            daemon.apply(one(exec=path))
            path.unlink()
            shutil.copy("/bin/false", path)
            self.assertNotEqual(daemon.apply(one(exec=path), check=False).returncode, 0)
            pid = daemon.instances("one", "only")[0]["pid"]
            os.kill(pid, 9)
            poll("replaced", lambda: [i for i in daemon.instances("one", "only")
                                      if i["pid"] != pid])
            self.assertEqual(daemon.request("one", body=b"x").body, b"x")

    def test_routes(self):
        rounds = 50 if SLOW else 10
        with Daemon() as daemon:
            daemon.apply(chain_text("fork", way="left"))
            pids = {i["pid"] for f in ("first", "left", "right")
                    for i in daemon.instances("fork", f)}
            with Stream(daemon.port("fork")) as stream:
                for n in range(rounds):
                    way = ("right", "left")[n % 2]
                    daemon.apply(chain_text("fork", way=way))
                    before = daemon.function("fork", way)["instances"][0]["in"]
                    poll("it goes the new way", lambda w=way, b=before: daemon.function(
                        "fork", w)["instances"][0]["in"] > b)
            self.assertNoneFailed(stream)
            self.assertEqual({i["pid"] for f in ("first", "left", "right")
                              for i in daemon.instances("fork", f)}, pids)
            self.assertEqual(sum(daemon.status("fork")["kernel"]["violations"].values()), 0)
            daemon.whole("fork")

    def test_joins_and_tees(self):
        """They come and go in the chain that runs, and its graph shows them."""
        with Daemon() as daemon:
            plain = chain_text("fork", way="left")
            all_of = "{all: [left, right]}, join: {at: right, wait: any}"
            daemon.apply(plain)
            pids = {i["pid"] for f in ("first", "left", "right")
                    for i in daemon.instances("fork", f)}
            for way, more in (
                    (all_of, {("left", "all", "call"), ("right", "all", "call"),
                              ("right", "right,join", "route")}),
                    ("left, tee: [right]", {("left", "left,next", "route"),
                                            ("right", "right,tee", "route")}),
                    (all_of + ", tee: [left]", {("left", "left,tee", "route"),
                                                ("left", "all", "call")}),
                    ("left", {("left", "left,next", "route"), ("right", "right", "route")})):
                done = daemon.apply(chain_text("fork", way=way))
                self.assertIn("fork configured", done.stdout)
                graph = daemon.api("GET", "/v1/chains/fork/graph")
                edges = {(e["to"], e["edge"], e["kind"]) for e in graph["edges"]
                         if e["from"] == "first"}
                self.assertLessEqual(more, edges)
            self.assertIn("unchanged", daemon.apply(plain).stdout)
            self.assertEqual({i["pid"] for f in ("first", "left", "right")
                              for i in daemon.instances("fork", f)}, pids)
            daemon.whole("fork")

    def test_ingress(self):
        with Daemon() as daemon:
            small = one().replace("maxBody: 2Ki", "maxBody: 1Ki")
            daemon.apply(small)
            gateway = daemon.status("one")["gateway"]["pid"]
            body = b"x" * 2000
            with Stream(daemon.port("one")) as stream:
                self.assertEqual(daemon.request("one", body=body).status, 413)
                self.assertIn("configured", daemon.apply(one()).stdout)
                self.assertEqual(daemon.request("one", body=body).body, body)
                self.assertIn("configured", daemon.apply(small).stdout)
                self.assertEqual(daemon.request("one", body=body).status, 413)
                other = one().replace("path: /in", "path: /other")
                self.assertIn("configured", daemon.apply(other).stdout)
                self.assertEqual(daemon.request("one", path="/other", body=b"x").status, 200)
                self.assertEqual(daemon.request("one", path="/in", body=b"x").status, 404)
                daemon.apply(one())
            self.assertEqual({f for f in stream.failures if "404" not in f}, set())
            self.assertEqual(daemon.status("one")["gateway"]["pid"], gateway)

    def test_instances(self):
        with Daemon() as daemon:
            daemon.apply(one())
            with Stream(daemon.port("one")) as stream:
                for count in (4, 1, 9, 3):
                    daemon.apply(one(instances=count))
                    poll(f"{count} serve", lambda c=count: len(
                        daemon.function("one", "only")["instances"]) == c
                        and len(daemon.instances("one", "only")) == c)
            self.assertNoneFailed(stream)
            daemon.whole("one")

    def test_logs_that_cannot_be_kept_are_told(self):
        with Daemon() as daemon:
            daemon.logs.mkdir(exist_ok=True)
            daemon.logs.joinpath("one").write_text("no folder\n")
            daemon.apply(one(start="fail"), check=False)
            poll("it is told", lambda: [e for e in daemon.events()
                                        if "log lines are lost" in e["message"]])

    def test_pool_is_replaced(self):
        with Daemon() as daemon:
            daemon.apply(one())
            port = daemon.port("one")
            with Stream(port) as stream, Stream(port, reconnect=True) as other:
                done = daemon.apply(one(memory="32Mi"))
                self.assertIn("one replaced", done.stdout)
                self.assertEqual(daemon.port("one"), port)
                poll("the old gateway is gone", lambda: len(gateways(daemon)) == 1, 20)
            self.assertNoneFailed(stream)
            self.assertNoneFailed(other)
            daemon.whole("one")

    def test_asked_again_while_it_is_replaced(self):
        with Daemon() as daemon:
            daemon.apply(one())
            other = one(memory="32Mi", start="slow")
            thread = threading.Thread(target=daemon.apply, args=(other,))
            thread.start()
            poll("it is being replaced", lambda: daemon.status("one")["phase"] == "Updating")
            self.assertIn("unchanged", daemon.apply(other).stdout)
            thread.join(20)
            serving = [e["count"] for e in daemon.events("one") if e["reason"] == "Serving"]
            self.assertEqual(sum(serving), 2)  # the first, and the one in its place

    def test_refused_and_rolled_back(self):
        with Daemon() as daemon:
            daemon.apply(one("a", instances=2))
            before = daemon.instances("one", "only")
            with Stream(daemon.port("one")) as stream:
                bad = daemon.apply(one("b").replace("to: only}", "to: olny}"),
                                   check=False)
                self.assertEqual(bad.returncode, 3)
                self.assertIn('Did you mean "only"', bad.stderr)
                for start in ("fail", "crash"):
                    bad = daemon.apply(one("b", start=start), check=False)
                    self.assertEqual(bad.returncode, 1, bad)
                    self.assertIn("rolled back", bad.stderr)
                    self.assertIn("only", bad.stderr)
                bad = daemon.apply(one("b", start="crash", memory="32Mi"), check=False)
                self.assertIn("rolled back", bad.stderr)
            self.assertNoneFailed(stream)
            now = daemon.instances("one", "only")
            self.assertEqual([i["pid"] for i in now], [i["pid"] for i in before])
            conditions = {c["type"]: c for c in daemon.status("one")["conditions"]}
            self.assertEqual(conditions["Progressing"]["reason"], "RolledBack")
            self.assertEqual(conditions["Ready"]["status"], "True")
            self.assertIn("RolledBack", daemon.reasons("one"))
            self.assertIn("unchanged", daemon.apply(one("a", instances=2)).stdout)
            daemon.whole("one")

    def test_create_that_fails_leaves_nothing(self):
        with Daemon() as daemon:
            bad = daemon.apply(one(start="crash"), check=False)
            self.assertEqual(bad.returncode, 1)
            self.assertEqual(daemon.api("GET", "/v1/chains/one")["http"], 404)
            self.assertEqual(list(daemon.pins.glob("*")), [])

    def test_a_program_that_cannot_be_executed_is_told_with_what_to_do(self):
        with Daemon() as daemon:
            mine = Path(shutil.copy(program("probe", BUILD), daemon.folder / "mine"))
            mine.chmod(0o700)
            bad = daemon.apply(one(exec=mine), check=False)
            self.assertEqual(bad.returncode, 3)
            self.assertRegex(bad.stderr, r"Permission denied: chmod a\+rx")
            mine.chmod(0o755)
            daemon.apply(one(exec=mine))
            mine.chmod(0o700)
            os.kill(daemon.instances("one", "only")[0]["pid"], signal.SIGKILL)
            poll("it is told", lambda: re.search(
                r"only cannot start: user \d+ may not read or execute its program: .*chmod a\+rx /",
                daemon.log.text()), 20)

    def test_two_at_once(self):
        with Daemon() as daemon:
            daemon.apply(one("start"))
            files = [daemon.write(one(f"t{i}"), f"t{i}") for i in range(6)]
            with Stream(daemon.port("one")) as stream:
                results = [None] * 6

                def work(i):
                    results[i] = daemon.cli("apply", "-f", files[i])
                threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
                for t in threads:
                    t.start()
                for t in threads:
                    t.join(60)
            self.assertEqual([r.returncode for r in results], [0] * 6, results)
            self.assertNoneFailed(stream)
            text = daemon.request("one", headers={"X-Probe": "config=text"}, body=b"").body
            self.assertIn(text, [b"config text: t%d\n" % i for i in range(6)])
            self.assertEqual(daemon.chain("one")["metadata"]["generation"], 7)


def gateways(daemon):
    import leftovers
    return [p for p in leftovers.marked(daemon.mark)
            if leftovers.read(f"/proc/{p}/comm").startswith(b"sprocket-gatew")
            or leftovers.read(f"/proc/{p}/comm").startswith(b"gateway")]


if __name__ == "__main__":
    tap.main()
