#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""embed.py OUT.c FOLDER FILE... - the files of a folder as a C source, for assets.h, so that a
function is one file to install."""
import sys
from os.path import relpath
from pathlib import Path

out, folder, *files = sys.argv[1:]
lines = ["/* Made by embed.py. */", '#include "assets.h"', ""]
names = sorted(relpath(f, folder) for f in files)
for number, name in enumerate(names):
    data = (Path(folder) / name).read_bytes()
    lines.append(f"static const char data{number}[] = {{")
    # Above 127 a char may be negative.
    values = [str(b - 256 if b > 127 else b) for b in data + b"\0"]
    lines += ["\t" + ",".join(values[i:i + 24]) + "," for i in range(0, len(values), 24)]
    lines += ["};", ""]
lines.append("const struct asset assets[] = {")
lines += [f'\t{{ "{name}", {{ data{number}, sizeof(data{number}) - 1 }} }},'
          for number, name in enumerate(names)]
lines += ["};", "const size_t asset_count = sizeof(assets) / sizeof(assets[0]);", ""]
Path(out).write_text("\n".join(lines))
