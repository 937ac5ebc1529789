# SPDX-License-Identifier: Apache-2.0
"""Checks a page that `sprocket-bench report` has written: well-formed, on its own, accessible.

How: read as XML, which is stricter than HTML. Prints what is wrong, a line each, and exits 1.
"""
import re
import sys
import xml.etree.ElementTree as tree
from collections import Counter

FORBIDDEN = {"script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use",
             "foreignObject", "b", "i"}  # b, i: what the test's hostile names try to bring in
LEEWAY = 6  # a marker at the very edge


def elements(root):
    ids = Counter(e.get("id") for e in root.iter() if e.get("id"))
    yield from (f"id {name} occurs {n} times" for name, n in ids.items() if n > 1)
    for e in root.iter():
        if e.tag in FORBIDDEN:
            yield f"<{e.tag}> has no place in it"
        for name, value in e.attrib.items():
            if name.startswith("on") or name in ("src", "srcset", "style", "action"):
                yield f"<{e.tag} {name}=...>"
            if "href" in name and (not value.startswith("#") or value[1:] not in ids):
                yield f"a link to {value}"


def style(root):
    text = "".join(e.text for e in root.iter("style"))
    yield from (f"style: {word}" for word in ("url(", "@import", "expression") if word in text)
    yield from (f"style: no {word}" for word in ("prefers-color-scheme", "@media print",
                                                 "max-width:640px") if word not in text)
    policy = [e.get("content") for e in root.iter("meta")
              if e.get("http-equiv") == "Content-Security-Policy"]
    if len(policy) != 1 or "default-src 'none'" not in policy[0]:
        yield f"policy: {policy}"


def inside(svg):
    """What is drawn lies in the picture, and its numbers are numbers."""
    _, _, width, height = map(float, svg.get("viewBox").split())
    for e in svg.iter():
        for name in ("x", "y", "width", "height"):
            value = e.get(name)
            if value and not -LEEWAY <= float(value) <= max(width, height) + LEEWAY:
                yield f"{e.tag} {name}={value} of {width} x {height}"
        for x, y in re.findall(r"[ML(]\s*(\S+) ([^LMHV)v]+)", (e.get("transform") or "") +
                               (e.get("d") if "l " in (e.get("class") or "") else "")):
            if not (-LEEWAY <= float(x) <= width + LEEWAY and
                    -LEEWAY <= float(y) <= height + LEEWAY):
                yield f"{e.tag} at {x} {y} of {width} x {height}"


def figures(root):
    for figure in root.iter("figure"):
        svg = figure.find("svg")
        named = (svg.get("aria-labelledby") or "").split()
        told = {e.get("id"): e.text for e in svg if e.tag in ("title", "desc")}
        if svg.get("role") != "img" or sorted(told) != sorted(named) or not all(told.values()):
            yield f"a picture without words: {named}"
        yield from inside(svg)
    for table in root.iter("table"):
        if not table.get("aria-label") or table.find("thead") is None:
            yield "a table without a name or a head"
        widths = {len(row) for row in table.iter("tr")}
        if len(widths) != 1:
            yield f"{table.get('aria-label')}: rows of {sorted(widths)} cells"


def main():
    text = open(sys.argv[1], encoding="utf-8").read()
    try:
        root = tree.fromstring(text)
    except tree.ParseError as error:
        print(f"{sys.argv[1]}: not well-formed: {error}")
        return 1
    wrong = [*elements(root), *style(root), *figures(root)]
    wrong += ["nan or inf"] if re.search(r">-?(nan|inf)\b", text) else []
    for line in wrong:
        print(f"{sys.argv[1]}: {line}")
    return 1 if wrong else 0


sys.exit(main())
