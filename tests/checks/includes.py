# SPDX-License-Identifier: Apache-2.0
"""Who may include whom, and that each header compiles alone."""
import os
import re
import shutil
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tap
from limits import SOURCE, code_files

BUILD = Path(os.environ["SPROCKET_BUILD"])
TIMEOUT_S = 60
# Each folder, and what it may include besides its own: shm is below sproxy, sproxy is below the
# gateway, the SDK and the controller, and these three know nothing of each other.
LOWER = {
    "bpf": [],
    "shm": ["bpf/wire.h"],
    "sproxy": ["shm", "bpf", "sproxy.skel.h"],
    "gateway": ["sproxy", "shm", "bpf", "functions/sdk/sprocket.h"],
    "functions/sdk": ["sproxy", "shm", "bpf"],
    "functions/examples": [],
    "controller": ["sproxy", "shm", "bpf", "gateway/front/front_wiring.h"],
    "bench": ["sproxy", "shm", "bpf", "functions/sdk/fiber.h", "gateway/http.h"],
}
# Each library, and the folders that see it. The tests see all, the peers need others.
LIBRARIES = {
    r"rte_\w+\.h": ["shm"],
    r"h2o(/.*)?\.h": ["gateway"],
    r"bpf/(lib)?bpf\.h": ["sproxy"],
    r"yaml\.h|cyaml/.*|microhttpd\.h|curl/.*|systemd/.*": ["controller"],
    r"seccomp\.h": ["sproxy", "controller"],
    r"jansson\.h": ["controller", "bench"],
    r"liburing\.h|nghttp2/.*|xxhash\.h": ["bench"],
}
FREE = ("tests/", "bench/baselines/", "functions/examples/")
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)
HEADER_FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-DH2O_USE_LIBUV=0", "-Wall", "-Wextra", "-Werror",
                "-fsyntax-only", "-x", "c", "-"]


def name_of(path):
    return str(path.relative_to(SOURCE))


def folder_of(name):
    return next((folder for folder in LOWER if name.startswith(folder + "/")), None)


def includes(*endings):
    """Yields (file, included, whether in quotes) of all code."""
    for path in code_files(*endings):
        for own, library in INCLUDE.findall(path.read_text()):
            yield name_of(path), own or library, bool(own)


EXAMPLES = "functions/examples/"  # what they may include has a test of its own


class IncludesTest(unittest.TestCase):
    def test_no_include_goes_upward(self):
        wrong, seen = [], 0
        for name, included, own in includes(".c", ".h"):
            folder = folder_of(name)
            if not own or folder is None or "/" not in included or name.startswith(EXAMPLES):
                continue
            seen += 1
            allowed = [folder, *LOWER[folder]]
            if not any(included == item or included.startswith(item + "/") for item in allowed):
                wrong.append(f"{name} includes {included}")
        self.assertGreater(seen, 500)
        self.assertEqual(wrong, [])

    def test_examples_use_public_headers_only(self):
        wrong = [f"{name} includes {included}" for name, included, own in includes(".c", ".h")
                 if own and name.startswith(EXAMPLES)
                 and not (SOURCE / name).parent.joinpath(included).exists()]
        self.assertEqual(wrong, [])

    def test_libraries_stay_in_their_folder(self):
        wrong, seen = [], set()
        for name, included, own in includes(".c", ".h"):
            for pattern, folders in LIBRARIES.items():
                if own or not re.fullmatch(pattern, included):
                    continue
                seen.add(pattern)
                if not name.startswith((*(folder + "/" for folder in folders), *FREE)):
                    wrong.append(f"{name} includes <{included}>: that is for {folders}")
        self.assertEqual(seen, set(LIBRARIES))
        self.assertEqual(wrong, [])

    def compile(self, path):
        """Returns what the compiler says of a file that includes this header alone, twice."""
        line = f'#include "{name_of(path)}"\n'
        made = subprocess.run(
            ["gcc", *HEADER_FLAGS, f"-I{SOURCE}", f"-I{SOURCE}/functions/sdk",
             f"-I{path.parent}", f"-I{BUILD}/sproxy", f"-I{BUILD}/bpf"],
            input=line + line, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        return "" if made.returncode == 0 else f"{name_of(path)}:\n{made.stderr}"

    @unittest.skipUnless(shutil.which("gcc"), "gcc is not installed")
    def test_headers_compile_alone(self):
        headers = [path for path in code_files(".h") if not path.name.endswith(".bpf.h")]
        self.assertGreater(len(headers), 100)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self.assertEqual("".join(pool.map(self.compile, headers)), "")


if __name__ == "__main__":
    tap.main(needs_root=False)
