"""Holds requests and answers against the API descriptions that the forges publish.

They lie in the folder that MOSAIC_OPENAPI_DIR names; without it nothing is held against anything.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import referencing
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing.jsonschema import DRAFT202012

from tests.forges.fakes.dialect import Answer, Described, Json, Request, Route

FOLDER = "MOSAIC_OPENAPI_DIR"
_URI = "urn:description"


@functools.cache
def published(file: str) -> Described | None:
    """The description in that file; None where MOSAIC_OPENAPI_DIR is not set."""
    folder = os.environ.get(FOLDER)
    return Published(json.loads((Path(folder) / file).read_text())) if folder else None


class Published:
    """OpenAPI 3.0 or Swagger 2.0."""

    def __init__(self, document: Json) -> None:
        self._document: Json = _json_schema(document, go=document.get("swagger") == "2.0")
        resource = DRAFT202012.create_resource(self._document)
        self._registry = referencing.Registry().with_resource(_URI, resource)
        self._paths = {re.sub(r"\{\w+\}", "{}", path): path for path in self._document["paths"]}
        self._validators: dict[str, Draft202012Validator] = {}

    def request(self, route: Route, request: Request, params: Mapping[str, str]) -> list[str]:
        where = f"{request.method} {request.path}"
        path = self._path(route)
        operation = path and self._document["paths"][path].get(request.method.lower())
        if not operation:
            return [f"{where}: not in the description"]
        known = [self._resolved(p) for p in (*operation.get("parameters", ()), *self._shared(path))]
        named = {p["name"]: p for p in known if p["in"] == "query"}
        found = [f"{where}: no query parameter {name!r}" for name in request.query if name not in named]
        found += [
            f"{where}: {name}={value!r} is not {wrong}"
            for name, value in request.query.items()
            if name in named and (wrong := _not_a(named[name].get("schema", named[name]), value))
        ]
        in_path = [p for p in known if p["in"] == "path"]
        for parameter, value in zip(in_path, params.values(), strict=False):
            wrong = _not_a(parameter.get("schema", parameter), value)
            found += [f"{where}: {parameter['name']}={value!r} is not {wrong}"] if wrong else []
        pointer = self._request_schema(path, request.method.lower(), operation)
        if request.body is not None and pointer is None:
            return [*found, f"{where}: takes no body"]
        if pointer and request.body is not None:
            found += [f"{where}: {wrong}" for wrong in self._wrong(pointer, request.body)]
        return found

    def answer(self, route: Route, answer: Answer) -> list[str]:
        path = self._path(route)
        operation = self._document["paths"].get(path, {}).get(route.method.lower())
        if not operation:
            return []
        where = f"answer {answer.status} to {route.method} {route.template}"
        if str(answer.status) not in operation["responses"]:
            undescribed = answer.status < 400 and (route.operation, answer.status) not in _REALLY_HAPPENS
            return [f"{where}: not in the description"] if undescribed else []
        pointer = f"/paths/{_escaped(path)}/{route.method.lower()}/responses/{answer.status}"
        response = operation["responses"][str(answer.status)]
        if "$ref" in response:
            pointer, response = response["$ref"].removeprefix(f"{_URI}#"), self._resolved(response)
        if "schema" in response:
            pointer += "/schema"
        elif "application/json" in response.get("content", {}):
            pointer += "/content/application~1json/schema"
        else:
            return []
        return [f"{where}: {wrong}" for wrong in self._wrong(pointer, answer.body)]

    def _path(self, route: Route) -> str:
        found: str = self._paths.get(re.sub(r"\{\w+\*?\}", "{}", route.template), "")
        return found

    def _shared(self, path: str) -> list[Json]:
        found: list[Json] = self._document["paths"][path].get("parameters", [])
        return found

    def _request_schema(self, path: str, method: str, operation: Json) -> str | None:
        pointer = f"/paths/{_escaped(path)}/{method}"
        if "requestBody" in operation:
            return f"{pointer}/requestBody/content/application~1json/schema"
        bodies = [i for i, p in enumerate(operation.get("parameters", ())) if p.get("in") == "body"]
        return f"{pointer}/parameters/{bodies[0]}/schema" if bodies else None

    def _resolved(self, value: Json) -> Json:
        while "$ref" in value:
            value = self._at(value["$ref"].removeprefix(f"{_URI}#"))
        return value

    def _at(self, pointer: str) -> Any:
        found: Any = self._document
        for part in pointer.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            found = found[int(key)] if isinstance(found, list) else found[key]
        return found

    def _wrong(self, pointer: str, value: Any) -> Iterator[str]:
        if pointer not in self._validators:
            schema = {"$ref": f"{_URI}#{pointer}"}
            self._validators[pointer] = Draft202012Validator(schema, registry=self._registry)
        for error in self._validators[pointer].iter_errors(value):
            yield f"{error.json_path}: {error.message[:300]}"
        yield from self._unlisted(self._at(pointer), value, "$")

    def _unlisted(self, schema: Json, value: Any, at: str) -> Iterator[str]:
        """Properties that the description does not list: they would be ignored, or are mine."""
        if isinstance(value, list):
            items = [s["items"] for s in self._parts(schema) if isinstance(s.get("items"), dict)]
            for index, entry in enumerate(value) if items else ():
                yield from self._unlisted({"anyOf": items}, entry, f"{at}[{index}]")
        if not isinstance(value, dict):
            return
        listed: dict[str, list[Json]] = {}
        parts = self._parts(schema)
        for part in parts:
            for name, inner in part.get("properties", {}).items():
                listed.setdefault(name, []).append(inner)
        if not listed or any(part.get("additionalProperties") for part in parts):
            return
        for name, entry in value.items():
            if name in _REALLY_THERE:
                continue
            if name not in listed:
                yield f"{at}: no property {name!r}"
            else:
                yield from self._unlisted({"anyOf": listed[name]}, entry, f"{at}.{name}")

    def _parts(self, schema: Json) -> list[Json]:
        """The schema and everything it is combined of."""
        schema = self._resolved(schema)
        inner = [s for key in ("allOf", "anyOf", "oneOf") for s in schema.get(key, ())]
        return [schema, *(part for s in inner for part in self._parts(s))]


#: Gitea promises to merge later with 201.
_REALLY_HAPPENS = {("merge", 201)}

#: An Enterprise Server's /meta; the description is github.com's.
_REALLY_THERE = ("installed_version",)

#: Pointers in Gitea's code whose null the description does not tell of.
_GO_POINTERS = ("merge_commit_sha",)


def _escaped(path: str) -> str:
    return path.replace("~", "~0").replace("/", "~1")


def _json_schema(value: Any, *, go: bool, name: str = "") -> Any:
    """The description as JSON Schema: absolute references, null where it is allowed.

    `go`: Gitea's is made from Go types and does not say that pointers, slices and times may be null, nor that an
    unset word of a list of words is "".
    """
    if isinstance(value, list):
        return [_json_schema(entry, go=go) for entry in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$ref"), str):
        target = {"$ref": _URI + value["$ref"]}
        return {"anyOf": [target, {"type": "null"}]} if go and name else target
    found = {
        key: {k: _json_schema(v, go=go, name=k) for k, v in entry.items()}
        if key == "properties" and isinstance(entry, dict)
        else _json_schema(entry, go=go)
        for key, entry in value.items()
    }
    nothing = (
        go and name and (found.get("type") == "array" or found.get("format") == "date-time" or name in _GO_POINTERS)
    )
    if "enum" in found and go:
        found["enum"] = [*found["enum"], ""]
    if not found.pop("nullable", False) and not nothing:
        return found
    if "type" not in found and ("oneOf" in found or "anyOf" in found or "allOf" in found):
        return {"anyOf": [found, {"type": "null"}]}
    if isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    return found


def _not_a(schema: Json, text: str) -> str:
    """What the text of a query or path parameter should have been; empty when it is."""
    if schema.get("type") == "integer" and not re.fullmatch(r"-?\d+", text):
        return "an integer"
    if schema.get("type") == "boolean" and text not in ("true", "false"):
        return "a boolean"
    inner = schema.get("items", schema)
    words = text.split(",") if schema.get("type") == "array" else [text]
    if "enum" in inner and not set(words) <= set(inner["enum"]):
        return f"one of {inner['enum']}"
    return ""
