"""The zoo, counted anew."""

from __future__ import annotations

from netcost.comparison.running import NO_DEVICE, compare
from netcost.reports.document import Report
from netcost.reports.pages import zoo_page
from netcost.text.formats import result_text
from netcost.timing.sampling import Progress
from netcost.zoo import ARCHITECTURES

NAME = "zoo"


def zoo_report(progress: Progress | None = None) -> Report:
    """Every architecture with every figure, beside what was published.

    Raises:
        NetcostError: one cannot be counted.
    """
    names = list(ARCHITECTURES)
    command = f"netcost compare {' '.join(names)} --device {NO_DEVICE} --format json"
    comparison = compare(names, NO_DEVICE, progress=progress).run_by(command)
    for error in comparison.errors:
        raise error
    page = zoo_page(comparison, made_by="netcost report -o DIR")
    files = {ending: result_text(comparison, ending) for ending in ("json", "csv")}
    return Report(NAME, page, files, shown=("memory-access-against-mult-adds",))
