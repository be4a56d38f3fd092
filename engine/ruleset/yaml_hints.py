"""YAML's complaints in words that help: what a rule author probably did, and how to mend it.

libyaml says where it gave up and in which construct. Its place is often behind the cause (a quote that is never
closed is noticed at the end of the file), so here both places are looked at and the better one is pointed at.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, NamedTuple

import yaml

from engine.ruleset.documents import Node, read_yaml
from engine.ruleset.issues import Issue, Issues
from engine.ruleset.scalars import shorten
from engine.ruleset.source import Source, Span

_WHEN: Final = re.compile(r"(?:^|[\s{,])when:[ \t]+(?P<value>\S.*)")
_FIELD: Final = re.compile(r"[ \t]*(?:- +)*[\w-]+[ \t]*")
_NEXT_FIELD: Final = re.compile(r",\s*\w+:")
_WIDE_COLON: Final = re.compile(r"[ \t]*(?:- +)*[\w-]+\uff1a")
_WIDE_COLON_WITHIN: Final = re.compile(r"[{,] *\w+\uff1a")
_LOOKS_ABOVE: Final = 3
"""Lines: YAML takes what follows such a line for a part of it, and stumbles over the next one or two."""
_QUOTE: Final = "YAML takes the value to end with the second quote, but the condition goes on"
_SIGNS: Final = {
    '"': _QUOTE,
    "'": _QUOTE,
    "[": "YAML takes the [ at the beginning for a list",
    "{": "YAML takes the { at the beginning for a group of fields",
    "!": "YAML takes a word after ! for a tag",
}
_OWN_SIGNS: Final = "&*>|%@`-?#,]}"
_BRACKETS: Final = {"while parsing a flow mapping": ("{", "}"), "while parsing a flow sequence": ("[", "]")}
_HINTS: Final = {
    "yaml-documents": "remove the line, or move what follows it to another file",
    "yaml-tag": "leave the word after ! out, or put the whole value in quotes",
    "too-deep": "no rule needs so many levels; is a bracket closed too late?",
}
_CUT_OFF: Final = "if the file was cut off, copy it again"
_LONGEST_SHOWN: Final = 80


class _Trouble(NamedTuple):
    """What libyaml said: the problem, the construct it was in, and the place of each."""

    problem: str
    place: Span
    context: str
    began: Span


def read_document(source: Source, issues: Issues) -> Node | None:
    """Read a file as `documents.read_yaml` does, with its syntax errors explained."""
    found = Issues()
    node = read_yaml(source, found)
    for issue in found.sorted():
        if not _explain(source, issue, issues):
            issues.add(replace(issue, hint=_HINTS.get(issue.code, issue.hint)))
    return node


def _explain(source: Source, issue: Issue, issues: Issues) -> bool:
    """Report a syntax error in our words; False if it is none or we know no better words."""
    if issue.code in ("yaml-tag", "yaml-anchor", "yaml-alias"):
        start = source.line_starts[issue.line - 1] + issue.column - 1
        return _in_condition(_Trouble("", source.span(start, start + 1), "", source.whole), issues)
    trouble = _trouble(source) if issue.code == "yaml-syntax" else None
    return trouble is not None and (
        _tab(trouble, issues)
        or _full_width_colon(trouble, issues)
        or _in_condition(trouble, issues)
        or _unclosed(trouble, issues)
        or _misplaced_line(trouble, issues)
        or _in_value(trouble, issues)
    )


def _trouble(source: Source) -> _Trouble | None:
    try:
        for _ in yaml.parse(source.text, Loader=yaml.CSafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        began = error.context_mark or at
        if at is not None and began is not None:
            place, start = source.span(at.index, at.index + 1), source.span(began.index, began.index + 1)
            return _Trouble(error.problem or "", place, error.context or "", start)
    return None


def _tab(trouble: _Trouble, issues: Issues) -> bool:
    """A tab where YAML wants spaces."""
    place = trouble.place
    indent = re.match(r"[ \t]*", place.line_text)
    if indent is None or "\t" not in indent[0] or "quoted" in trouble.context:
        return False
    start = place.source.line_starts[place.line - 1] + indent[0].index("\t")
    text = "this line is indented with a tab; YAML wants spaces"
    issues.error("yaml-tab", place.source.span(start, start + 1), text, "replace each tab by two spaces")
    return True


def _full_width_colon(trouble: _Trouble, issues: Issues) -> bool:
    """A field whose name ends with the colon of a Chinese keyboard, on the line of the trouble or above it."""
    source = trouble.place.source
    for line in range(trouble.place.line, max(0, trouble.place.line - _LOOKS_ABOVE), -1):
        start = source.line_starts[line - 1]
        found = _WIDE_COLON.match(source.text, start) or _WIDE_COLON_WITHIN.search(
            source.text, start, _end(source, start)
        )
        if found is not None:
            place = source.span(found.end() - 1, found.end())
            text = "a full-width colon does not end the name of a field"
            issues.error("yaml-field", place, text, "write an ordinary colon and a blank: name: value")
            return True
    return False


def _end(source: Source, start: int) -> int:
    """Where the line that begins at `start` ends."""
    end = source.text.find("\n", start)
    return len(source.text) if end < 0 else end


def _in_condition(trouble: _Trouble, issues: Issues) -> bool:
    """A condition that YAML cannot hold plain: a leading quote, !, a list, or a colon in it."""
    place = trouble.place
    line = place.line_text
    found = _WHEN.search(line)
    if found is None or place.column - 1 < found.start("value") or "escape" in trouble.problem:
        return False
    before = line[found.start("value") : place.column - 1]
    if _NEXT_FIELD.search(before):
        return False
    value = found["value"].rstrip()
    text = _SIGNS.get(value[0], "")
    if not text and value[0] in _OWN_SIGNS:
        text = f"YAML gives a {value[0]} at the beginning of a value a meaning of its own"
    elif not text and "mapping values" in trouble.problem:
        text = 'YAML takes the ": " in the condition for the end of a field\'s name'
    elif not text:
        text = "within { } YAML takes brackets and commas for its own"
    start = place.source.line_starts[place.line - 1] + found.start("value")
    whole = place.source.span(start, start + len(value))
    issues.error("condition-not-plain", whole, text, _quoted(value, line.lstrip(" -").startswith("when:")))
    return True


def _quoted(condition: str, alone: bool) -> str:
    """Show how the condition is written so that YAML lets it be; `alone`: it is all that stands on its line."""
    if alone and len(condition) <= _LONGEST_SHOWN and "'" not in condition:
        return f"put the whole condition in single quotes, when: '{condition}', or on the next line after when: >-"
    return "put the whole condition in quotes, or on the next line after when: >-"


def _unclosed(trouble: _Trouble, issues: Issues) -> bool:
    """A quote or a bracket that is never closed."""
    began = trouble.began
    if "quoted scalar" in trouble.context and "unexpected" in trouble.problem:
        hint = "add the closing quote at the end of the value"
        issues.error("yaml-quote", began, "this quote is never closed", hint)
        return True
    sign = _BRACKETS.get(trouble.context)
    ended = not trouble.place.source.text[trouble.place.start :].strip()
    if sign is None:
        if ended:
            issues.error("yaml-truncated", trouble.place, "the file ends in the middle of a value", _CUT_OFF)
        return ended
    if ended:
        text = f"the file ends before this {sign[0]} is closed"
        issues.error("yaml-truncated", began, text, f"add the {sign[1]}; {_CUT_OFF}")
    elif trouble.place.line != began.line:
        text = f"this {sign[0]} is not closed on its line"
        hint = f"add the {sign[1]}; or, if the group goes on, look for what is wrong at line {trouble.place.line}"
        issues.error("yaml-bracket", began, text, hint)
    else:
        text = f"expected a comma or {sign[1]} here, to go on with or to close the {sign[0]} before"
        hint = "a value with brackets, commas or quotes in it must be quoted"
        issues.error("yaml-bracket", trouble.place, text, hint)
    return True


def _misplaced_line(trouble: _Trouble, issues: Issues) -> bool:
    """A line that is indented wrongly or is no field."""
    place = trouble.place
    if "could not find expected ':'" in trouble.problem:
        began = trouble.began
        text = "this line is not a field: it has no colon with a space after it"
        hint = "write name: value; the rest of a longer text is indented deeper than its first line"
        issues.error("yaml-field", began.source.span(began.start, began.start + len(_rest(began))), text, hint)
        return True
    own_line = not place.line_text[: place.column - 1].strip(" -")
    deeper = "mapping values" in trouble.problem and _FIELD.fullmatch(place.line_text[: place.column - 1])
    if not deeper and not (own_line and "did not find expected" in trouble.problem):
        return False
    first = place.line_text[: place.column - 1] if deeper else ""
    start = place.start - len(first.lstrip()) if deeper else place.start
    hint = "put the fields of one entry under each other; a new one begins with a dash, as far left as the other dashes"
    where = place.source.span(start, start + len(_rest(place.source.span(start, start))))
    issues.error("yaml-indentation", where, "this line is not indented as the lines it belongs to", hint)
    return True


def _in_value(trouble: _Trouble, issues: Issues) -> bool:
    """A value that must be quoted."""
    place, problem = trouble.place, trouble.problem
    sign = shorten(place.line_text[place.column - 1 : place.column])
    if "mapping values" in problem:
        text = "a second colon in one value; YAML takes it for the end of a field's name"
        issues.error("yaml-value", place, text, "put the value in quotes, or on the next line after >-")
    elif "cannot start any token" in problem or "did not find expected" in problem:
        text = f'YAML cannot go on at "{sign}"' if sign else "YAML cannot go on here"
        issues.error("yaml-value", place, text, "put the whole value in quotes, or on the next line after >-")
    elif "escape" in problem:
        text = "a backslash in double quotes begins an escape, and this one does not exist"
        issues.error("yaml-escape", place, text, "use single quotes, or write the backslash twice")
    else:
        return False
    return True


def _rest(place: Span) -> str:
    """The line from a place on."""
    return place.line_text[place.column - 1 :].rstrip()
