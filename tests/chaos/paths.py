# SPDX-License-Identifier: Apache-2.0
"""paths.py - makes the modules of the end-to-end tests importable; imported before them."""
import sys
from pathlib import Path

E2E = Path(__file__).resolve().parents[1] / "e2e"
if str(E2E) not in sys.path:
    sys.path.insert(0, str(E2E))
