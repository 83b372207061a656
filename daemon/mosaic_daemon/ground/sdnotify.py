"""Telling the service manager that the daemon is ready, what it does, and that it is alive (`sd_notify(3)`)."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(**fields: str | int) -> None:
    """Send fields such as `READY=1`, `STATUS="…"`, `WATCHDOG=1`. Without a service manager nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    text = "\n".join(f"{name}={str(value).replace(chr(10), ' ')}" for name, value in fields.items())
    target = f"\0{address[1:]}" if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto(text.encode(), target)


def watchdog_sec() -> float | None:
    """How often, in seconds, the manager wants to hear of us; None when it does not watch this process."""
    if os.environ.get("WATCHDOG_PID") not in (None, str(os.getpid())):
        return None
    usec = os.environ.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if usec.isdigit() else None
