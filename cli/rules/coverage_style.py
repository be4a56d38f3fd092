"""The frame of the coverage page: its head, its colours by day and by night, narrow and on paper."""

from __future__ import annotations

from typing import Final

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --dim: #5a616b; --line: #d3d7dd;
  --full: #d3f2d8; --part: #fff0b3; --none: #ffd2cf; --out: #e4e6ea; --good: #2b8a3e; --some: #e0a800; --bad: #c92a2a; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e3e5e8; --paper: #16181b; --dim: #a5abb5; --line: #3a3e44;
    --full: #174a24; --part: #5a4700; --none: #6b1f1a; --out: #34383e;
    --good: #51cf66; --some: #fcc419; --bad: #ff8787; }
}
body { margin: 0; color: var(--ink); background: var(--paper); font: .95rem/1.5 system-ui, sans-serif; }
main { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin: 0; }
h1, h2, h3, p, li, code { overflow-wrap: anywhere; }
a { color: inherit; } ul { margin: .3rem 0; padding-left: 1.4rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem; text-align: left; vertical-align: top; }
th { color: var(--dim); font-weight: normal; } tbody th { color: inherit; }
tbody th, tbody td { border-top: 1px solid var(--line); }
.num { text-align: right; font-variant-numeric: tabular-nums; } .num span, .num b { white-space: nowrap; }
.rule, .table { border: 1px solid var(--line); border-left-width: .4rem; border-radius: .3rem; margin: .8rem 0;
  padding: .6rem .9rem; }
.rule.full { border-left-color: var(--good); } .rule.part { border-left-color: var(--some); }
.rule.none { border-left-color: var(--bad); }
.rule p, .table p { margin: .2rem 0; } .then, small, .mark, summary { color: var(--dim); font-weight: normal; }
.lacks { list-style: none; padding: 0; color: var(--bad); }
article:target, tr:target { outline: 2px solid var(--ink); outline-offset: 2px; }
pre { margin: .4rem 0; tab-size: 2; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.7; }
pre.then { line-height: 1.4; margin: .2rem 0; }
pre, code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .87rem; }
.atom { display: inline-block; max-width: 100%; box-sizing: border-box; border-bottom: 2px none currentColor;
  border-radius: .2rem; padding: 0 .2rem; line-height: 1.4; }
td.full, .atom.full { background: var(--full); } td.part, .atom.part { background: var(--part); }
td.none, .atom.none { background: var(--none); } .atom.out { background: var(--out); }
.atom.part { border-bottom-style: dashed; } .atom.none { border-bottom-style: solid; }
.atom.idle { border-bottom-style: dotted; }
.wide { overflow-x: auto; } .grid { font-size: .87rem; }
.grid small { white-space: nowrap; }
.grid td, .grid th { border: 1px solid var(--line); padding: .2rem .5rem; }
.grid > tbody > tr > td:last-child { min-width: 18rem; }
.cases { font-size: .87rem; } .cases td, .cases th { padding: .2rem .8rem .2rem 0; min-width: 8rem; }
.legend .atom { margin-right: .4rem; } .filter { display: none; }
summary, label { cursor: pointer; }
@supports selector(:has(a)) { .filter { display: block; } }
.version:has(.filter input:checked) .whole,
.version:has(.filter input:checked) .file:not(:has(.rule:not(.whole), .table:not(.whole))) { display: none; }
@media (max-width: 40rem) {
  main { margin: 1rem auto; padding: 0 .6rem; } th, td { padding: .2rem .4rem; } .num span { display: block; }
  .sum { font-size: .8rem; } .sum th, .sum td { padding: .2rem .3rem; }
  .rule, .table { padding: .5rem .6rem; }
}
@media print {
  main { max-width: none; margin: 0; } .filter, summary { display: none; }
  .rule, li, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } .wide { overflow: visible; }
  .atom { border: 1px solid transparent; } .atom.full { border-color: #bbb; } .atom.out { border-color: #bbb; }
  .atom.part { border-bottom: 2px dashed #000; } .atom.none { border-bottom: 2px solid #000; }
  .atom.idle { border-bottom: 2px dotted #000; }
}
</style>
</head>
<body>
<main>
$body
</main>
</body>
</html>
"""
