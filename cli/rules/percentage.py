"""A share that a command is asked for, such as `--fail-under 99.5`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

import click

MOST_CHARACTERS: Final = 40
"""A longer number is no percentage, and one with an endless exponent could not be kept exactly."""


class Percentage(click.ParamType):
    """A number from 0 to 100, kept exactly, as a fraction of 100."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Read the number; anything else is wrong usage."""
        if isinstance(value, Fraction):
            return value
        try:
            number = Decimal(str(value).removesuffix("%"))
        except InvalidOperation:
            number = Decimal("NaN")
        if len(str(value)) > MOST_CHARACTERS or not (number.is_finite() and 0 <= number <= 100 and _is_short(number)):
            self.fail(f'"{value}" is no number from 0 to 100', param, ctx)
        return Fraction(number) / 100


def _is_short(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and abs(exponent) <= MOST_CHARACTERS
