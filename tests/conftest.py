"""What every test shares: a terminal without a width of its own, and the profiles of the property tests.

`ci` is the default and the same on every machine: derandomised, without a deadline, without memory of earlier runs.
`SIGNALBOX_HYPOTHESIS=search` looks further, with new examples every time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Whoever runs the tests side by side may be told the width of a terminal, and what is printed would depend on it.
os.environ.pop("COLUMNS", None)

settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile(
    "search", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile(os.environ.get("SIGNALBOX_HYPOTHESIS", "ci"))
