# SPDX-License-Identifier: Apache-2.0
"""cli.py - runs the command with a chain file and functions made up for a test."""
import shlex
import shutil

import leftovers
from harness import ChainTest, make_folder, program, run

STEPS = """apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {{name: cli}}
spec:
  ingress:
  - http: {{path: /cli}}
  pool: {{memory: 8Mi, bufferSizes: [2Ki], hugepages: {hugepages}}}
  functions:
  - {{name: one, exec: "{exec}"}}
  steps: [one]
"""


def chain_text(exec_path=None, hugepages="auto"):
    return STEPS.format(exec=exec_path or program("hostile"), hugepages=hugepages)


class CliTest(ChainTest):
    def setUp(self):
        self.folder = make_folder()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, text, name="chain.yaml"):
        file = self.folder / name
        file.write_text(text)
        return file

    def script(self, text, name="function"):
        """An executable that describes itself well and then does what `text` says."""
        file = self.folder / name
        file.write_text(f"#!/bin/sh\nif [ \"$1\" = --describe ]; then exec "
                        f"{shlex.quote(str(program('hostile')))} --describe; fi\n{text}\n")
        file.chmod(0o755)
        return file

    def fails(self, code, pattern, *args, **more):
        """The command ends with `code` and says `pattern`; nothing is left."""
        before = leftovers.Shared()
        done = run(*args, **more)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(done.stderr, pattern)
        self.assertNotIn("ready http", done.stdout)
        if not leftovers.other_runs(set()):
            self.assertEqual(before.differences(), [])
        return done
