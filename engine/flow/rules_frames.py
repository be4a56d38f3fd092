"""The frames that the server and its rules process exchange over a socket pair.

A frame is a header (body length, kind, number of the exchange) and a body. Matching, the hot part, is packed
integers in the machine's own order; pickles travel only where whole Python values must, in loading and installing,
and both ends of the socket are ours.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import Any

HEADER = struct.Struct("=IBI")
_MATCH = struct.Struct("=IHHI")
_CODE = struct.Struct("=i")

MAX_BODY = 1 << 30
"""Bytes in one body; more than this can only be a broken stream."""

PIECE = 1 << 16
"""Bytes of a load's result in one frame: small, so that an answer to a match never waits long behind it."""

Fingerprint = Sequence[int]


class Kind(IntEnum):
    """What a frame means; the body is in brackets, `->` from the server, `<-` to it."""

    READY = 0  # <- the process can match ()
    MATCH = 1  # -> (version, program, fingerprints)
    MATCHED = 2  # <- some of the answers, in order (rule indexes)
    INSTALL = 3  # -> (pickle of version, program, conjunctions); a version comes in parts
    INSTALLED = 4  # <- this part is compiled ()
    RELEASE = 5  # -> (version); no answer
    LOAD = 6  # -> (pickle of a LoadRequest); one already running is given up
    LOADED = 7  # <- a piece of the result
    LOAD_OVER = 8  # <- no more pieces (code, text); code 0 = all well
    FAILED = 9  # <- a MATCH or INSTALL could not be answered (code, text)


class LoadEnd(IntEnum):
    """How a load ended."""

    DONE = 0
    RAISED = 1  # the load function raised
    MEMORY = 2  # over its memory limit
    TIME = 3  # over its time limit
    CRASHED = 4  # the child ended without an answer
    TOO_LARGE = 5  # the result is too large to be passed on
    REPLACED = 6  # another load began, or the process was told to stop
    AWAY = 7  # the rules process itself went away


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What to run: `function` as `package.module:name`, its arguments, and the bounds of the child."""

    function: str
    arguments: tuple[Any, ...]
    seconds: float
    memory_bytes: int


class BrokenStream(Exception):
    """The other side sent what cannot be a frame."""


def frame(kind: Kind, number: int, body: bytes = b"") -> bytes:
    """Put a frame together; `number` is the exchange it belongs to, below 2**32."""
    return HEADER.pack(len(body), kind, number) + body


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Yield (kind, number, body) of each frame that is now whole; raises BrokenStream."""
        buffer = self._buffer
        buffer += data
        at = 0
        try:
            while len(buffer) - at >= HEADER.size:
                length, kind, number = HEADER.unpack_from(buffer, at)
                if length > MAX_BODY:
                    raise BrokenStream(f"a body of {length} bytes")
                end = at + HEADER.size + length
                if len(buffer) < end:
                    return
                body = bytes(memoryview(buffer)[at + HEADER.size : end])
                at = end
                yield kind, number, body
        finally:
            del buffer[:at]


def pack_match(version: int, program: int, fingerprints: Sequence[Fingerprint]) -> bytes:
    """Pack a MATCH body. All fingerprints have the first one's length; raises struct.error for what does not fit."""
    width = len(fingerprints[0]) if fingerprints else 0
    head = _MATCH.pack(version, program, width, len(fingerprints))
    return head + struct.pack(f"={width * len(fingerprints)}I", *chain.from_iterable(fingerprints))


def unpack_match(body: bytes) -> tuple[int, int, list[tuple[int, ...]]]:
    """Undo pack_match: (version, program, fingerprints)."""
    version, program, width, count = _MATCH.unpack_from(body)
    flat = struct.unpack_from(f"={width * count}I", body, _MATCH.size)
    return version, program, [flat[i * width : (i + 1) * width] for i in range(count)]


def pack_matches(matches: Sequence[tuple[int, ...]]) -> bytes:
    """Pack a MATCHED body: for each fingerprint the number of its rules, then the rules."""
    flat = list(chain.from_iterable((len(rules), *rules) for rules in matches))
    return struct.pack(f"={len(flat)}I", *flat)


def unpack_matches(body: bytes) -> list[tuple[int, ...]]:
    """Undo pack_matches."""
    flat = struct.unpack(f"={len(body) // 4}I", body)
    matches, at = [], 0
    while at < len(flat):
        end = at + 1 + flat[at]
        matches.append(flat[at + 1 : end])
        at = end
    return matches


def pack_code(code: int, text: str = "") -> bytes:
    """Pack the body of FAILED and LOAD_OVER."""
    return _CODE.pack(code) + text.encode("utf-8", "replace")


def unpack_code(body: bytes) -> tuple[int, str]:
    """Undo pack_code."""
    return _CODE.unpack_from(body)[0], body[_CODE.size :].decode("utf-8", "replace")
