# SPDX-License-Identifier: Apache-2.0
"""Whoever dies, at whichever step: a chain ends as it is declared, or as it was before.

A function's start is held by a gate, a drain by a request that takes its time, so that each
step lasts until its victim is dead; the step itself is seen through the API or as a process.
"""
import os
import signal
import subprocess
import threading

import leftovers
import tap
from client import Connection, poll
from daemon import Daemon, Stream, chain_text
from harness import BUILD, ChainTest, program

SLOW = os.environ.get("SPROCKET_SLOW") == "1"
HOLD_MS = 600
VICTIMS = ("daemon", "gateway", "new", "old", "fdstore")
HARMLESS = ("daemon", "fdstore", "new")  # the old one's requests do not notice


def functions(mark):
    """Processes of functions, also before they have become their program."""
    found = set()
    for pid in leftovers.marked(mark):
        words = leftovers.read(f"/proc/{pid}/cmdline").split(b"\0")
        if words[0] == b"only" or any(w.startswith(b"/dev/fd/") for w in words):
            found.add(pid)
    return found


def gateways(mark):
    return {p for p in leftovers.marked(mark)
            if leftovers.read(f"/proc/{p}/cmdline").startswith(b"sprocket-gateway\0")}


class Scene:
    """A chain, a change that has come to a step, and what must come of it."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.gate = daemon.folder / "gate"
        self.command = None
        self.held = None
        self.before = set()
        self.gateways = set()

    def text(self, text="a", memory="16Mi", gated=False, ends='exec "{probe}"'):
        exec_path = program("probe", BUILD)
        if gated:
            exec_path = self.daemon.folder / f"gated-{len(ends)}"
            exec_path.write_text(
                "#!/bin/sh\n[ -z \"$SPROCKET_WIRING\" ] && "
                f"exec \"{program('probe', BUILD)}\" \"$@\"\n"
                f"while [ -e {self.gate} ]; do sleep 0.01; done\n"
                + ends.format(probe=program("probe", BUILD)) + "\n")
            exec_path.chmod(0o755)
            self.gate.touch()
        made = chain_text("one", text=text, start="ok", instances=1, memory=memory,
                          exec=exec_path)
        # The script waits at a gate in its folder and then becomes a program of another one.
        return made.replace("spec:\n", f"spec:\n  security: {{files: {{read: [{BUILD}]}}}}\n", 1)

    def serve(self, memory="16Mi"):
        self.daemon.apply(self.text(memory=memory))
        poll("one runtime is left", lambda: len(gateways(self.daemon.mark)) == 1 and
             len(functions(self.daemon.mark)) == 1, 20)
        self.note()

    def note(self):
        self.before = functions(self.daemon.mark)
        self.gateways = gateways(self.daemon.mark)

    def ask(self, *args):
        self.command = subprocess.Popen(
            [str(program("sprocket", BUILD)), *map(str, args)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, "SPROCKET_SOCKET": str(self.daemon.socket)})

    def apply(self, text):
        self.ask("apply", "-f", self.daemon.write(text, "next"))

    def hold(self, ms=HOLD_MS):
        """A request that the old instance works on."""
        connection = Connection(self.daemon.port("one"), timeout=20)
        connection.send("POST", "/in", b"held", {"X-Probe": f"sleep={ms}"})
        poll("it is in the chain",
             lambda: self.daemon.status("one")["gateway"]["in_flight"] >= 1)
        answer = []

        def take():
            try:
                with connection:
                    answer.append(connection.receive())
            except Exception as e:  # pylint: disable=broad-except
                answer.append(e)
        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        self.held = (thread, answer)

    def fresh(self):
        return functions(self.daemon.mark) - self.before

    def find(self, victim):
        if victim == "fdstore":
            return self.daemon.fdstores()[0]
        found = {"gateway": self.gateways, "old": self.before, "new": self.fresh(),
                 "next gateway": gateways(self.daemon.mark) - self.gateways}[victim]
        return min(found)

    def kill(self, victim):
        if victim == "daemon":
            self.daemon.kill()
        else:
            os.kill(self.find(victim), signal.SIGKILL)

    def end(self):
        """Lets everything go on; returns the command's exit code."""
        self.gate.unlink(missing_ok=True)
        if self.daemon.process.poll() is not None:
            self.daemon.start()
        self.command.communicate(timeout=40)
        return self.command.returncode

    def phase(self):
        found = self.daemon.api("GET", "/v1/chains/one")
        return found["status"]["phase"] if found["http"] == 200 else None

    def settled(self):
        """The phase, once nothing is under way any more."""
        found = self.daemon.api("GET", "/v1/chains/one")
        if found["http"] != 200:
            return "gone" if not functions(self.daemon.mark) else None
        status = found["status"]
        conditions = {c["type"]: c["status"] for c in status["conditions"]}
        if conditions["Progressing"] == "True":
            return None
        if status["phase"] == "Drained":
            return "Drained" if not functions(self.daemon.mark) else None
        instances = [i["state"] for f in status["functions"] for i in f["instances"]]
        if status["phase"] != "Serving" or conditions["Ready"] != "True" or \
                instances != ["READY"] or len(gateways(self.daemon.mark)) != 1:
            return None
        return "Serving"

    def wait_settled(self):
        return poll("settled", self.settled, 30, pause=0.02)

    def text_served(self):
        answer = self.daemon.request("one", headers={"X-Probe": "config=text"}, body=b"")
        return answer.body.decode().split(": ")[1].strip()


