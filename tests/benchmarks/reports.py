"""Is `netcost report` fast enough, and do its pages open quickly?

All reports are made from the saved measurements of a folder, then each page is opened in a headless Chromium until all
of its charts are drawn, as often as asked. All reports must be made within 60 s; a page must be smaller than 3 MB and
open within 2 s.

    python tests/benchmarks/reports.py [--from DIR] [--times N] [-o FILE]
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from findings import Requirement, finish, parser_of
from playwright.sync_api import Browser, sync_playwright

from netcost.reports import made, write
from netcost.text.tables import Column, from_records
from netcost.timing import stats

MADE_S, OPENED_S, PAGE_BYTES = 60.0, 2.0, 3e6

DRAWN = "[...document.querySelectorAll('[data-chart]')].every((place) => place.querySelector('svg'))"
"""JavaScript that is true once every chart of a page is drawn."""

COLUMNS = (Column("page", "Page"), Column("bytes", "Size", "bytes"), Column("opened_s", "Opens in", "seconds"))


def opened_s(browser: Browser, page: Path) -> float:
    """Return the seconds from requesting the page to its last chart."""
    context = browser.new_context(offline=True)
    try:
        tab = context.new_page()
        begun = time.perf_counter()
        tab.goto(page.as_uri())
        tab.wait_for_function(DRAWN)
        return time.perf_counter() - begun
    finally:
        context.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the reports, open the pages, print the table; return 1 if a figure is missed."""
    parser = parser_of(__doc__)
    parser.add_argument("--from", dest="saved", type=Path, metavar="DIR", help="folder of saved measurements")
    parser.add_argument("--times", type=int, default=5, metavar="N", help="number of times that each page is opened")
    asked = parser.parse_args(arguments)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    begun = time.perf_counter()
    files = made(asked.saved or Path("reports"), asked.saved)
    made_s = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write(Path(folder), files)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        pages = sorted(Path(folder).glob("*.html"))
        records = [
            {
                "page": page.name,
                "bytes": page.stat().st_size,
                "opened_s": stats.median([opened_s(browser, page) for _ in range(asked.times)]),
            }
            for page in pages
        ]
        browser.close()
    requirements = [
        Requirement(f"netcost report: {len(files)} files", made_s, high=MADE_S, unit="seconds"),
        Requirement("largest page", max(record["bytes"] for record in records), high=PAGE_BYTES, unit="bytes"),
        Requirement("slowest page", max(record["opened_s"] for record in records), high=OPENED_S, unit="seconds"),
    ]
    title = f"Pages in a headless Chromium, median of {asked.times}"
    return finish(
        "Time to make and open the reports", [from_records(COLUMNS, records, title)], requirements, asked.output
    )


if __name__ == "__main__":
    sys.exit(main())
