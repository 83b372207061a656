"""What a start of the daemon pays for."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
import mosaic_daemon.app.opening
import mosaic_daemon.supervisor
print(*sorted({"nats", "mcp", "markdown_it", "httpx", "rich"} & sys.modules.keys()))
"""


def test_libraries_that_few_repositories_need_are_loaded_by_those_alone() -> None:
    """NATS by a fleet, MCP by a session's server, Markdown by planning, HTTP by forges and notifiers."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
