"""When the largest thing of a page has been painted, as Debian's Chromium says it: over its DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1440,900",
)  # fmt: skip
START_TIMEOUT_S = 60.0
SETTLED_MS = 500
"""After the page has loaded: what is painted later than that is not its main content."""

_LARGEST = """new Promise(done => {
  let largest = 0;
  new PerformanceObserver(list => { for (const entry of list.getEntries()) largest = entry.startTime; })
    .observe({type: 'largest-contentful-paint', buffered: true});
  const settle = () => setTimeout(() => done(largest), %d);
  document.readyState === 'complete' ? settle() : addEventListener('load', settle);
})"""


async def largest_paints(urls: Sequence[str], cookies: Mapping[str, str]) -> dict[str, float]:
    """Milliseconds from the click to the largest paint of each page; nothing is in the browser's cache at the first."""
    async with _browser() as ask:
        for name, value in cookies.items():
            await ask("Network.setCookie", name=name, value=value, url=urls[0])
        found = {}
        for url in urls:
            await ask("Page.navigate", url=url)
            said = await ask(
                "Runtime.evaluate", expression=_LARGEST % SETTLED_MS, awaitPromise=True, returnByValue=True
            )  # fmt: skip
            found[url] = float(said["result"]["value"])
        return found


@asynccontextmanager
async def _browser() -> AsyncIterator[Any]:
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(prefix="ibex-paint-", ignore_cleanup_errors=True) as folder:
        command = [*QUIET, "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]
        nothing = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(CHROMIUM, *command, stdout=nothing, stderr=nothing)
        try:
            port = await _port(Path(folder) / "DevToolsActivePort")
            async with (
                aiohttp.ClientSession() as client,
                client.get(f"http://127.0.0.1:{port}/json/list") as answer,
                client.ws_connect(_page(await answer.json()), max_msg_size=0) as socket,
            ):
                numbers = itertools.count(1)

                async def ask(method: str, **given: Any) -> Any:
                    number = next(numbers)
                    await socket.send_json({"id": number, "method": method, "params": given})
                    while (said := await socket.receive_json()).get("id") != number:
                        pass
                    return said["result"]

                await ask("Page.enable")
                await ask("Network.enable")
                yield ask
        finally:
            process.terminate()
            await process.wait()


def _page(targets: Sequence[Mapping[str, str]]) -> str:
    return next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")


async def _port(path: Path) -> int:
    async with asyncio.timeout(START_TIMEOUT_S):
        while not (said := _said(path)):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    return int(said[0])


def _said(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []
