# SPDX-License-Identifier: Apache-2.0
"""Who may use sprocketd's socket, and clients that do what they should not."""
import os
import subprocess
import sys
import unittest

import tap
from api_client import delete, fds, fds_settle, names, one, put_path, raw, read_all
from client import poll
from daemon import Daemon
from harness import ChainTest, program

SLOW = os.environ.get("SPROCKET_SLOW") == "1"
NOBODY = 65534


def as_user(daemon, uid, gid, groups=()):
    """What this user gets from GET /v1/chains."""
    code = (f"import os,socket;os.setgroups({list(groups)});os.setgid({gid});os.setuid({uid});"
            f"s=socket.socket(socket.AF_UNIX);s.connect({str(daemon.socket)!r});"
            "s.sendall(b'GET /v1/chains HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n');"
            "print(s.recv(4096).decode())")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20,
                          check=False)
    return done.stdout + done.stderr


class Clients(ChainTest):
    def test_peers(self):
        daemon = Daemon(args=["--group", "nogroup"])
        with daemon:
            self.assertIn(" 200 ", as_user(daemon, NOBODY, NOBODY))
            self.assertIn(" 200 ", as_user(daemon, NOBODY, 1, [7, NOBODY]))
            self.assertIn("Permission denied", as_user(daemon, NOBODY, 1))
            daemon.socket.chmod(0o666)  # the kernel lets it through, we do not
            answer = as_user(daemon, NOBODY, 1)
            self.assertIn(" 403 ", answer)
            self.assertIn(f"user {NOBODY} may not", answer)

    def test_too_many(self):
        with Daemon() as daemon:
            before = fds(daemon)
            held = []
            for _ in range(600):
                held.append(raw(daemon))
            poll("they are counted", lambda: fds(daemon) - before >= 400, 20)
            self.assertLessEqual(fds(daemon) - before, 512)
            for s in held[:300]:
                s.close()
            poll("there is room", lambda: fds(daemon) - before <= 300, 20)
            self.assertEqual(daemon.api("GET", "/healthz")["http"], 200)
            for s in held:
                s.close()
            fds_settle(daemon, before)

    def test_a_user_cannot_take_all(self):
        with Daemon(args=["--group", "nogroup"]) as daemon:
            code = ("import os,socket,sys\n"
                    f"os.setgroups([]);os.setgid({NOBODY});os.setuid({NOBODY})\n"
                    "held=[]\n"
                    "for i in range(600):\n"
                    f" s=socket.socket(socket.AF_UNIX);s.connect({str(daemon.socket)!r});"
                    "held.append(s)\n"
                    "print('all',flush=True);sys.stdin.read()")
            user = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE)
            self.assertEqual(user.stdout.readline(), b"all\n")
            self.assertEqual(daemon.api("GET", "/healthz")["http"], 200)
            self.assertLess(fds(daemon), 250)
            user.stdin.close()
            user.wait(20)
            user.stdout.close()

    def test_half_requests(self):
        with Daemon() as daemon:
            before = fds(daemon)
            body = one().encode()
            head = (f"PUT {put_path(daemon, 'one')} HTTP/1.1\r\nHost: x\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n").encode()
            whole = head + body
            for cut in [1, 10, len(head) - 2, len(head), len(head) + 1, len(whole) - 1]:
                raw(daemon, whole[:cut]).close()
            fds_settle(daemon, before)
            self.assertEqual(names(daemon), [])
            slow = raw(daemon, head)
            for at in range(0, len(body), 100):  # and every other client is served
                slow.sendall(body[at:at + 100])
                self.assertEqual(daemon.api("GET", "/healthz")["http"], 200)
            self.assertIn(b" 200 ", slow.recv(4096))
            slow.close()

    @unittest.skipUnless(SLOW, "takes 30 s: SPROCKET_SLOW=1")
    def test_half_requests_are_cut(self):
        with Daemon() as daemon:
            held = [raw(daemon, data, 60) for data in
                    (b"", b"GET /", b"PUT /v1/chains/a?file=/a HTTP/1.1\r\nHost: x\r\n"
                     b"Content-Length: 10\r\n\r\nab")]
            for s in held:
                self.assertEqual(read_all(s), b"")

    def test_a_client_that_is_killed_in_the_middle_of_an_apply(self):
        with Daemon() as daemon:
            before = fds(daemon)
            path = daemon.write(one(start="slow"), "one")
            client = subprocess.Popen(
                [program("sprocket"), "apply", "-f", path], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "SPROCKET_SOCKET": str(daemon.socket)})
            poll("it is under way", lambda: "one" in names(daemon), 20)
            client.kill()
            client.wait(20)
            poll("it serves", lambda: daemon.status("one")["phase"] == "Serving", 20)
            delete(daemon, "one")
            fds_settle(daemon, before)


if __name__ == "__main__":
    tap.main()
