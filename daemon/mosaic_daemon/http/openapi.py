"""The API's description, made of the routes themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mosaic_daemon.http.routing import WORDS, Door, Route

_VERSION = "1"
_ERRORS = {"400": "the query or body is wrong", "401": "no token, or a wrong one", "421": "this host is not served"}


def document(routes: Iterable[Route], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.1, of everything that programs use: `/api/`, the probes and the metrics."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if not route.is_page:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "mosaic-orchestrator", "version": _VERSION, "license": {"name": "see the repository"}},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": dict(schemas),
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {"summary": route.about, "operationId": _name(route)}
    if parameters := [*_in_path(route), *_in_query(route)]:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": False, "content": {"application/json": {"schema": dict(route.body)}}}
    if route.door is Door.OPEN:
        operation["security"] = []
    operation["responses"] = {"200": {"description": route.about, "content": _content(route.answer)}} | _refusals(route)
    return operation


def _refusals(route: Route) -> dict[str, Any]:
    told = dict(_ERRORS)
    if "{" in route.path:
        told["404"] = "there is no such thing"
    if route.changes:
        told["403"] = "sent by another site"
        told["409"] = "the rules do not allow it"
    if route.door is Door.OPEN:
        told = {"421": _ERRORS["421"], "503": "not now"}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {status: {"description": about, "content": error} for status, about in sorted(told.items())}


def _content(answer: str) -> dict[str, Any]:
    if "/" in answer:
        return {answer: {"schema": {"type": "string"}}}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{answer}"}}}


def _in_path(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{pattern}$"}}
        for name, pattern in WORDS.items()
        if f"{{{name}}}" in route.path
    ]


def _in_query(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "in": "query", "description": each.about, "schema": dict(each.schema)}
        for each in route.parameters
    ]


def _name(route: Route) -> str:
    words = [part.strip("{}") for part in route.path.split("/") if part not in ("", "api", "v1")]
    return "-".join([route.method.lower(), *words]).replace(".", "-")
