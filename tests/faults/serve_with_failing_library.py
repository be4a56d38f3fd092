"""`signalbox serve` whose rules process finds the failing library where the C module should be."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import server
from cli.main import main
from engine.flow.rules_process import ROOT, RulesProcessOptions

FAILING = Path(__file__).parent / "failing_library"

if __name__ == "__main__":
    server.RulesProcessOptions = partial(RulesProcessOptions, import_paths=(FAILING, ROOT))
    main()
