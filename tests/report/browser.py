"""Headless Chromium, driven through its debugging pipe: pages, what they ask for, what they say."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless=new",
    "--no-sandbox",  # which root needs
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
]
PATIENCE = 1200.0  # seconds for one answer: a browser that takes so long hangs


def find_chromium() -> str | None:
    """The path of the browser, None if there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@dataclass
class Heard:
    """What a page has asked for and said. urls: other than itself. messages: of its console."""

    urls: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


class Browser:
    """A running browser with one page. Use as a context."""

    def __init__(self, executable: str, profile: Path) -> None:
        # The browser reads commands from 3 and writes answers to 4, each with a zero behind it.
        (theirs_in, self._out), (self._in, theirs_out) = os.pipe(), os.pipe()
        inherited = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (theirs_in, theirs_out)]
        silent = os.open(os.devnull, os.O_RDWR)
        actions: list[Any] = [(os.POSIX_SPAWN_DUP2, silent, fd) for fd in (0, 1, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, fd, 3 + n) for n, fd in enumerate(inherited)]
        command = [executable, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._pid = os.posix_spawn(
            executable, command, os.environ, file_actions=actions, setpgroup=0
        )
        for fd in (theirs_in, theirs_out, silent, *inherited):
            os.close(fd)
        self._read = b""
        self._number = 0
        self._session: str | None = None
        self.heard = Heard()

    def __enter__(self) -> Browser:
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._out)
        os.close(self._in)
        os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def open(self, path: Path, width: int, height: int = 900, dark: bool = False) -> Heard:
        """Load a file anew at this width; below 600 as a phone does."""
        self.heard = Heard()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        url = path.absolute().as_uri()
        self.call("Page.navigate", url=url)
        deadline = time.monotonic() + PATIENCE
        there = "[location.href, document.readyState].join(' ')"
        while self.evaluate(there) != f"{url} complete":
            assert time.monotonic() < deadline, f"{url} was not loaded in time"
            time.sleep(0.05)
        self.evaluate(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        self.heard.urls = [each for each in self.heard.urls if each != url]
        return self.heard

    def evaluate(self, expression: str) -> Any:
        """The value of some JavaScript in the page."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """The whole page, as a PNG file."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events on the way are noted."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._in], [], [], PATIENCE)
            assert ready, "the browser does not answer"
            part = os.read(self._in, 1 << 20)
            assert part, "the browser has ended"
            self._read += part
        line, _, self._read = self._read.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.heard.urls.append(params["request"]["url"])
        elif event.get("method") == "Runtime.consoleAPICalled":
            self.heard.messages += [str(arg.get("value")) for arg in params["args"]]
        elif event.get("method") == "Runtime.exceptionThrown":
            self.heard.messages.append(str(params["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded":
            self.heard.messages.append(params["entry"]["text"])
