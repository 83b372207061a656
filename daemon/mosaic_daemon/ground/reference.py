"""The settings as text for people, made from the settings themselves: `config/config.toml` and `docs/configuration.md`.

`make docs` writes both files; a test compares them with what this module gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from mosaic_daemon.ground.settings import ENVIRONMENT_PREFIX, Group, RailsSettings, RuntimeSettings, Settings

_EXAMPLE_RUNTIME = "my-agent"
_BOUNDS = {"exclusiveMinimum": "more than", "minimum": "at least", "maximum": "at most"}

_CONFIG_HEAD = """\
# Settings of mosaic-orchestrator for one repository: .mosaic/orchestrator/config.toml
#
# Every key is commented out and shows its default, or an example where the default is to have none. To change one, take
# the `#` away. A changed file is read again by the running daemon; a wrong one is reported and the last good settings
# stay. docs/configuration.md says more.
"""

_REFERENCE_HEAD = f"""\
# Configuration

<!-- Made from the settings' docstrings by `make docs`; edit daemon/mosaic_daemon/ground/settings/ instead. -->

Nothing has to be configured to start. `mosaic-orchestrator init` writes `.mosaic/orchestrator/config.toml` with every
key commented out; the same text is in [`config/config.toml`](../config/config.toml).

A value is looked up in this order, and the first one found wins:

1. the command line (`--poll-sec`, …),
2. the environment: `{ENVIRONMENT_PREFIX}` and the key in capitals, two underscores between table and key, for example
   `{ENVIRONMENT_PREFIX}RUN__POLL_SEC=5`; lists and tables are written as JSON,
3. the repository's `.mosaic/orchestrator/config.toml`, or the file that `--config` names in its place,
4. `~/.config/mosaic/orchestrator.toml`,
5. the default.

An unknown key, or an unknown variable with this prefix, is an error and never ignored: exit code 78, with the file, the
line, the key and the nearest valid name. A running daemon takes in a changed `config.toml` without a restart; a wrong
one is reported, and the last good settings stay.

Some values are known and not carried out by this version: `tracking.commit` as `pr` or `local`, and `run.delegation` as
`matrix`. They are refused at the start, with exit code 78.
"""


def config_text() -> str:
    """`config.toml` with every key commented out: its meaning, what it may be, and its default or an example."""
    parts = [_CONFIG_HEAD]
    for table, group in _tables():
        mark = "#" if group is RuntimeSettings else ""  # a runtime of one's own needs a command: not by default
        parts.append(f"\n# {_sentence(group.__doc__)}\n{mark}[{table.format(name=_EXAMPLE_RUNTIME)}]\n")
        for key, field in group.model_fields.items():
            about = f"{_sentence(field.description)} {_allowed(group, key)}".strip()
            parts.append(f"\n{_comment(about)}#{key} = {_toml(_shown(field))}\n")
    return "".join(parts)


def reference_text() -> str:
    """`docs/configuration.md`: one table for each table of the file."""
    parts = [_REFERENCE_HEAD]
    for table, group in _tables():
        parts.append(f"\n## `[{table.format(name='<name>')}]`\n\n{_sentence(group.__doc__)}\n\n")
        parts.append("| key | default | meaning |\n|---|---|---|\n")
        for key, field in group.model_fields.items():
            about = f"{_sentence(field.description)} {_allowed(group, key)}".strip().replace("|", "\\|")
            parts.append(f"| `{key}` | {_default(field, group)} | {about} |\n")
    return "".join(parts)


def _tables() -> Iterator[tuple[str, type[Group]]]:
    for name, field in Settings.model_fields.items():
        if field.annotation is RailsSettings:
            yield from ((f"{name}.{rail}", type(group)) for rail, group in RailsSettings())
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Group):
            yield name, field.annotation
        else:
            yield f"{name}.{{name}}", RuntimeSettings


def _allowed(group: type[Group], key: str) -> str:
    """What the type says beyond the docstring: the words of a choice, the bounds of a number."""
    schema = group.model_json_schema()["properties"][key]
    choices = [word for kind in (schema, *schema.get("anyOf", ())) for word in kind.get("enum", ())]
    if choices:
        return f"One of {', '.join(f'`{choice}`' for choice in choices)}."
    bounds = [f"{words} {schema[rule]:g}" for rule, words in _BOUNDS.items() if rule in schema]
    return f"A number, {' and '.join(bounds)}." if bounds else ""


def _shown(field: FieldInfo) -> Any:
    """The default, or the example of a key that has none."""
    value = field.get_default(call_default_factory=True)
    return value if value is not None or not field.examples else field.examples[0]


def _default(field: FieldInfo, group: type[Group]) -> str:
    value = field.get_default(call_default_factory=True)
    if value is not None:
        return f"`{_toml(value)}`"
    return "the built-in one's" if group is RuntimeSettings else "none"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(int(value) if value == int(value) else value)
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return f"{{ {', '.join(f'{key} = {_toml(each)}' for key, each in value.items())} }}" if value else "{}"
        case str() | Path():
            return json.dumps(str(value), ensure_ascii=False)
    raise TypeError(f"no TOML for {value!r}")


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _comment(text: str, width: int = 118) -> str:
    lines, line = [], "#"
    for word in text.split():
        if len(line) + 1 + len(word) > width:
            lines.append(line)
            line = "#"
        line += f" {word}"
    return "\n".join([*lines, line]) + "\n"
