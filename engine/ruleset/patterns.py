"""Regular expressions as CEL has them: RE2, whose time grows with the text alone, never with what is searched for."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import re2

MAX_PROGRAM: Final = 10_000
"""The most instructions a compiled pattern may take; counted repetitions such as `{1000}` multiply them."""


@lru_cache(maxsize=1024)
def searcher(pattern: str) -> Callable[[str], bool]:
    """A function that says whether the pattern is found anywhere in a text. Raises ValueError with RE2's reason."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True  # groups are not read, and without them a search costs 2 us less
    try:
        compiled = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as problem:
        reason = problem.args[0]
        raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None
    if compiled.programsize > MAX_PROGRAM:
        raise ValueError("the pattern is too large")
    search = compiled.search
    # Bytes, because for a str the package works out character offsets that nobody reads.
    return lambda text: search(text.encode()) is not None
