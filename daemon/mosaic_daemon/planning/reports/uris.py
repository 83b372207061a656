"""Addresses in SARIF as paths in the repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mosaic_daemon.planning.reports import paths
from mosaic_daemon.planning.reports.inline import clean

_DEEPEST = 16


class Bases:
    """What the run says its relative addresses start from."""

    def __init__(self, bases: Mapping[str, Any], root: Path) -> None:
        self._bases = bases
        self._root = root

    def path(self, uri: str, base_id: str) -> str:
        """The path relative to the project; empty for an address of something else."""
        try:
            scheme = urlsplit(uri).scheme.lower()
        except ValueError:
            return ""
        if scheme == "file" or uri.startswith("/"):
            return paths.normal(self._relative(_file(uri)))
        if len(scheme) > 1 or not uri:
            return ""
        prefix = self._prefix(base_id)
        return paths.normal(clean(unquote(f"{prefix}{uri.partition('#')[0]}")))

    def _prefix(self, base_id: str) -> str:
        """The relative part of a base; an absolute one is where the project was, so it adds nothing."""
        prefix = ""
        for _ in range(_DEEPEST):
            base = self._bases.get(base_id)
            uri = str(base.get("uri") or "") if isinstance(base, dict) else ""
            if not isinstance(base, dict) or "://" in uri or uri.startswith(("/", "file:")):
                inside = self._below_root(_file(uri)) if uri else None
                return f"{inside}/{prefix}" if inside else prefix
            prefix = f"{uri.rstrip('/')}/{prefix}" if uri else prefix
            base_id = str(base.get("uriBaseId") or "")
        return prefix

    def _relative(self, absolute: str) -> str:
        """Relative to the repository, else to the base that it is in."""
        inside = self._below_root(absolute)
        if inside is not None:
            return inside
        known = [
            _file(str(each.get("uri") or "")).rstrip("/") for each in self._bases.values() if isinstance(each, dict)
        ]
        for base in sorted(known, key=len, reverse=True):
            if base and absolute.startswith(f"{base}/"):
                return absolute[len(base) + 1 :]
        return absolute

    def _below_root(self, absolute: str) -> str | None:
        root = str(self._root.resolve()).rstrip("/")
        return absolute[len(root) + 1 :].rstrip("/") if f"{absolute.rstrip('/')}/".startswith(f"{root}/") else None


def _file(uri: str) -> str:
    path = uri.partition("://")[2].partition("/")[2] if "://" in uri else uri.removeprefix("file:")
    return clean(unquote(f"/{path.lstrip('/')}".partition("#")[0]))
