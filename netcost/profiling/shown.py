"""The results of `netcost show` and `netcost profile`: an analysis and a profile, grouped as asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from netcost.counting.analysis import Analysis
from netcost.counting.breakdown import ADDITIVE
from netcost.counting.crosscheck import CrossCheck
from netcost.counting.fitting import BatchSearch, Fit, fit_table
from netcost.counting.operators import operators_table
from netcost.counting.training import FIGURES
from netcost.profiling.language import LanguageBounds
from netcost.profiling.result import Profile
from netcost.profiling.roofline.bound import Roofline, under_roof, with_bounds, with_roofline
from netcost.profiling.roofline.peaks import Peaks
from netcost.text.tables import Table, joined, selected, with_total
from netcost.text.version import __version__

SCHEMA = 1

SHOWN = """
module type calls output kind ops block fragments width index op
params mult_adds memory_access memory_access_fused kernels roofline_bound_s
""".split()
"""The columns for people; CSV and JSON have all."""


@dataclass(frozen=True, slots=True)
class ShownAnalysis:
    """The result of `netcost show`.

    Args:
        by: the grouping of the rows; None for the totals, and then the modules.
        depth: levels of modules to show.
        peaks: of the device, for the bound of each row, if given.
        crosscheck: the counts of other tools, if asked for.
        crosscheck_step: the same for the training step.
        fit: the training step in the memory of a device, if asked for.
        search: the largest batches there, if asked for.
        bounds: of a step of a language model, where there are peaks.
    """

    analysis: Analysis
    by: str | None = None
    depth: int = 1
    peaks: Peaks | None = None
    crosscheck: CrossCheck | None = None
    fit: Fit | None = None
    search: BatchSearch | None = None
    crosscheck_step: CrossCheck | None = None
    bounds: LanguageBounds | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the totals, and the rows by the grouping asked for."""
        roofline = None if self.peaks is None else self._under_roof(self.peaks).to_dict()
        grouped = {"by": self.by or "module", "rows": self._all_columns().to_dict()["rows"]}
        checks = {"verify": self.crosscheck, "verify_train": self.crosscheck_step}
        verified = {key: check.table().to_dict()["rows"] for key, check in checks.items() if check is not None}
        head = {"schema": SCHEMA, "netcost": __version__}
        fitted = {} if self.fit is None else {"fit": self.fit.to_dict()}
        if self.search is not None:
            fitted["largest_batch"] = self.search.to_dict()
        if self.bounds is not None:
            fitted["language_bounds"] = self.bounds.to_dict()
        return {**head, **self.analysis.to_dict(), **fitted, "roofline": roofline, **grouped, **verified}

    def records(self) -> list[Table]:
        """Return all rows and columns."""
        return [self._all_columns(), *self._training(), *self._verified()]

    def tables(self) -> list[Table]:
        """Return the totals and the modules, or the rows by the grouping asked for."""
        rows = selected(with_total(self._rows(), (*ADDITIVE, "roofline_bound_s")), SHOWN)
        if self.by is not None:
            return [rows, *self._verified()]
        summary = self.analysis.summary()
        if self.peaks is not None:
            summary = with_roofline(summary, self._under_roof(self.peaks), self.peaks)
        # The summary has the notes of the analysis already.
        notes = tuple(note for note in rows.notes if note not in self.analysis.notes())
        bounds = [] if self.bounds is None else [self.bounds.table()]
        return [summary, *bounds, *self._training(), replace(rows, notes=notes), *self._verified()]

    def fitted(self) -> list[Table]:
        """Return the training step in the memory of a device, if asked for."""
        return [] if self.fit is None else [fit_table(self.fit, self.search, self.fit.device)]

    def _training(self) -> list[Table]:
        """Return the phases of the training step, its peak memory and its modules."""
        training = self.analysis.training
        if training is None:
            return []
        phases = with_total(training.by_phase(), FIGURES)
        return [*self.fitted(), phases, training.by_content(), training.by_module(self.depth)]

    def _rows(self) -> Table:
        """Return the cost by the grouping, with the bound of each row where there are peaks."""
        by = self.by or "module"
        rows = self.analysis.table(by, self.depth)
        return rows if self.peaks is None else with_bounds(rows, self.analysis.count, by, self.depth, self.peaks)

    def _all_columns(self) -> Table:
        """Return the rows; of single operators with the columns of `Analysis.operators` too."""
        rows = self._rows()
        return rows if self.by != "op" else joined(rows, operators_table(self.analysis.count), "index")

    def _verified(self) -> list[Table]:
        return [check.table() for check in (self.crosscheck, self.crosscheck_step) if check is not None]

    def _under_roof(self, peaks: Peaks) -> Roofline:
        return under_roof(self.analysis.count, self.analysis.peak_memory_bytes, peaks)


@dataclass(frozen=True, slots=True)
class ShownProfile:
    """The result of `netcost profile`: by default (`by` is None) by kind, and then by operator."""

    profile: Profile
    by: str | None = None
    depth: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return every operator with its raw times, and the rows by the grouping asked for."""
        by = self.by or "kind"
        return {**self.profile.to_dict(), "by": by, "rows": self.profile.table(by, self.depth).to_dict()["rows"]}

    def records(self) -> Table:
        """Return all rows and columns."""
        return self.profile.table(self.by or "op", self.depth)

    def tables(self) -> list[Table]:
        """Return the rows by the grouping asked for; else the kinds, then the operators that take the most time."""
        if self.by is not None:
            return [self.profile.summary(self.by, self.depth)]
        by = ("kind",) if self.profile.analysis.training is None else ("phase", "kind")
        return [*(replace(self.profile.summary(name), notes=()) for name in by), self.profile.summary("op")]
