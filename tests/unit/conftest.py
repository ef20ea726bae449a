"""Puts the checkout on the path as the installed collection `realtime.edge`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".collections"))
