"""Staying connected, the same for both sides: whatever breaks a link, the next is tried for, with growing pauses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from mosaic_rails.base import RailError
from mosaic_rails.leased.transport import Link, Transport, Unreachable

_FIRST_PAUSE_SEC, _LONGEST_PAUSE_SEC = 0.5, 30.0


async def stay_linked(
    transport: Transport,
    cursor: Callable[[], str | None],
    use: Callable[[Link], Awaitable[None]],
    broken: Callable[[str], None],
) -> None:
    """Use one link after the other, until cancelled.

    Args:
        cursor: where to go on reading.
        use: what is done with a link; it ends by raising.
        broken: told why a link ended or could not be had.
    """
    pause = _FIRST_PAUSE_SEC

    async def used(link: Link) -> None:
        nonlocal pause
        pause = _FIRST_PAUSE_SEC
        await use(link)

    while True:
        try:
            async with transport.link(cursor()) as link:
                await used(link)
        except* (Unreachable, RailError, OSError) as errors:
            broken(f"{_first(errors)}; tried again by itself")
        await anyio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SEC)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
