# SPDX-License-Identifier: Apache-2.0
"""The systemd units: systemd takes them, and what they name is there."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import tap

SOURCE = Path(os.environ["SPROCKET_SOURCE"])
BUILD = Path(os.environ["SPROCKET_BUILD"])
UNITS = ["sprocketd.service", "sprocket-shutdown.service"]
TIMEOUT_S = 60


class UnitsTest(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_systemd_takes_the_units(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for unit in UNITS:
                text = (BUILD / "controller/systemd" / unit).read_text()
                # The programs need not be installed here, nor the pages.
                text = re.sub(r"^(Exec\w+=-?)/\S*sprocket\S*", r"\1/bin/true", text, flags=re.M)
                text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M)
                paths.append(Path(folder, unit))
                paths[-1].write_text(text)
            made = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True,
                                  text=True, timeout=TIMEOUT_S, check=False)
            told = [line for line in made.stderr.splitlines() if "sprocket" in line]
            self.assertEqual(told, [])
            if made.returncode and not told:
                self.skipTest(f"systemd-analyze cannot work here: {made.stderr.strip()[:200]}")

    def test_documentation_names_pages_that_exist(self):
        for unit in UNITS:
            text = (BUILD / "controller/systemd" / unit).read_text()
            for name, section in re.findall(r"man:([\w-]+)\((\d)\)", text):
                self.assertTrue((SOURCE / f"controller/man/{name}.{section}.scd").exists())
            self.assertNotIn("@", text)

    def test_the_defaults_are_a_shell_file_of_assignments(self):
        path = SOURCE / "controller/systemd/sprocketd.default"
        made = subprocess.run(["sh", "-uc", f'. "{path}"; printf %s "$SPROCKETD_OPTIONS"'],
                              capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        self.assertEqual((made.returncode, made.stdout, made.stderr), (0, "", ""))
        page = (SOURCE / "controller/man/sprocketd.8.scd").read_text()
        for option in re.findall(r"--[a-z-]+", path.read_text()):
            self.assertIn(option if option == "--socket" else f"*{option}*", page)


if __name__ == "__main__":
    tap.main(needs_root=False)
