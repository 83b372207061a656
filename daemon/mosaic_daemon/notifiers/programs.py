"""A command of the person's own, and the desktop's `notify-send`."""

from __future__ import annotations

import html
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import anyio
from loguru import logger

from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.notifiers.base import Message

_PLACEHOLDER = re.compile(r"(?<!\$)\{(subject|topic|task|repository)\}")
_LONGEST_SEC = 30.0
_TAIL_BYTES = 500


class Command:
    """The message on standard input, its parts in `MOSAIC_*` variables, and in `{subject}`, `{topic}`, `{task}`,
    `{repository}` of the argv template. Never given to a shell.

    Args:
        env: the basic environment, without secrets.
    """

    name = "the command of `notify.command`"

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self._argv = argv
        self._env = env

    async def send(self, message: Message) -> None:
        """Raises Unavailable: it cannot be started, fails, or takes longer than 30 s."""
        values = {name: str(message.document.get(name) or "") for name in ("topic", "task", "repository")}
        values["subject"] = message.subject
        program, *words = self._argv
        filled = [_PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in words]
        variables = {
            "MOSAIC_SUBJECT": message.subject,
            "MOSAIC_TOPIC": values["topic"],
            "MOSAIC_TASK_ID": values["task"],
            "MOSAIC_REPOSITORY": values["repository"],
            "MOSAIC_DELIVERY": str(message.document.get("delivery") or ""),
        }
        await _run([os.path.expanduser(program), *filled], message.text, {**self._env, **variables})  # noqa: PTH111


class Desktop:
    """`notify-send`; where it is not installed nobody sits at a desktop, and that is no failure."""

    name = "the desktop"

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    async def send(self, message: Message) -> None:
        """Raises Unavailable: it fails, as it does without a session."""
        if shutil.which("notify-send", path=self._env.get("PATH")) is None:
            logger.debug("there is no notify-send")
            return
        # The subject is shown as it is; of the body, the program reads escapes, and the desktop a subset of HTML.
        body = html.escape(message.text, quote=False).replace("\\", "\\\\")
        words = ("--app-name=mosaic-orchestrator", "--urgency=critical", "--", message.subject, body)
        await _run(["notify-send", *words], "", self._env)


async def _run(argv: Sequence[str], said: str, env: Mapping[str, str]) -> None:
    """Run it to its end. It and whatever it started are ended after half a minute."""
    program = Path(argv[0]).name
    # Files instead of pipes: what it leaves behind in the background keeps nobody waiting.
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as errors:
        stdin.write(said.encode("utf-8", "replace"))
        stdin.seek(0)
        try:
            process = await anyio.open_process(
                argv, stdin=stdin, stdout=subprocess.DEVNULL, stderr=errors, env=env, start_new_session=True
            )
        except (OSError, ValueError) as error:
            raise Unavailable(f"`{program}` cannot be started: {error}") from error
        try:
            with anyio.fail_after(_LONGEST_SEC):
                status = await process.wait()
        except TimeoutError:
            raise Unavailable(f"`{program}` takes longer than {_LONGEST_SEC:.0f} s and was ended") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                with anyio.CancelScope(shield=True):
                    await process.wait()
        if status != 0:
            raise Unavailable(f"`{program}` ended with {status}: {_tail(errors)}")


def _tail(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - _TAIL_BYTES))
    return " ".join(errors.read().decode("utf-8", "replace").split()) or "it said nothing"
