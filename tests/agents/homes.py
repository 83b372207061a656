"""What each agent CLI needs, in a home of its own, to talk to a model server instead of its provider."""

from __future__ import annotations

import json
from pathlib import Path

_CODEX = """\
model = "gpt-5.2-codex"
model_provider = "loopback"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.loopback]
name = "Loopback"
base_url = "{url}/v1"
env_key = "CODEX_LOOPBACK_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""


def settle(runtime: str, home: Path, url: str) -> dict[str, str]:
    """Write the agent's configuration below `home`.

    Returns the variables that the daemon's environment needs beside HOME and PATH; all of them are in the runtime's own
    `pass_env`.
    """
    if runtime == "claude":
        return {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "dummy",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "0",
        }
    if runtime == "codex":
        _write(home / ".codex" / "config.toml", _CODEX.format(url=url))
        return {"CODEX_LOOPBACK_KEY": "dummy"}
    if runtime == "opencode":
        _write(home / ".config" / "opencode" / "opencode.json", json.dumps(_opencode(url)))
        return {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}
    return {}


def _opencode(url: str) -> dict[str, object]:
    model = {"name": "Loopback", "limit": {"context": 200_000, "output": 8_000}}
    provider = {
        "npm": "@ai-sdk/anthropic",
        "options": {"baseURL": f"{url}/v1", "apiKey": "dummy"},
        "models": {"one": model},
    }
    names = {"model": "loopback/one", "small_model": "loopback/one"}
    return {**names, "autoupdate": False, "share": "disabled", "provider": {"loopback": provider}}


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
