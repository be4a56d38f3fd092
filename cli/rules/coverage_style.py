"""The frame of the coverage page: its head, its colours by day and by night."""

from __future__ import annotations

from typing import Final

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --dim: #667; --line: #d8dbe0;
  --full: #d3f2d8; --part: #fff0b3; --none: #ffd2cf; --out: #e4e6ea; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e5e8; --paper: #16181b; --dim: #98a; --line: #3a3e44;
    --full: #174a24; --part: #5a4700; --none: #6b1f1a; --out: #34383e; }
}
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin: 0; }
a { color: inherit; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem; text-align: left; vertical-align: top; }
th { color: var(--dim); font-weight: normal; } .num { text-align: right; font-variant-numeric: tabular-nums; }
tr + tr td { border-top: 1px solid var(--line); }
.rule { border: 1px solid var(--line); border-left-width: .4rem; border-radius: .3rem; margin: .8rem 0;
  padding: .6rem .9rem; }
.rule.full { border-left-color: #2f9e44; } .rule.none { border-left-color: #e03131; }
.rule p { margin: .2rem 0; } .then, small, .mark, summary { color: var(--dim); font-weight: normal; }
pre { margin: .4rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
pre, code, .then { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .87rem; }
.atom { border-radius: .2rem; padding: .05rem .2rem; }
td.full, .atom.full { background: var(--full); } td.part, .atom.part { background: var(--part); }
td.none, .atom.none { background: var(--none); } .atom.out { background: var(--out); }
.atom.part { border-bottom: 2px dashed currentColor; } .atom.none { border-bottom: 2px solid currentColor; }
.atom.idle { border-bottom: 2px dotted currentColor; }
.grid { font-size: .87rem; } .grid td, .grid th { border: 1px solid var(--line); padding: .2rem .5rem; }
.legend .atom { margin-right: .6rem; } ul { margin: .3rem 0; }
</style>
</head>
<body>
$body
</body>
</html>
"""
