"""A real Chromium, driven over its DevTools pipe. Everything that it complains about is kept."""

from __future__ import annotations

import base64
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tests.support.waiting import PATIENCE_SEC, until

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WHY_NOT = "no Chromium here: `apt-get install chromium`"

_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--remote-debugging-pipe",
)


class Page:
    """A tab.

    Attributes:
        complaints: errors of scripts, console and policy. asked: the addresses of all requests.
    """

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.loaded = 0

    def call(self, method: str, **params: Any) -> Any:
        return self._browser.call(method, self._session, **params)

    def size(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """The size of the window, and what the reader likes."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def go(self, url: str) -> None:
        """Load it, and wait until it is there."""
        before = self.loaded
        self.call("Page.navigate", url=url)
        until(lambda: self.loaded > before, f"{url} to be loaded")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression says."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, expression: str, what: str = "") -> None:
        """Wait until an expression is true; a page that is being replaced is asked again."""

        def holds() -> bool:
            try:
                return bool(self.value(expression))
            except (AssertionError, RuntimeError):
                return False

        until(holds, what or expression)

    def press(self, selector: str) -> None:
        """Click an element, as a mouse does."""
        quoted = json.dumps(selector)
        self.until(f"document.querySelector({quoted}) !== null", f"{selector} to be there")
        place = self.value(
            f"(() => {{ const e = document.querySelector({quoted}); e.scrollIntoView({{block: 'center'}});"
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def type(self, selector: str, text: str) -> None:
        """Write into a field."""
        self.value(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def tab(self) -> str:
        """Press the tabulator; what has the focus then, as text."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        return str(self.value("document.activeElement.textContent.trim()"))

    def picture(self, file: Path, *, whole: bool = True) -> None:
        """A PNG of the page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        file.write_bytes(base64.b64decode(data))


class Browser:
    """One browser with a profile of its own."""

    def __init__(self, profile: Path) -> None:
        assert PROGRAM is not None, WHY_NOT
        to_child, self._to = os.pipe()
        self._from, from_child = os.pipe()
        # A shell that knows descriptors of two digits puts the pipe's ends where DevTools looks for them.
        places = f'exec "$@" 3<&{to_child} 4>&{from_child}'
        self._child = subprocess.Popen(
            ["bash", "-c", places, "bash", PROGRAM, *_FLAGS, f"--user-data-dir={profile}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(to_child, from_child),
        )
        os.close(to_child)
        os.close(from_child)
        self._number = 0
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def page(self) -> Page:
        """A new tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        return page

    def call(self, method: str, session: str | None = None, **params: Any) -> Any:
        """One command and its answer."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        answer = self._answers[number] = queue.Queue()
        os.write(self._to, json.dumps(message).encode() + b"\0")
        found = answer.get(timeout=PATIENCE_SEC)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        return found["result"]

    def close(self) -> None:
        self._child.terminate()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._reader.join(10)
        os.close(self._to)

    def _read(self) -> None:
        with open(self._from, "rb") as pipe:  # noqa: PTH123
            for message in _messages(pipe):
                if "id" in message:
                    self._answers.pop(message["id"]).put(message)
                elif page := self._pages.get(message.get("sessionId", "")):
                    _note(page, message["method"], message["params"])


def _note(page: Page, method: str, params: dict[str, Any]) -> None:
    match method:
        case "Page.loadEventFired":
            page.loaded += 1
        case "Network.requestWillBeSent":
            page.asked.append(params["request"]["url"])
        case "Runtime.exceptionThrown":
            page.complaints.append(str(params["exceptionDetails"]))
        case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
            page.complaints.append(str(params["args"]))
        case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
            page.complaints.append(f"{params['entry']['text']} ({params['entry'].get('url', '')})")


def _messages(pipe: BinaryIO) -> Iterator[dict[str, Any]]:
    held = b""
    while piece := os.read(pipe.fileno(), 1 << 16):
        *whole, held = (held + piece).split(b"\0")
        for each in whole:
            yield json.loads(each)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser that is gone afterwards, with its profile."""
    with tempfile.TemporaryDirectory(prefix="mosaic-browser-", ignore_cleanup_errors=True) as profile:
        found = Browser(Path(profile))
        try:
            yield found
        finally:
            found.close()
