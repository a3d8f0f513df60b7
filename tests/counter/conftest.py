"""Lets the counter's tests share the modules beside this one: tests is no package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
