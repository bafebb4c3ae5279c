"""The page of predictions: what is predicted in a sentence, and a table of all."""

from __future__ import annotations

from netcost.prediction.predicting import Prediction, Predictions
from netcost.reports.pages.page import Page, PageSection, page_of
from netcost.text import units
from netcost.text.version import __version__

MOST_SENTENCES = 3
"""Most predictions in the lead; the table has all."""


@page_of.register
def predictions_page(result: Predictions) -> Page:
    """Return the predictions in words and in a table."""
    devices = ", ".join(dict.fromkeys(entry.on.device for entry in result.predictions))
    lead = " ".join(map(_sentence, result.predictions[:MOST_SENTENCES]))
    section = PageSection("Network by network", tables=result.tables())
    return Page(f"Latency predicted on {devices}", lead, (section,), made_with=(f"netcost {__version__}",))


def _sentence(entry: Prediction) -> str:
    """Say the latency with its interval, or that nothing can be told."""
    where = f"{entry.model} at batch {units.exact(entry.batch)}"
    if entry.latency_s is None or entry.interval_s is None:
        return f"Nothing can be told of {where}: {'; '.join(entry.reasons)}."
    low, high = map(units.seconds, entry.interval_s)
    return f"{where} takes {units.seconds(entry.latency_s)} (from {low} to {high} with a chance of 90 %)."