class Start:
    """The first start; its gate is closed."""
    victims = ("daemon", "gateway", "new") + (("fdstore",) if SLOW else ())
    unnoticed = ()
    fails = ("gateway", "new")

    def run(self, scene):
        scene.note()
        scene.apply(scene.text("b", gated=True))
        poll("it starts", lambda: scene.phase() == "Starting" and scene.fresh())
        scene.gateways = gateways(scene.daemon.mark)

    def check(self, test, scene, victim, code):
        if victim in self.fails:
            test.assertEqual((scene.wait_settled(), code), ("gone", 1))
            return
        test.assertEqual(scene.wait_settled(), "Serving")
        test.assertEqual(scene.text_served(), "b")


class Prepare:
    """New instances start beside the old ones."""
    victims = VICTIMS
    unnoticed = HARMLESS  # by requests that come meanwhile
    ends = 'exec "{probe}"'
    memory = "16Mi"
    rolled_back = ("new",)

    def run(self, scene):
        scene.serve()
        scene.apply(scene.text("b", memory=self.memory, gated=True, ends=self.ends))
        poll("it starts", scene.fresh)

    def check(self, test, scene, victim, code):
        test.assertEqual(scene.wait_settled(), "Serving")
        want = "a" if victim in self.rolled_back else "b"
        poll(f"{want} is served", lambda: scene.text_served() == want, 20)
        if victim != "daemon":  # the command has lost it
            test.assertEqual(code, 0 if want == "b" else 1)


class Fail(Prepare):
    """The new one will not become ready."""
    victims = VICTIMS if SLOW else ("daemon", "gateway")
    ends = "exit 3 # {probe}"
    rolled_back = VICTIMS


class Drain(Prepare):
    """The change is made; the old instance has work still."""
    victims = VICTIMS if SLOW else ("daemon", "gateway", "old")
    unnoticed = ("daemon", "fdstore")
    rolled_back = ()

    def run(self, scene):
        scene.serve()
        scene.hold()
        scene.apply(scene.text("b", memory=self.memory))
        poll("it drains", lambda: any(
            i["state"] == "DRAINING" for i in scene.daemon.function("one", "only")["instances"]))


class Replace(Prepare):
    """A whole runtime starts beside the old one."""
    victims = VICTIMS + ("next gateway",) if SLOW else ("daemon", "gateway", "new")
    memory = "32Mi"
    rolled_back = ("new", "next gateway")


class ReplaceDrain(Drain):
    """A whole runtime has taken over; the old one has work still."""
    victims = VICTIMS + ("next gateway",) if SLOW else ("daemon", "gateway", "next gateway")
    memory = "32Mi"

    def run(self, scene):
        scene.serve()
        scene.hold(1600)  # below the deadline of 2 s, and long enough to find who is to die
        scene.apply(scene.text("b", memory=self.memory))
        poll("it has taken over", lambda: scene.daemon.status("one")["gateway"]["pid"]
             not in scene.gateways)


class Delete:
    """Nothing is accepted any more; the last request is in the chain."""
    victims = ("daemon", "gateway", "old") + (("fdstore",) if SLOW else ())
    unnoticed = ()
    command, phase, settled = "delete", "Stopping", "gone"

    def run(self, scene):
        scene.serve()
        scene.hold()
        scene.ask(self.command, "one")
        poll("it ends", lambda: scene.phase() == self.phase)

    def check(self, test, scene, victim, code):
        test.assertEqual(scene.wait_settled(), self.settled)
        if victim != "daemon":
            test.assertEqual(code, 0)


class Undeploy(Delete):
    """As Delete, but it stays declared."""
    victims = Delete.victims if SLOW else ("daemon", "gateway")
    command, phase, settled = "drain", "Draining", "Drained"


STEPS = (Start, Prepare, Fail, Drain, Replace, ReplaceDrain, Delete, Undeploy)


class Steps(ChainTest):
    def one(self, daemon, step, victim):
        scene = Scene(daemon)
        self.addCleanup(scene.gate.unlink, missing_ok=True)
        step.run(scene)
        stream = None
        if victim in step.unnoticed:
            stream = Stream(daemon.port("one"), clients=2, rate=200).__enter__()
        try:
            scene.kill(victim)
            code = scene.end()
            step.check(self, scene, victim, code)
        finally:
            if stream:
                stream.__exit__()
        if stream:
            self.assertEqual(stream.failures, [], f"of {stream.done}")
        if scene.held:
            thread, answer = scene.held
            thread.join(20)
            if victim in HARMLESS:
                self.assertEqual(getattr(answer[0], "status", answer[0]), 200)
        if scene.phase() == "Serving":
            daemon.whole("one")
            daemon.cli("delete", "one", check=True)
        elif scene.phase():
            daemon.cli("delete", "one", check=True)
        poll("nothing runs", lambda: not functions(daemon.mark) and not gateways(daemon.mark))
        poll("no pin is left", lambda: not list(daemon.pins.glob("*")))

    def step(self, kind):
        with Daemon() as daemon:
            for victim in kind.victims:
                for _ in range(5 if SLOW else 1):
                    with self.subTest(victim=victim):
                        self.one(daemon, kind(), victim)




def add(kind):
    def test(self):
        self.step(kind)
    setattr(Steps, f"test_{kind.__name__.lower()}", test)


for each in STEPS:
    add(each)

if __name__ == "__main__":
    tap.main()
