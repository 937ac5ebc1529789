# SPDX-License-Identifier: Apache-2.0
"""observe.py - reads what a running chain tells of itself: metrics, tap, the kernel's tables."""
import ctypes
import json
import os
import struct
import sys

from daemon import ApiConnection, chain_text
from harness import HERE

sys.path.insert(0, str(HERE.parent / "unit/controller"))
import test_metrics_strict as strict  # pylint: disable=wrong-import-position

BPF_MAP_LOOKUP_ELEM, BPF_OBJ_GET = 1, 7
SYS_BPF = 321


def bpf(command, attributes):
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"))
    done = libc.syscall(SYS_BPF, command, buffer, len(buffer))
    if done < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command})")
    return done


def tap_mode(daemon):
    """The settings of each pinned chain: does the kernel make records?"""
    modes = []
    for path in daemon.pins.glob("*/settings"):
        name = ctypes.create_string_buffer(os.fsencode(path))
        fd = bpf(BPF_OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0))
        try:
            key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(64)
            bpf(BPF_MAP_LOOKUP_ELEM, struct.pack("=IIQQQ", fd, 0, ctypes.addressof(key),
                                                 ctypes.addressof(value), 0))
        finally:
            os.close(fd)
        modes.append(struct.unpack_from("=I", value)[0])
    assert modes, "no settings are pinned"
    return modes


class Tap:
    """GET /v1/chains/NAME/tap, line by line."""

    def __init__(self, daemon, chain, query="", expect=200):
        self.connection = ApiConnection(daemon.socket, 20)
        self.connection.request("GET", f"/v1/chains/{chain}/tap{query}")
        self.answer = self.connection.getresponse()
        assert self.answer.status == expect, self.answer.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.answer.close()
        self.connection.close()

    def lines(self, count):
        return [json.loads(self.answer.readline()) for _ in range(count)]


def metrics(daemon):
    return strict.parse(daemon.api("GET", "/metrics")["text"])


def value(families, name, chain, **labels):
    labels = {k.rstrip("_"): v for k, v in labels.items()}
    return strict.value_of(families, f"sprocket_{name}", chain=chain, **labels)


def histogram(families, name, chain, **labels):
    """(count, sum, {upper bound: count up to it})."""
    found = {"buckets": {}}
    for sample, have, number in families[f"sprocket_{name}"][1]:
        le = have.get("le")
        if {k: v for k, v in have.items() if k != "le"} != {"chain": chain, **labels}:
            continue
        if le is not None:
            found["buckets"][float(le)] = number
        else:
            found[sample.rsplit("_", 1)[1]] = number
    return found["count"], found["sum"], found["buckets"]


def total(families, name, **labels):
    return sum(v for _, have, v in families[f"sprocket_{name}"][1]
               if labels.items() <= have.items())


def trio(**words):
    return chain_text("trio", **({"timeout": "2s", "instances": 1} | words))


def hostile():
    return chain_text("hostile", "bad", timeout="5s", memory="8Mi", sizes="2Ki, 64Ki",
                      functions="", ingress="", routes="")


def probe(daemon, command, chain="trio", path="/trio", timeout=20):
    return daemon.request(chain, "POST", path, b"x", {"x-probe": command}, timeout).status
