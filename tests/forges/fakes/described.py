"""Holds requests and answers against the API descriptions that the forges publish.

They lie in the folder that MOSAIC_OPENAPI_DIR names; without it nothing is held against anything.
"""

from __future__ import annotations

from tests.forges.fakes.dialect import Answer, Dialect, Request, Route


class Description:
    @classmethod
    def find(cls, dialect: Dialect) -> Description | None:
        return None

    def request(self, route: Route, request: Request) -> list[str]:
        return []

    def answer(self, route: Route, answer: Answer) -> list[str]:
        return []
