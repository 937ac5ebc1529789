# SPDX-License-Identifier: Apache-2.0
"""Functions that write to their sockets themselves: refused, counted, cut off, replaced."""
import random
import unittest

import tap
from client import poll
from daemon import Daemon
from harness import fill, program
from hostile import (DESC, REPLY, Held, HostileTest, fine_traffic, hostile_chain, order,
                     tell)


class Refused(HostileTest):
    """One violation each."""

    more = 40

    def refused(self, reasons, kind, status=(502,), **words):
        self.assert_refused(self.chain, order(kind, **words), reasons, status)

    def test_buffer_that_another_function_holds(self):
        chain = self.chain
        with Held(chain) as held:
            stolen = DESC.unpack(bytes.fromhex(tell(chain, "keeper")["held"]))
            forged = DESC.pack(*stolen[:3], REPLY, 0, stolen[5])
            before, old = chain.violations(), chain.instance_pid(self.bad)
            answer = self.attack(chain, order("raw", bytes=forged.hex()))
            self.assertProblem(answer, 502, "hostile")
            chain.replaced(self.bad, [old])
            self.assert_counted(chain, before, ["owner"])
            held.free()
            self.assertEqual((held.answers[0].status, held.answers[0].body), (200, b"held 0"))
        self.assert_serves(chain)

    def test_buffer_that_is_free(self):
        self.refused(["stale", "owner"], "other", value=3)

    def test_stale_generation(self):
        self.refused(["stale"], "stale")

    def test_generation_of_the_future(self):
        self.refused(["stale"], "stale", value=1)

    def test_request_that_is_over(self):
        self.assertEqual(self.chain.request("POST", self.path, b"first").status, 200)
        self.chain.wait_idle()
        self.refused(["stale"], "last")

    def test_edge_that_the_graph_lacks(self):
        self.refused(["edge"], "edge", value=63)

    def test_edge_below_the_fixed_ones(self):
        self.refused(["edge"], "edge", value=0xef)

    def test_edge_above_the_fixed_ones(self):
        self.refused(["edge"], "edge", value=0xff)

    def test_edge_between(self):
        self.refused(["edge"], "edge", value=64)

    def test_index_just_out_of_range(self):
        self.refused(["index"], "index")

    def test_index_far_out_of_range(self):
        self.refused(["index"], "index", value=0xffffffff)

    def test_short_message(self):
        self.refused(["size"], "size", value=7)

    def test_one_byte_less(self):
        self.refused(["size"], "size", value=15)

    def test_one_byte_more(self):
        self.refused(["size"], "size", value=17)

    def test_sixty_five_descriptors(self):
        self.refused(["size"], "size", value=65 * 16)

    def test_same_descriptor_twice(self):
        # The first is a good answer, and may reach the client before the second is refused.
        self.refused(["owner", "stale"], "twice", status=(200,))

    def test_same_descriptor_twice_in_one_batch(self):
        self.refused(["owner"], "twice-batch")

    def test_mixed_edges_in_one_batch(self):
        self.refused(["mixed"], "mixed", value=0)

    def test_mixed_homes_in_one_batch(self):
        self.refused(["mixed"], "mixed", value=1)

    def test_mixed_batch_of_two_owned_buffers(self):
        held = Held(self.chain, self.bad, 2).__enter__()
        before, old = self.chain.violations(), self.chain.instance_pid(self.bad)
        self.assertProblem(self.attack(self.chain, order("mixed", value=0)), 502)
        held.join()
        for answer in held.answers:
            self.assertProblem(answer, 502)
        self.chain.replaced(self.bad, [old])
        self.assert_counted(self.chain, before, ["mixed"])
        self.assert_serves(self.chain)

    def test_wrong_home_that_exists(self):
        self.refused(["home"], "home")

    def test_wrong_home_that_does_not_exist(self):
        self.refused(["home", "edge"], "home", value=250)

    def test_home_out_of_range(self):
        self.refused(["home", "edge"], "home", value=0xffff)

    def test_length_above_capacity(self):
        self.refused(["length"], "length")

    def test_largest_length(self):
        self.refused(["length"], "length", value=0xffffffff)

    def test_refill_flood(self):
        self.refused(["refill"], "refill", count=100000)

    def test_grant_by_a_function_to_itself(self):
        self.refused(["edge", "home"], "grant")

    def test_grant_by_a_function_to_another(self):
        self.refused(["edge"], "grant", value=tell(self.chain, "keeper")["slot"])

    def test_release_into_a_buffer_not_held(self):
        # MOVED: the request continues in buffer `seed`, which is not the sender's.
        self.refused(["owner"], "release", value=0x20, seed=5)

    def test_release_into_a_buffer_out_of_range(self):
        self.refused(["index"], "release", value=0x20, seed=0xffffffff)

    def test_bytes_to_the_kept_end(self):
        self.refused(["bypass"], "backwards", status=(200, 502))

    def test_race_of_two_processes(self):
        self.refused(["owner", "stale"], "race", status=(200,))

    def test_moved_request_in_a_batch_that_is_refused(self):
        self.refused(["index"], "moved")


