"""A fake forge as a process: `python -m tests.forges.fakes github --origin PATH --state FILE`.

It prints its URL and serves. It ends on SIGTERM or SIGINT; started again with the same origin, state file and port it
is the same forge.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from pathlib import Path

from tests.forges.fakes.fake import Fake, enterprise
from tests.forges.fakes.fixtures import DIALECTS

SERVERS = {**DIALECTS, "github-enterprise": enterprise(DIALECTS["github"])}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.forges.fakes", description="A fake forge on a loopback port."
    )
    parser.add_argument("dialect", choices=sorted(SERVERS))
    parser.add_argument("--origin", type=Path, required=True, help="a bare repository")
    parser.add_argument("--state", type=Path, help="the file that keeps everything else")
    parser.add_argument("--repo", default="acme/widget", help="owner/name")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        fake = Fake(SERVERS[given.dialect], given.origin, repo=given.repo, state_file=given.state, port=given.port)
        sys.stdout.write(f"{fake.url}\n")
        sys.stdout.flush()
        signal.pause()


main()
