"""A real headless Chromium for tests of pages, or the reason why there is none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """Where Chromium is, if it is anywhere."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


@dataclass
class Opened:
    """A page in the browser, with what it said and what it asked for."""

    page: Any
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def browser() -> Iterator[Any]:
    """A headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def opened(
    started: Any, path: Path, *, width: int = 1000, scheme: str = "light", marks: bool = True
) -> Iterator[Opened]:
    """A file, opened offline; all that it writes to the console and asks for is kept."""
    context = started.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    try:
        page = context.new_page()
        seen = Opened(page)
        page.on("console", lambda message: seen.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: seen.console.append(f"error: {error}"))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.goto(path.as_uri())
        if marks:
            page.wait_for_function(
                "[...document.querySelectorAll('[data-chart]')].every("
                "(place) => place.querySelector('svg') || place.closest('details:not([open])'))"
            )
        yield seen
    finally:
        context.close()
