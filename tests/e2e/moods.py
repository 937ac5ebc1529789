# SPDX-License-Identifier: Apache-2.0
"""moods.py - a function whose revisions are well or badly behaved, as a file says (moody.c)."""
import shutil

from harness import BUILD, make_folder

MOODY = BUILD / "tests/functions/moody"


class Moods:
    """Folders of revisions; each answers with the name of its folder."""

    def __init__(self, *names):
        self.folder = make_folder()
        for name in names:
            (self.folder / name).mkdir()
            shutil.copy(MOODY, self.folder / name / "moody")
            self.set(name, "ok")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def set(self, name, mood):
        """Takes effect with the next request."""
        fresh = self.folder / name / "fresh"
        fresh.write_text(mood)
        fresh.rename(self.folder / name / "mood")

    def exec(self, name):
        return self.folder / name / "moody"

    def chain(self, percent=None, extra="", name="moods", timeout="20s", before="", steps="[only]"):
        """`percent` of the requests to `canary`, the rest to `stable`; None: to stable alone."""
        who = f"exec: {self.exec('stable')}"
        if percent is not None:
            who = (f"traffic: [{{revision: stable, exec: {self.exec('stable')}, "
                   f"percent: {100 - percent}}}, {{revision: canary, "
                   f"exec: {self.exec('canary')}, percent: {percent}}}]")
        return f"""
apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {{name: {name}}}
spec:
  ingress:
  - http: {{path: /in}}
  timeout: {timeout}
  pool: {{memory: 16Mi, bufferSizes: [2Ki, 64Ki]}}
  functions:
{before}  - name: only
    instances: 1
    {who}
{extra}  steps: {steps}
"""