class OtherChain(HostileTest):
    def test_descriptor_of_another_chain(self):
        """Live descriptors of one chain, replayed in another, whose pool is smaller."""
        with hostile_chain() as chain, \
                hostile_chain(name="neighbour", timeout="30s", memory="64Mi") as neighbour, \
                Held(neighbour) as held:
            there = DESC.unpack(bytes.fromhex(tell(neighbour, "keeper")["held"]))
            for buf in (there[0], tell(chain)["buffers"] + 1):
                forged = DESC.pack(buf, there[1], there[2], REPLY, 0, there[5])
                self.assert_refused(chain, order("raw", bytes=forged.hex()),
                                    ["owner", "stale", "index"])
            self.assertEqual(sum(neighbour.violations().values()), 0)
            held.free()
            self.assertEqual(held.answers[0].status, 200)
            self.assertEqual(held.answers[0].body, b"held 0")


class Allowed(HostileTest):
    """What the kernel lets through, or cannot see, must do no harm either."""

    more = 13

    def test_empty_send(self):
        before = sum(self.chain.violations().values())
        answer = self.assert_harmless(self.chain, order("empty"))
        self.assertEqual((answer.status, answer.body), (200, b"attack"))
        self.assertEqual(sum(self.chain.violations().values()), before)

    def test_garbage_flags(self):
        for flags in [1 << bit for bit in range(8)] + [0xff, 0x3c, 0xa8, 0x68]:
            with self.subTest(flags=hex(flags)):
                # 415: failed and dropped says that the length, 6, is an error: SP_ETYPE.
                self.assert_harmless(self.chain, order("flags", value=flags),
                                     status=(200, 204, 415, 500, 502))

    def test_release_with_garbage_flags(self):
        """The function gives its request's buffer back instead of an answer."""
        for flags in (0, 0x08, 0x10, 0x40, 0x80, 0xdf):
            with self.subTest(flags=hex(flags)):
                self.assert_harmless(self.chain, order("release", value=flags),
                                     status=(204, 500, 502))

    def test_garbage_refills(self):
        for cls, count in ((0, 0), (0, 0xffffffff), (7, 1), (8, 1), (0xffffffff, 1),
                           (0xffffffff, 0xffffffff)):
            with self.subTest(cls=cls, count=count):
                answer = self.attack(self.chain, order("refill-garbage", value=cls, seed=count))
                self.assertIn(answer.status, (200, 502))
                self.assertEqual(self.chain.request("POST", "/fine", b"x").status, 200)
        self.give_up()

    def give_up(self):
        """What was granted is given back when its holder is gone."""
        old = self.chain.instance_pid(self.bad)
        self.attack(self.chain, order("exit", value=0))
        self.chain.replaced(self.bad, [old])
        self.assert_serves(self.chain)

    def test_hoarding_lease_buffers(self):
        """Leases by the rules, without end: others must still find buffers."""
        total = self.chain.status()["buffers"]["total"]
        with fine_traffic(self.chain):
            answer = self.attack(self.chain, order("hoard", value=10 * total))
            self.assertIn(answer.status, (200, 502))
            self.assertTrue(self.chain.log.wait(r"(denied after|hoarded) \d+ lease", seconds=10))
            self.assertEqual(self.chain.request("POST", "/fine", b"x").status, 200)
            self.assertLess(self.chain.status()["gateway"]["leased"], total / 2)
        self.give_up()

    def test_page_overwritten_after_it_was_checked(self):
        """Where the kernel takes pages instead of copies, they may change until they are
        read: the receiver must look again."""
        for flags in (0, 0x10, 0x80):
            self.assert_harmless(self.chain, order("splice", value=flags))

    def test_urgent_data(self):
        self.assert_harmless(self.chain, order("urgent"))

    def test_offender_again_and_again(self):
        """Replaced each time; the pauses before a restart stay short enough to serve."""
        for i in range(6):
            old = self.chain.instance_pid(self.bad)
            kind = random.Random(i).choice(["stale", "index", "size"])
            self.attack(self.chain, order(kind, value=7))
            self.chain.replaced(self.bad, [old], seconds=10)
        self.assertEqual(self.chain.function(self.bad)["restarts"], 6)
        self.assert_serves(self.chain)

    def test_garbage_in_the_counters(self):
        for byte in (0xff, 0x41, 0x01):
            self.assert_harmless(self.chain, order("counters", value=byte))

    def test_garbage_to_the_controller(self):
        for kind in (0, 1, 2, 3, 4, 5, 7, 9, 0xffffffff):
            for size in (0, 1, 4):
                answer = self.attack(self.chain, order("wiring", value=kind, count=20, seed=size))
                self.assertIn(answer.status, (200, 502), f"type {kind}, size {size}")
                self.serves_again()
        self.assert_serves(self.chain)

    def serves_again(self):
        poll("serves", lambda: self.chain.request("POST", self.path, b"y").status == 200)

    def test_says_on_and_on_that_it_cannot_start(self):
        """It has started. What it said would be an event each time, and push others' out."""
        self.assert_harmless(self.chain, order("wiring", value=2, count=200))
        self.assertEqual([line for line in self.chain.log.lines if "cannot start" in line], [])

    def test_closes_its_wiring_socket(self):
        self.attack(self.chain, order("wiring-close"))
        self.serves_again()
        self.assert_serves(self.chain)

    def test_noise_in_the_log(self):
        self.assert_harmless(self.chain, order("log", value=1 << 20, seed=1))
        self.assertTrue(self.chain.log.wait("end of noise"))


