"""Numbers of tokens as people write them: `5K`, `5.2K`, `1.1M`, or plain."""

from __future__ import annotations

import re
import reprlib
from decimal import Decimal
from functools import lru_cache

FIGURE = r"([0-9]{1,12}(?:\.[0-9]{1,12})?)([KkMm]?)"
_SCALE = {"": 1, "K": 1_000, "M": 1_000_000}


def tokens(figure: str | int) -> int:
    """A token figure as a number: `5K` is 5000, `1.1M` is 1100000, `750` is 750.

    Raises:
        ValueError: it is none of these.
    """
    number = _number(str(figure)) if type(figure) in (str, int) else None
    if number is None:
        raise ValueError(f"{reprlib.repr(figure)} is no token figure such as 5K, 5.2K, 1.1M or 750")
    return number


@lru_cache(1024)  # a long queue has few different estimates
def _number(figure: str) -> int | None:
    parts = re.fullmatch(FIGURE, figure)
    return None if parts is None else round(Decimal(parts[1]) * _SCALE[parts[2].upper()])


def tokens_text(number: int) -> str:
    """A number of tokens as people write it, with one decimal at most: 5249 is `5.2K`, 999960 is `1M`."""
    if number < 1_000:
        return str(number)
    scale, unit = (1_000, "K") if number < 999_950 else (1_000_000, "M")
    return f"{Decimal(number) / scale:.1f}".removesuffix(".0") + unit
