#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The metrics, read as strictly as Prometheus' own checker does; drawings are valid XML.

Usage: test_metrics_strict.py METRICS_PRINT GRAPH_FOLDER
"""
import collections
import pathlib
import re
import subprocess
import sys
import xml.dom.minidom

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
UNITS_BAD = ("_ms", "_us", "_ns", "_milliseconds", "_microseconds", "_kib", "_percent")


def labels_of(text):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, f"labels: {text}"
        assert match[1] not in labels, f"label twice: {text}"
        assert not match[1].startswith("__"), f"reserved label: {text}"
        labels[match[1]] = match[2]
        at = match.end()
    return labels


def check_name(name, kind):
    assert name.startswith(("sprocket_", "process_")), f"{name}: foreign prefix"
    assert not name.endswith(UNITS_BAD), f"{name}: no base unit"
    assert (kind == "counter") == name.endswith("_total"), f"{name}: {kind}"
    assert not name.endswith(("_sum", "_count", "_bucket")), f"{name}: reserved suffix"


def check_histogram(name, samples):
    series = collections.defaultdict(lambda: {"buckets": []})
    for sample, labels, value in samples:
        key = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
        if sample.endswith("_bucket"):
            series[key]["buckets"].append((float(labels["le"]), value))
        else:
            series[key][sample.rsplit("_", 1)[1]] = value
    assert series, f"{name}: no sample"
    for key, s in series.items():
        bounds = [b for b, _ in s["buckets"]]
        counts = [c for _, c in s["buckets"]]
        assert bounds == sorted(set(bounds)), f"{name}{key}: bounds {bounds}"
        assert counts == sorted(counts), f"{name}{key}: counts fall"
        assert bounds[-1] == float("inf"), f"{name}{key}: no +Inf"
        assert counts[-1] == s["count"], f"{name}{key}: +Inf is not the count"
        assert s["sum"] >= 0 and (s["count"] or not s["sum"]), f"{name}{key}: sum"
        assert len(bounds) > 10 and bounds[0] == 1e-6, f"{name}{key}: bounds {bounds}"


def parse(text):
    """Families in order: name -> (type, samples); raises at the first mistake."""
    assert text.endswith("\n"), "the last line has no end"
    families, seen, name, helped = {}, set(), None, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            helped = line.split(" ", 3)[2]
            assert len(line.split(" ", 3)) == 4 and helped not in families, line
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == helped and kind in ("counter", "gauge", "histogram", "summary"), line
            check_name(name, kind)
            families[name] = (kind, [])
        else:
            match = SAMPLE.match(line)
            assert match, f"no sample: {line}"
            kind, samples = families[name]
            suffix = match[1].removeprefix(name)
            assert match[1].startswith(name) and suffix in SUFFIXES.get(kind, ("",)), line
            labels = labels_of(match[2] or "")
            key = (match[1], tuple(sorted(labels.items())))
            assert key not in seen, f"series twice: {line}"
            seen.add(key)
            value = float(match[3])
            assert value >= 0, line
            samples.append((match[1], labels, value))
    for name, (kind, samples) in families.items():
        assert samples, f"{name}: no sample"
        if kind == "histogram":
            check_histogram(name, samples)
    return families


def value_of(families, name, **labels):
    found = [v for _, have, v in families[name][1] if have == labels]
    assert len(found) == 1, f"{name}{labels}: {found}"
    return found[0]


def test_strict(text):
    families = parse(text)
    for name in ("sprocket_request_duration_seconds", "sprocket_function_wait_seconds",
                 "sprocket_function_run_seconds"):
        assert families[name][0] == "histogram", name


def test_values(text):
    families = parse(text)
    assert value_of(families, "sprocket_requests_total", chain="shop") == 300
    assert value_of(families, "sprocket_request_errors_total", chain="shop-1",
                    reason="timed_out") == 15
    assert value_of(families, "sprocket_buffers", chain="shop", **{"class": "4096"},
                    state="leased") == 2
    assert value_of(families, "sprocket_violations_total", chain="shop", kind="stale") == 2
    assert value_of(families, "sprocket_edge_descriptors_total", chain="shop-1", **{"from": "pay"},
                    to="gateway", edge="next") == 300
    assert value_of(families, "sprocket_instance_cpu_seconds_total", chain="shop",
                    function="plate", slot="4") == 0.6
    assert value_of(families, "process_open_fds") == 12


def test_reader_is_strict(text):
    """The reader refuses what is wrong, else the other tests say nothing."""
    first = text.index("sprocket_requests_total{")
    line = text[first:text.index("\n", first) + 1]
    bad = (text + line, text[:-1], text.replace('le="+Inf"', 'le="9"'),
           text.replace("# TYPE sprocket_requests_total counter",
                        "# TYPE sprocket_requests_total gauge"),
           text.replace('odd\\\\name', 'odd\\qname'))
    for mistake in bad:
        try:
            parse(mistake)
        except (AssertionError, KeyError, ValueError):
            continue
        raise AssertionError("a mistake was not seen")


def test_drawings(text):
    files = list(pathlib.Path(sys.argv[2]).glob("*.svg"))
    assert files
    for file in files:
        document = xml.dom.minidom.parse(str(file))
        assert document.documentElement.tagName == "svg"


def main():
    text = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True,
                          timeout=30).stdout
    tests = (test_strict, test_values, test_reader_is_strict, test_drawings)
    print(f"1..{len(tests)}")
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            test(text)
            print(f"ok {number} - {test.__name__}")
        except Exception as error:
            failed += 1
            print(f"not ok {number} - {test.__name__}\n# {error!r}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