class RandomMessages(HostileTest):
    """1,000 messages by seed. An instance is cut off at the first that is refused, so there
    are many, each sends a few."""

    more = 50

    def test_random_messages(self):
        gateway = self.chain.status()["gateway"]["pid"]
        before = sum(self.chain.violations().values())
        with fine_traffic(self.chain):
            for seed in range(self.more):
                self.bad = f"bad-{seed + 1}"
                self.path = f"/{self.bad}"
                old = self.chain.instance_pid(self.bad)
                answer = self.attack(self.chain, order("garbage", seed=seed, count=20))
                self.assertTrue(200 <= answer.status <= 599, f"seed {seed}: {answer}")
                self.chain.replaced(self.bad, [old])
        self.assertGreaterEqual(sum(self.chain.violations().values()), before + self.more)
        self.assert_serves(self.chain)
        self.assertEqual(self.chain.status()["gateway"]["pid"], gateway)


class Misdeeds(HostileTest):
    """What a function does to what it was handed: it is replaced, its client answered."""

    more = 8
    timeout = "2s"

    def replaced_after(self, kind, status=(502,), **words):
        old = self.chain.instance_pid(self.bad)
        with fine_traffic(self.chain):
            answer = self.attack(self.chain, order(kind, **words))
            self.assertIn(answer.status, status, answer)
            self.chain.replaced(self.bad, [old])
        self.assert_serves(self.chain)

    def test_disconnects_its_socket(self):
        self.replaced_after("disconnect")

    def test_shuts_down_sending(self):
        self.replaced_after("shutdown", value=0, status=(200, 502))

    def test_shuts_down_receiving(self):
        self.replaced_after("shutdown", value=1, status=(502, 504))

    def test_closes_sending(self):
        self.replaced_after("close", value=0)

    def test_closes_receiving(self):
        self.replaced_after("close", value=1)

    def test_memory_given_back_to_the_kernel(self):
        """Others would read zeros, and die of SIGBUS once the kernel has no page for them."""
        for kind in ("punch", "steal"):
            self.assert_harmless(self.chain, order(kind))
            self.assertTrue(self.chain.log.wait(f"{kind}: Operation not permitted"))
        self.assertTrue(self.chain.log.wait("steal: 0 taken, then: Operation not permitted"))


