"""The settings from the places where people put them.

Order, first wins: command line, environment (`MOSAIC_ORCHESTRATOR_RUN__POLL_SEC`), the repository's `config.toml`,
`~/.config/mosaic/orchestrator.toml`, the default. An unknown key or variable is an error, never ignored.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError, TomlConfigSettingsSource

from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.settings import ENVIRONMENT_PREFIX, RuntimeSettings, Settings

_AS_JSON = "write lists and tables as JSON"
USER_FILE = Path("~/.config/mosaic/orchestrator.toml")


def load(*files: Path, overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
    """The settings from `overrides`, then the environment, then `files`, first wins. A missing file is an empty one.

    Raises:
        ConfigError: names the file or variable, the line and key where it can, and the nearest valid name.
    """
    layers = [("command line", dict(overrides or {})), ("environment", _from_environment())]
    layers += [(str(file), _from_file(file)) for file in files]
    merged: dict[str, Any] = {}
    for source, layer in reversed(layers):
        _check(layer, source)
        merged = _merge(merged, layer)
    try:
        return Settings(**merged)
    except ValidationError as error:
        raise _explained(error, "settings") from error


def _check(layer: dict[str, Any], source: str) -> None:
    """Validate one layer alone, so that an error names the place it comes from."""
    for name in layer:
        if name.startswith("_"):  # to the library these are switches of its own
            line = _line_of(Path(source), [name]) if source.endswith(".toml") else None
            raise ConfigError(f"unknown key `{name}`", source=source, line_number=line, remedy="remove it")
    try:
        Settings(**layer)
    except ValidationError as error:
        raise _explained(error, source) from error


def _explained(error: ValidationError, source: str) -> ConfigError:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join(path)
    line = _line_of(Path(source), path) if source.endswith(".toml") else None
    if source == "environment":
        key = ENVIRONMENT_PREFIX + "__".join(path).upper()
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _valid_names(path[:-1]), n=1)
        remedy = (
            f"did you mean `{near[0]}`?"
            if near
            else "remove it; `mosaic-orchestrator init` writes a config.toml with every key"
        )
        return ConfigError(f"unknown key `{key}`", source=source, line_number=line, remedy=remedy)
    problem = f"`{key}`: {first['msg']}, got {first['input']!r}"
    needs_json = source == "environment" and first["type"] in ("tuple_type", "dict_type", "model_type")
    return ConfigError(problem, source=source, line_number=line, remedy=_AS_JSON if needs_json else "")


def _valid_names(path: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in path:
        annotation = model.model_fields[part].annotation if part in model.model_fields else RuntimeSettings
        model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else RuntimeSettings
    return list(model.model_fields)


def _line_of(file: Path, path: list[str]) -> int | None:
    """The line of a key, found by its name below its table's header."""
    table = ""
    wanted, key = ".".join(path[:-1]), path[-1]
    for number, text in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        stripped = text.strip()
        if stripped.startswith("["):
            table = stripped.strip("[] ")
            if table == ".".join(path):
                return number
        elif table == wanted and stripped.split("=")[0].strip().strip('"') == key:
            return number
    return None


def _from_file(file: Path) -> dict[str, Any]:
    if not file.is_file() and (file.exists() or file.is_symlink()):
        raise ConfigError("is not an ordinary file", source=str(file), remedy="put the configuration there")
    try:
        return TomlConfigSettingsSource(Settings, file)()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"cannot be read as TOML: {error}", source=str(file)) from error


def _from_environment() -> dict[str, Any]:
    """Variables with our prefix; a list or a table is written as JSON."""
    tables = set(Settings.model_fields)
    for name in os.environ:
        table = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")[0]
        if name.startswith(ENVIRONMENT_PREFIX) and table not in tables:
            near = difflib.get_close_matches(table, tables, n=1)
            remedy = f"did you mean `{ENVIRONMENT_PREFIX}{near[0].upper()}__…`?" if near else "unset it"
            raise ConfigError(f"unknown variable `{name}`", source="environment", remedy=remedy)
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise ConfigError(str(error), source="environment", remedy=_AS_JSON) from error


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged
