# SPDX-License-Identifier: Apache-2.0
"""servers.py - starts a server for the batteries and ends it: a context manager for each, giving a
Target. Sprocket runs a chain whose function is the witness; nginx, haproxy and h2o are proxies
before upstream.py."""
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from battery import Target  # noqa: E402
from upstream import Upstream  # noqa: E402

START_S = 10


# ---- Sprocket ----

class Witness:
    """Asks the function, over a connection of its own, which requests it was given."""

    def __init__(self, connect):
        self.connect, self.connection, self.lines = connect, None, []

    def seen(self):
        if self.connection is None:
            self.connection = self.connect()
        answer = self.connection.request("GET", f"/seen/{len(self.lines)}")
        self.lines += answer.body.decode("latin-1").splitlines()
        return list(self.lines)


@contextlib.contextmanager
def sprocket():
    from harness import Chain
    with Chain("witness") as chain:
        address = ("127.0.0.1", chain.port)
        witness = Witness(chain.connect)
        yield Target("sprocket", address, address, witness.seen, {"pid": chain.pid})
        if witness.connection:
            witness.connection.close()


@contextlib.contextmanager
def sprocket_front():
    from client import Connection
    from daemon import Daemon
    from harness import fill
    with Daemon(["--front", "127.0.0.1:0", "--workers", "1"]) as daemon:
        daemon.apply(fill("witness", {}))
        address = ("127.0.0.1", int(daemon.api("GET", "/v1/version")["front"].split(":")[1]))
        witness = Witness(lambda: Connection(address[1]))
        yield Target("sprocket-front", address, address, witness.seen)
        if witness.connection:
            witness.connection.close()


# ---- others ----

NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log /dev/null;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream up {{ server 127.0.0.1:{up}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{h1}; listen 127.0.0.1:{h2} http2; client_max_body_size 64k;
    location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
                  proxy_set_header Host $http_host; }}
  }}
}}
"""

HAPROXY = """
global
  maxconn 1024
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 5s
frontend h1
  bind 127.0.0.1:{h1}
  default_backend up
frontend h2
  bind 127.0.0.1:{h2} proto h2
  default_backend up
backend up
  http-reuse safe
  server up 127.0.0.1:{up}
"""

H2O = """
num-threads: 1
limit-request-body: 65536
access-log: /dev/null
error-log: /dev/null
listen: {{host: 127.0.0.1, port: {h1}}}
hosts:
  default:
    paths:
      /: {{proxy.reverse.url: "http://127.0.0.1:{up}/", proxy.preserve-host: ON}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_up(process, port):
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args[0]} did not start")


@contextlib.contextmanager
def peer(name, config, command, h2=True):
    """`command(file)` is run with a file that `config` fills."""
    folder = Path(tempfile.mkdtemp(prefix="battery-"))
    up, h1, h2_port = Upstream(), free_port(), free_port()
    file = folder / "conf"
    file.write_text(config.format(folder=folder, up=up.port, h1=h1, h2=h2_port))
    process = subprocess.Popen(command(file), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        wait_up(process, h1)
        up.lines.clear()
        yield Target(name, ("127.0.0.1", h1), ("127.0.0.1", h2_port if h2 else h1),
                     lambda: list(up.lines), {"pid": process.pid})
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        up.close()
        shutil.rmtree(folder, ignore_errors=True)


def nginx():
    return peer("nginx", NGINX, lambda f: ["/usr/sbin/nginx", "-c", f])


def haproxy():
    return peer("haproxy", HAPROXY, lambda f: ["/usr/sbin/haproxy", "-db", "-f", f])


def h2o():
    return peer("h2o", H2O, lambda f: ["/usr/bin/h2o", "-c", f], h2=False)


@contextlib.contextmanager
def lax():
    """The upstream itself, which reads as it likes: what a battery must fail."""
    up = Upstream()
    try:
        yield Target("lax", ("127.0.0.1", up.port), None, lambda: list(up.lines))
    finally:
        up.close()


SERVERS = {"sprocket": sprocket, "sprocket-front": sprocket_front, "nginx": nginx,
           "haproxy": haproxy, "h2o": h2o}
PROGRAMS = {"nginx": "/usr/sbin/nginx", "haproxy": "/usr/sbin/haproxy", "h2o": "/usr/bin/h2o"}


def there(name):
    return name not in PROGRAMS or os.access(PROGRAMS[name], os.X_OK)
