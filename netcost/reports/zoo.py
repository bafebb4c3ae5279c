"""The zoo, counted anew."""

from __future__ import annotations

from netcost.comparison.running import compare
from netcost.reports.document import Report, as_csv, as_json
from netcost.reports.pages import zoo_page
from netcost.timing.environment import NO_DEVICE
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
    files = {**as_json(comparison.to_dict()), **as_csv(comparison.records(), NAME)}
    return Report(NAME, page, files, shown=("memory-access-against-mult-adds",))
