"""Where each character of a YAML scalar's value stands in the file.

libyaml tells only where a scalar begins and ends. The walkers below read that piece again by libyaml's own scanning
rules (scanner.c: yaml_parser_scan_plain_scalar, _flow_scalar, _block_scalar) and keep the offset of every character
they give out. `offsets` compares what they give with libyaml's value, so a slip of theirs costs precision, never truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

Placed = list[tuple[str, int]]
"""Characters of a value, each with the offset in the text of the character it came from."""

ReadCharacter = Callable[[str, int], tuple[str, int]]
"""One character of the value at an offset of the text, and how many characters of the text spell it."""

_BREAKS = "\r\n\x85\u2028\u2029"
_BLANKS = " \t"
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


def offsets(text: str, start: int, end: int, style: str, value: str) -> list[int] | None:
    """The offset of each character of `value`, or None when the piece `[start, end)` does not give that value."""
    for placed in _readings(text, start, end, style):
        if "".join(character for character, _ in placed) == value:
            return [at for _, at in placed]
    return None


def _readings(text: str, start: int, end: int, style: str) -> Iterator[Placed]:
    if style in ("|", ">"):
        yield from _block_readings(text, start, end, style)
    elif style == '"':
        yield _flow(text, start + 1, end - 1, _double_character)
    elif style == "'":
        yield _flow(text, start + 1, end - 1, _single_character)
    else:
        yield _flow(text, start, end, _plain_character)


def _break_length(text: str, at: int) -> int:
    return 2 if text.startswith("\r\n", at) else 1


def _break_sign(text: str, at: int) -> str:
    return text[at] if text[at] in "\u2028\u2029" else "\n"


def _plain_character(text: str, at: int) -> tuple[str, int]:
    return text[at], 1


def _single_character(text: str, at: int) -> tuple[str, int]:
    return text[at], 2 if text.startswith("''", at) else 1


def _double_character(text: str, at: int) -> tuple[str, int]:
    if text[at] != "\\":
        return text[at], 1
    sign = text[at + 1 : at + 2]
    if sign in _HEX_DIGITS and sign:
        digits = _HEX_DIGITS[sign]
        return chr(int(text[at + 2 : at + 2 + digits], 16)), 2 + digits
    return _ESCAPES.get(sign, sign), 2


def _flow(text: str, at: int, end: int, read: ReadCharacter) -> Placed:
    """Plain and quoted scalars: a single line break is a space, further ones are kept, blanks around them go."""
    placed: Placed = []
    while at < end:
        if read is _double_character and text[at] == "\\" and text[at + 1 : at + 2] in tuple(_BREAKS):
            folded, at = _fold(text, at + 1, end)  # an escaped line break joins the lines with nothing between
            placed += folded
            continue
        blanks_end = at
        while blanks_end < end and text[blanks_end] in _BLANKS:
            blanks_end += 1
        if blanks_end < end and text[blanks_end] in _BREAKS:
            folded, at = _fold(text, blanks_end, end)
            placed += folded or [(" ", blanks_end)]
        elif blanks_end > at:
            placed += [(text[i], i) for i in range(at, blanks_end)]
            at = blanks_end
        else:
            sign, length = read(text, at)
            placed.append((sign, at))
            at += length
    return placed


def _fold(text: str, at: int, end: int) -> tuple[Placed, int]:
    """From a line break over all blank lines: the breaks after the first, and where the next line's text begins."""
    breaks: Placed = []
    while at < end and text[at] in _BREAKS + _BLANKS:
        if text[at] in _BREAKS:
            breaks.append((_break_sign(text, at), at))
            at += _break_length(text, at)
        else:
            at += 1
    return breaks[1:], at


def _block_readings(text: str, start: int, end: int, style: str) -> Iterator[Placed]:
    """Block scalars. The indent is counted from the parent's, which is not known here: every possible one is tried."""
    header_end = start + 1
    while header_end < end and text[header_end] not in _BREAKS:
        header_end += 1
    header = text[start + 1 : header_end].partition("#")[0]
    chomp = "+" if "+" in header else "-" if "-" in header else ""
    body = header_end + _break_length(text, header_end) if header_end < end else end
    widest = 0
    while body + widest < end and text[body + widest] == " " and widest < 64:
        widest += 1
    for indent in dict.fromkeys((_first_indent(text, body, end), *range(widest + 1))):
        yield _block(text, body, end, indent, style == "|", chomp)


def _first_indent(text: str, at: int, end: int) -> int:
    """The indent of the first line that holds more than spaces."""
    column = 0
    while at < end and text[at] in " " + _BREAKS:
        column = 0 if text[at] in _BREAKS else column + 1
        at += 1
    return column


def _block(text: str, at: int, end: int, indent: int, literal: bool, chomp: str) -> Placed:
    placed: Placed = []
    leading_blank = False
    leading_break: Placed = []
    trailing, at, inside = _block_breaks(text, at, end, indent)
    while inside:
        blank = text[at] in _BLANKS
        folds = not literal and leading_break and leading_break[0][0] == "\n" and not leading_blank and not blank
        if not folds:
            placed += leading_break
        elif not trailing:
            placed.append((" ", leading_break[0][1]))
        placed += trailing
        leading_blank, leading_break = blank, []
        while at < end and text[at] not in _BREAKS:
            placed.append((text[at], at))
            at += 1
        if at < end:
            leading_break = [(_break_sign(text, at), at)]
            at += _break_length(text, at)
        trailing, at, inside = _block_breaks(text, at, end, indent)
    if chomp != "-":
        placed += leading_break
    return placed + trailing if chomp == "+" else placed


def _block_breaks(text: str, at: int, end: int, indent: int) -> tuple[Placed, int, bool]:
    """Over blank lines: their breaks, where the next line's text begins, and whether that line is still inside."""
    breaks: Placed = []
    while True:
        column = 0
        while at < end and column < indent and text[at] == " ":
            at, column = at + 1, column + 1
        if at >= end or text[at] not in _BREAKS:
            return breaks, at, at < end and column == indent
        breaks.append((_break_sign(text, at), at))
        at += _break_length(text, at)
