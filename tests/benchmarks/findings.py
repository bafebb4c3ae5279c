"""Findings of a benchmark: tables and the figures it must reach; printed, written, and turned into an exit code."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from netcost.text import units
from netcost.text.formats import result_text
from netcost.text.tables import Column, Table, from_records
from netcost.text.writing import write_text
from netcost.timing import environment


@dataclass(frozen=True, slots=True)
class Requirement:
    """One figure that must lie within bounds.

    Args:
        figure: description of the figure.
        found: its value; None if there is no value, which is a miss.
        low: smallest value that passes; None for no such bound.
        high: largest value that passes; None for no such bound.
        unit: unit of all three, for `units.text`.
    """

    figure: str
    found: float | None
    low: float | None = None
    high: float | None = None
    unit: str = "times"

    @property
    def holds(self) -> bool:
        """True if the figure has a value within its bounds."""
        if self.found is None:
            return False
        return (self.low is None or self.found >= self.low) and (self.high is None or self.found <= self.high)

    def needed(self) -> str:
        """Return the bounds as text."""
        bounds = (("≥", self.low), ("≤", self.high))
        return ", ".join(f"{sign} {units.text(bound, self.unit)}" for sign, bound in bounds if bound is not None)


def within(figure: str, found: float | None, tolerance: float) -> Requirement:
    """Require that a ratio is 1, to a tolerance."""
    return Requirement(figure, found, 1 - tolerance, 1 + tolerance, "ratio")


def requirements_table(requirements: Sequence[Requirement], packages: Sequence[str]) -> Table:
    """Return a table with a row per required figure, and the machine below it."""
    if not requirements:
        return Table((), (), notes=(machine(packages),))
    columns = (Column("figure", "Figure"), Column("needed", "Needed"), Column("found", "Found"), Column("holds", ""))
    records = [
        {
            "figure": requirement.figure,
            "needed": requirement.needed(),
            "found": units.text(requirement.found, requirement.unit),
            "holds": "holds" if requirement.holds else "MISSED",
        }
        for requirement in requirements
    ]
    return from_records(columns, records, "What must hold", notes=[machine(packages)])


def machine(packages: Sequence[str]) -> str:
    """Return the processor, Python and torch of this run, and the versions of further packages, in one line."""
    here = environment.read_environment()
    torch_and_others = [f"torch {here.torch}", *(f"{name} {version(name)}" for name in packages)]
    return f"{here.cpu or here.machine}, {here.cores} cores, Python {here.python}, {', '.join(torch_and_others)}."


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a benchmark, with the option that all have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", metavar="FILE", help="write a report in Markdown as well")
    return parser


def finish(
    heading: str,
    tables: Sequence[Table],
    requirements: Sequence[Requirement],
    output: str | None,
    packages: Sequence[str] = (),
) -> int:
    """Print everything and write it to `output`; return 0 if every figure holds, 1 if one is missed.

    Args:
        heading: heading of the report.
        tables: measured results.
        requirements: figures that must hold.
        output: file for the report, or None.
        packages: packages whose versions matter, besides torch's.
    """
    everything = [*tables, requirements_table(requirements, packages)]
    print("\n".join(result_text(table, "table") for table in everything))
    if output is not None:
        write_text(
            Path(output), "\n".join([f"# {heading}\n", *(result_text(table, "markdown") for table in everything)])
        )
    return 0 if all(requirement.holds for requirement in requirements) else 1
