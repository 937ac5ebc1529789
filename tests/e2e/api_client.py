# SPDX-License-Identifier: Apache-2.0
"""api_client.py - speaks to sprocketd's socket as any HTTP client would, for tests of the API.

What a test asks is one request; a Followed is an answer that goes on.
"""
import json
import os
import socket
import time
import urllib.parse

from client import poll
from daemon import ApiConnection, chain_text
from harness import BUILD, program


def one(name="one", text="a", start="ok", stop="ok", exec=None, **words):
    """A chain of one probe."""
    return chain_text("one", name, text=text, instances=1, memory="16Mi",
                      start=f"{start}, stop: {stop}", exec=exec or program("probe", BUILD), **words)


def script(folder, name, text):
    """An executable that is no function."""
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def put_path(daemon, name, more=""):
    file = urllib.parse.quote(str(daemon.folder / f"{name}.yaml"))
    return f"/v1/chains/{name}?file={file}{more}"


def put(daemon, name, text=None, more=""):
    return daemon.api("PUT", put_path(daemon, name, more), text if text is not None else one(name))


def delete(daemon, *names):
    for name in names:
        daemon.api("DELETE", f"/v1/chains/{name}")


def names(daemon):
    return [c["metadata"]["name"] for c in daemon.api("GET", "/v1/chains")["items"]]


def raw(daemon, data=b"", timeout=30):
    """A connection of which so much has been sent as the daemon takes."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(str(daemon.socket))
    try:
        s.sendall(data)
    except OSError:
        pass  # it was cut in the middle, as it may be
    return s


def read_all(s):
    data = b""
    try:
        while got := s.recv(65536):
            data += got
    except ConnectionError:
        pass
    s.close()
    return data


class Followed:
    def __init__(self, daemon, path):
        self.connection = ApiConnection(daemon.socket, 20)
        self.connection.request("GET", path)
        self.answer = self.connection.getresponse()

    def line(self):
        return json.loads(self.answer.readline())

    def until(self, wanted):
        """The first line for which `wanted` is true."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            line = self.line()
            if wanted(line):
                return line
        raise AssertionError("no such line")

    def close(self):
        self.answer.close()  # it has a hold on the socket
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def fds(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def fds_settle(daemon, most):
    poll(f"no more than {most} fds", lambda: fds(daemon) <= most, 20)
