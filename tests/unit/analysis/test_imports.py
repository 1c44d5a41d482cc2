"""A process that runs analyses is up before the heavy libraries are: only those that need them pay."""

import subprocess
import sys

HEAVY = ("scipy", "sklearn", "statsmodels", "pandas", "matplotlib")
PROGRAM = f"""
import sys
from terrafusion.analysis.registry import load_catalogue
load_catalogue()
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_the_catalogue_imports_none_of_them():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
