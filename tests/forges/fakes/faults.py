"""What a test orders a forge to do wrong, per operation."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.forges.fakes.dialect import Answer, Dialect

Hook = Callable[[], object]


@dataclass(slots=True)
class Order:
    """What is to happen at the next `times` requests of `operation`, after `skip` of them went well.

    Every method adds one thing and returns the order, so orders read as a sentence:
    `fake.on("merge").leave_open().then_answer(500)`. Several orders for one operation add up.
    """

    operation: str
    times: int
    skip: int
    dialect: Dialect
    done: int = 0
    act: bool = True
    late: bool = False
    hang_up: bool = False
    reply: Answer | None = None
    twists: set[str] = field(default_factory=set)
    first: list[Hook] = field(default_factory=list)
    last: list[Hook] = field(default_factory=list)
    edits: list[Callable[[Any], Any]] = field(default_factory=list)

    # instead of doing it

    def answer(self, status: int, body: object = None, headers: Mapping[str, str] | None = None) -> Order:
        """Do nothing; answer this. Without a body, the forge's own error body with that status."""
        self.act = False
        return self.then_answer(status, body, headers)

    def drop(self) -> Order:
        """Close the connection before anything was done."""
        self.act = False
        return self.then_drop()

    def delay(self) -> Order:
        """Close the connection, and do it when the fake is told to `catch_up`."""
        self.late = True
        return self.drop()

    def refuse(self, why: str) -> Order:
        """Do nothing; answer with the forge's own status and words for `why` (see each dialect's TEXTS)."""
        self.act, self.reply = False, self.dialect.texts[why]
        return self

    def rate_limited(self, *, seconds: int = 1, headers: bool = True, status: int | None = None) -> Order:
        """The forge's answer to too many requests; with `headers=False` it does not say for how long."""
        self.act, self.reply = False, self.dialect.rate_limited(seconds, headers, status)
        return self

    def secondary_limit(self, *, seconds: int | None = 1) -> Order:
        """GitHub's 403 for too much at once."""
        headers = {} if seconds is None else {"Retry-After": str(seconds)}
        message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        return self.answer(403, {"message": message, "documentation_url": f"{_GITHUB_DOCS}"}, headers)

    # after doing it

    def then_answer(self, status: int, body: object = None, headers: Mapping[str, str] | None = None) -> Order:
        """Do it, then answer this instead of what is true."""
        answer = self.dialect.error(status) if body is None else Answer(status, body)
        self.reply = Answer(answer.status, answer.body, {**answer.headers, **(headers or {})})
        return self

    def then_drop(self) -> Order:
        """Do it, then close the connection without an answer."""
        self.hang_up = True
        return self

    def edit(self, change: Callable[[Any], Any]) -> Order:
        """Do it, and send what `change` makes of the body."""
        self.edits.append(change)
        return self

    # doing it wrong; only for "merge"

    def unmerged(self) -> Order:
        """Answer 200 and merge nothing."""
        self.twists.add("unmerged")
        return self

    def leave_open(self) -> Order:
        """The commit is on the base branch; the pull request stays open."""
        self.twists.add("leave_open")
        return self

    def wrong_tree(self) -> Order:
        """The squash commit holds a file that nobody asked for."""
        self.twists.add("wrong_tree")
        return self

    # around it

    def before(self, hook: Hook) -> Order:
        """Call `hook` in the server's thread when the request has arrived and nothing was done yet."""
        self.first.append(hook)
        return self

    def after(self, hook: Hook) -> Order:
        """Call `hook` when it was done and before it is answered."""
        self.last.append(hook)
        return self


_GITHUB_DOCS = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"


class Orders:
    def __init__(self) -> None:
        self._orders: list[Order] = []

    def add(self, order: Order) -> Order:
        self._orders.append(order)
        return order

    def clear(self) -> None:
        self._orders.clear()

    def unmet(self) -> list[str]:
        """Operations of orders that no request has met yet."""
        return [o.operation for o in self._orders if not o.done]

    def take(self, operation: str) -> list[Order]:
        """The orders that this request meets."""
        met = []
        for order in self._orders:
            if not fnmatch.fnmatchcase(operation, order.operation):
                continue
            if order.skip:
                order.skip -= 1
            elif order.done < order.times:
                order.done += 1
                met.append(order)
        return met
