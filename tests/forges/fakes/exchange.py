"""One request on its way through a forge: token, orders, operation, limits, conditions, log."""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.forges.fakes.core import Core
from tests.forges.fakes.dialect import Answer, Call, Dialect, Refused, Request, Route
from tests.forges.fakes.faults import Order, Orders
from tests.forges.fakes.state import StateFile

#: How all fakes number their repository.
REPOSITORY_ID = "4711"

_SECRET = ("authorization", "private-token", "job-token")


@dataclass(frozen=True, slots=True)
class Entry:
    """A request as it is remembered, without its token. `status` 0: the connection was closed instead."""

    operation: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    status: int

    @property
    def conditional(self) -> bool:
        return "if-none-match" in self.headers


class Exchange:
    """Serves requests of one dialect on one Core.

    Attributes:
        log: every request, oldest first. violations: what does not follow the published description.
    """

    def __init__(self, dialect: Dialect, core: Core, orders: Orders, file: StateFile | None) -> None:
        self.dialect = dialect
        self.core = core
        self.log: list[Entry] = []
        self.violations: list[str] = []
        self._orders = orders
        self._file = file
        self._late: list[Callable[[], object]] = []
        self._description = dialect.description()

    def serve(self, request: Request) -> Answer | None:
        try:
            return self._serve(request)
        except Exception:
            self.violations.append(f"the fake failed at {request.method} {request.path}\n{traceback.format_exc()}")
            return self.dialect.error(500)

    def catch_up(self) -> None:
        """Do what was delayed."""
        late, self._late = self._late, []
        for act in late:
            act()

    def _serve(self, request: Request) -> Answer | None:
        found = self.dialect.find(request)
        if found is None:
            self.violations.append(f"{request.method} {request.path}: the fake does not have this")
            return self._note("", request, self.dialect.error(404))
        route, params = found
        if self._description:
            self.violations += self._description.request(route, request, params)
        refusal, scopes = self._admit(request, route)
        if refusal:
            return self._note(route.operation, request, self._finish(request, refusal, scopes))
        if not self._is_ours(params):
            return self._note(route.operation, request, self._finish(request, self.dialect.error(404), scopes))
        met = self._orders.take(route.operation)
        for hook in [hook for order in met for hook in order.first]:
            hook()
        answer = self._act(route, Call(self.core, request, params, frozenset().union(*(o.twists for o in met))), met)
        for hook in [hook for order in met for hook in order.last]:
            hook()
        if any(order.hang_up for order in met):
            return self._note(route.operation, request, None)
        return self._note(route.operation, request, self._finish(request, answer, scopes))

    def _admit(self, request: Request, route: Route) -> tuple[Answer | None, frozenset[str]]:
        token = self.dialect.token(request)
        scopes = self.core.state.tokens.get(token or "")
        if scopes is not None:
            return self.dialect.allows(scopes, route), scopes
        if token is None and not route.area:
            return None, frozenset()
        return self.dialect.unauthorized(token), frozenset()

    def _is_ours(self, params: Mapping[str, str]) -> bool:
        """Whether the path names the one repository that exists: as owner and name, as a path, or by its number."""
        repo = self.core.state.repo
        if "owner" in params:
            return f"{params['owner']}/{params['repo']}" == repo
        return params.get("project", repo) in (repo, REPOSITORY_ID)

    def _act(self, route: Route, call: Call, met: list[Order]) -> Answer:
        ordered = next((o.reply for o in reversed(met) if o.reply), None)
        if any(order.late for order in met):
            self._late.append(lambda: self._act(route, call, []))
        if not all(order.act for order in met):
            return ordered or self.dialect.error(500)
        with self.core.lock:
            try:
                answer = route.handler(call)
            except Refused as refused:
                answer = refused.answer
            if self._file:
                self._file.save(self.core.state)
        edits = [edit for order in met for edit in order.edits]
        if self._description and not edits:
            self.violations += self._description.answer(route, answer)
        for edit in edits:
            answer = replace(answer, body=edit(answer.body))
        return ordered or answer

    def _finish(self, request: Request, answer: Answer, scopes: frozenset[str]) -> Answer:
        """Rate headers and the entity tag; 304 where the client has it already."""
        headers = dict(answer.headers)
        if self.dialect.etags and request.method == "GET" and answer.status == 200:
            digest = hashlib.sha256(json.dumps([answer.body, headers.get("Link")]).encode()).hexdigest()[:32]
            headers["ETag"] = f'W/"{digest}"'
            if f'W/"{digest}"' in request.headers.get("if-none-match", ""):
                answer = Answer(304)
        with self.core.lock:
            self.core.state.requests += answer.status != 304
            limits = self.dialect.headers(self.core, scopes)
        merged = {**limits, **headers}
        return replace(answer, headers={name: value for name, value in merged.items() if value is not None})

    def _note(self, operation: str, request: Request, answer: Answer | None) -> Answer | None:
        headers = {name: value for name, value in request.headers.items() if name not in _SECRET}
        status = answer.status if answer else 0
        entry = Entry(operation, request.method, request.path, request.query, headers, request.body, status)
        self.log.append(entry)
        return answer
