"""The analyses: pure functions from a county's records to an answer. No I/O, no clock, no settings.

Whoever asks, answers are computed on one BLAS thread: several split sums elsewhere, and the last digits differ.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = "1"  # read when numpy and scipy are first imported, by what lies below