class Alone(HostileTest):
    """Misdeeds that need a chain of their own."""

    def test_escaped_child_keeps_the_sockets(self):
        """A child in a session of its own must not outlive the run."""
        with hostile_chain(timeout="2s") as chain:
            self.attack(chain, order("escape"))
            with fine_traffic(chain):
                for path in ("/fine", "/"):
                    poll(f"{path} works", lambda p=path:
                         chain.request("POST", p, b"y").status == 200, 10)
            chain.wait_idle()

    def test_memory_cannot_be_truncated(self):
        """Neither the pool nor the counters, which others would get SIGBUS from."""
        with hostile_chain() as chain:
            self.assert_harmless(chain, order("truncate"))
            for fd in (0, 1):  # of those it was handed: memory, page
                self.assertTrue(chain.log.wait(rf"truncate: fd {fd}: Operation not permitted"))

    def test_stops_itself(self):
        """A stopped process holds its request until the deadline: 504; the end of the run
        does not wait for it."""
        with hostile_chain(timeout="1s", whole=False) as chain:
            self.assertProblem(self.attack(chain, order("signal", value=19)), 504, "hostile")
            self.assertEqual(chain.request("POST", "/fine", b"y").status, 200)

    def test_ignores_its_order_to_stop(self):
        with hostile_chain(env={"HOSTILE_STUBBORN": "1"}) as chain:
            self.assert_serves(chain)

    def test_never_answers(self):
        with hostile_chain(timeout="1s", whole=False) as chain:
            with fine_traffic(chain):
                self.assertProblem(self.attack(chain, order("hang")), 504, "hostile")


class Talks(unittest.TestCase):
    """What it tells the daemon, which all chains share."""

    words = {"name": "hostile", "timeout": "5s", "memory": "8Mi", "sizes": "2Ki, 64Ki",
             "functions": "", "ingress": "", "routes": ""}

    def test_once_is_enough(self):
        with Daemon() as daemon:
            daemon.apply(fill("hostile", self.words))
            for _ in range(30):
                self.assertEqual(daemon.request("hostile", "POST", "/", b"y", order(
                    "wiring", value=2, count=100)).status, 200)
            told = [e["count"] for e in daemon.events("hostile") if e["reason"] == "FailedStart"]
            self.assertLessEqual(sum(told), 1)
            names = [f["name"] for f in daemon.status("hostile")["functions"]]
            self.assertEqual(names, ["keeper", "honest", "bad"])

    def test_its_excuse_is_one_line_of_plain_text(self):
        liar = f'\n  - {{name: liar, exec: "{program("hostile")}", env: {{HOSTILE_EXCUSE: "1"}}}}'
        text = fill("hostile", self.words | {
            "functions": liar, "ingress": "\n  - {from: ingress, to: liar, when: {path: /liar}}",
            "routes": "\n  - {from: liar, to: reply}"})
        with Daemon() as daemon:
            done = daemon.apply(text, check=False)
            self.assertNotEqual(done.returncode, 0)
            line = next(i for i in done.stderr.splitlines() if "excuse" in i)
            self.assertIn("an  [31mexcuse sprocket: ?", line)
            self.assertNotIn("\x1b", done.stdout + done.stderr + daemon.report())


if __name__ == "__main__":
    tap.main()
