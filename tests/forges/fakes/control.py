"""The control of a fake that runs in a process of its own: the methods of `Fake`, called over HTTP below `/-/`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

import httpx

from tests.forges.fakes.dialect import Answer, Request

if TYPE_CHECKING:
    from tests.forges.fakes.fake import Fake

_PREFIX = "/-/"


def serve(fake: Fake, request: Request) -> Answer | None:
    """None where the request is not for the control."""
    if not request.path.startswith(_PREFIX):
        return None
    match request.path.removeprefix(_PREFIX):
        case "log":
            return Answer(200, [asdict(entry) for entry in fake.log])
        case "violations":
            return Answer(200, list(fake.violations))
        case "call":
            method = getattr(fake, request.body["method"])
            return Answer(200, {"result": _plain(method(*request.body["args"], **request.body["kwargs"]))})
        case "order":
            order = fake.on(request.body["operation"], times=request.body["times"], skip=request.body["skip"])
            for name, *args in request.body["faults"]:
                order = getattr(order, name)(*args)
            return Answer(200, {"result": None})
        case _:
            return Answer(404)


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


class Remote:
    """A fake in another process: `Remote(url).call("ci_always", {"build": "green"}, hidden=1)`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of its `Fake` with plain values; a value of the state comes back as a dict."""
        return self._post("call", {"method": method, "args": args, "kwargs": kwargs})

    def order(self, operation: str, faults: Iterable[list[Any]], *, times: int = 1, skip: int = 0) -> None:
        """`order("merge", [["leave_open"], ["then_answer", 500]])`: see `faults.Order`."""
        body = {"operation": operation, "faults": list(faults), "times": times, "skip": skip}
        self._post("order", body)

    def log(self) -> list[dict[str, Any]]:
        """Every request since the process began, as `Entry`."""
        entries: list[dict[str, Any]] = httpx.get(f"{self.url}{_PREFIX}log").raise_for_status().json()
        return entries

    def violations(self) -> list[str]:
        found: list[str] = httpx.get(f"{self.url}{_PREFIX}violations").raise_for_status().json()
        return found

    def _post(self, name: str, body: dict[str, Any]) -> Any:
        return httpx.post(f"{self.url}{_PREFIX}{name}", json=body).raise_for_status().json()["result"]
