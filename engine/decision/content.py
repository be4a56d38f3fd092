"""What can be known of a content without rules: its length, its SMS parts, its keyword hits, its fingerprint."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b

from engine.decision.model import Message

# The GSM 7-bit default alphabet and, after it, the characters that take an escape and so count twice
# (3GPP TS 23.038, section 6.2.1).
_GSM = re.compile(r"[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà\f\^{}\\\[~\]|€]*")
_GSM_ESCAPED = re.compile(r"[\f\^{}\\\[~\]|€]")


def segments(text: str) -> int:
    """Return how many SMS a text takes, at least 1.

    160 characters of the GSM 7-bit alphabet, or 153 each when there are several; with any other character in it 70
    UTF-16 units, or 67 each (3GPP TS 23.038 and 23.040).
    """
    # Most texts are short: 35 characters are at most 70 UTF-16 units, and 70 in 70 units at most 140 GSM units.
    if len(text) <= 35 or (len(text) <= 70 and len(text.encode("utf-16-le", "surrogatepass")) <= 140):
        return 1
    if _GSM.fullmatch(text):
        units = len(text) + len(_GSM_ESCAPED.findall(text))
        return 1 if units <= 160 else -(-units // 153)
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    return 1 if units <= 70 else -(-units // 67)


def texts(message: Message) -> list[str]:
    """Return every text a person may be shown: the content with its overrides, else the template's string params."""
    content = message.content
    if content is None:
        return list(_strings(message.params))
    every = [text for text in content[:3] if text]
    for override in content.overrides:
        every += filter(None, override[1:4])
    return every


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for item in value.values():
                yield from _strings(item)
        case list():
            for item in value:
                yield from _strings(item)


def wording(message: Message, channel: str) -> str:
    """Return the plain text for a channel: its override, else the common text, else the title; "" for a template."""
    content = message.content
    if content is None:
        return ""
    if content.overrides:
        for override in content.overrides:
            if override[0] == channel and override[2]:
                return override[2]
    return content.text or content.title


def fingerprint(message: Message) -> str:
    """Return 128 bits, hexadecimal, that are equal for equal contents: what `per: content` counts by.

    Of a provider's template it is the template's name with all the params.
    """
    if message.content is None:
        written = json.dumps([message.template, dict(message.params)], sort_keys=True)
    else:
        title, text, html, url, overrides = message.content
        # Lengths in front keep a text that moves from one field to the next from looking the same.
        written = f"{len(title)} {len(text)} {len(html)} {title}{text}{html}{url}"
        if overrides:
            written = json.dumps([written, overrides])
    return blake2b(written.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
