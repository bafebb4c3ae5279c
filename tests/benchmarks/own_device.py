"""How far off are predictions on a processor of your own? On times of the zoo's networks that were measured on one.

The times are those of `netcost guidelines networks`. Each family (a file of the zoo) is predicted by a fit to all
others. Then a fit to the networks that `netcost calibrate` times predicts the rest of the zoo. Nothing is timed here.

    python tests/benchmarks/own_device.py [TIMES.csv] [-o FILE]
"""

import csv
import sys
from pathlib import Path

import numpy as np
from findings import Requirement, finish, parser_of

from netcost.guidelines.networks.explaining import leave_one_family_out
from netcost.prediction import model
from netcost.prediction.columns import Datasheet
from netcost.prediction.fitting import MeasuredNetworks, design
from netcost.prediction.hull import kinds_of
from netcost.prediction.own_device import NETWORKS, REFERENCE
from netcost.prediction.predicting import counted
from netcost.prediction.rows import Running, rows_of
from netcost.text.tables import Column, from_records

TIMES = Path(__file__).parents[2] / "reports" / "guidelines-networks-intel-xeon.networks.csv"
RUNNING = Running("eager", "traced")
RATES = Datasheet(2e11, 2.5e10, 1e-5, 64e6, "round figures of a processor: 0.4 TFLOP/s, 25 GB/s, 10 us")
"""A start alone: the fits end within 1 % of those from a start of a third of the median time each."""


def measured(path: Path) -> MeasuredNetworks:
    """Return the networks of a file with the times in it, counted at batch 1."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    analyses = [counted(row["network"], None, 1)[1] for row in rows]
    return MeasuredNetworks(
        [row["network"] for row in rows],
        [row["family"] for row in rows],
        np.ones(len(rows), dtype=np.int64),
        np.array([float(row["latency_s"]) for row in rows]),
        [rows_of(analysis.count, RUNNING) for analysis in analyses],
        [kinds_of(analysis) for analysis in analyses],
    )


def unseen_families(networks: MeasuredNetworks) -> list[dict[str, object]]:
    """Return a record per model, with its error on families that it was not fitted to."""
    part = np.unique(networks.families, return_inverse=True)[1]
    few, everything = design(networks, RUNNING, RATES, few=True), design(networks, RUNNING, RATES)
    records = []
    for label, index in (("mult-adds", 0), ("memory access", 1)):
        ratios = leave_one_family_out(few.counts[:, index].tolist(), networks.seconds.tolist(), networks.families)
        records.append(record(f"{label} x constant", 1, np.array(ratios)))
    models = {
        "mult-adds, bytes, kernels": (few.counts[:, :3], few.start[:3]),
        "the same and bytes of pooling: netcost calibrate": (few.counts, few.start),
        "every column": (everything.counts, everything.start),
    }
    for label, (counts, start) in models.items():
        predicted = model.held_out(counts, networks.seconds, start, part)
        records.append(record(label, len(start), predicted / networks.seconds))
    return records


def record(label: str, columns: int, ratios: np.ndarray) -> dict[str, object]:
    errors = np.abs(ratios - 1)
    return {
        "model": label,
        "columns": columns,
        "error": float(np.median(errors)),
        "p90": float(np.quantile(errors, 0.9)),
    }


def rest_of_the_zoo(networks: MeasuredNetworks) -> tuple[float, float]:
    """Return error and coverage of the 90 % interval on all networks but those that a calibration times."""
    few = design(networks, RUNNING, RATES, few=True)
    timed = np.isin(networks.names, (REFERENCE, *NETWORKS))
    counts, seconds = few.counts[timed], networks.seconds[timed]
    part = model.folds([family for family, kept in zip(networks.families, timed, strict=True) if kept])
    low, high = model.interval(model.held_out(counts, seconds, few.start, part), seconds)
    predicted = few.counts[~timed] @ model.fit(counts, seconds, few.start)
    ratio = networks.seconds[~timed] / predicted
    return model.median_error(predicted, networks.seconds[~timed]), float(np.mean((ratio >= low) & (ratio <= high)))


def main(arguments: list[str] | None = None) -> int:
    parser = parser_of(__doc__)
    parser.add_argument("times", type=Path, nargs="?", default=TIMES, help="CSV of netcost guidelines networks")
    options = parser.parse_args(arguments)
    networks = measured(options.times)
    records = unseen_families(networks)
    by_bytes, by_four = records[1]["error"], records[3]["error"]
    error, covered = rest_of_the_zoo(networks)
    requirements = [
        Requirement("memory access x constant, unseen families", by_bytes, low=0.12, unit="percent"),
        Requirement("netcost calibrate's model, unseen families", by_four, high=0.12, unit="percent"),
        Requirement("fitted to the networks that it times: error on the others", error, high=0.12, unit="percent"),
        Requirement("the same: its 90 % interval covers", covered, low=0.87, unit="percent"),
    ]
    columns = [
        Column("model", "Model"),
        Column("columns", "Coefficients", "count"),
        Column("error", "Median error", "percent"),
        Column("p90", "90 % of errors below", "percent"),
    ]
    families = len(set(networks.families))
    title = f"{len(networks.names)} networks, {families} families, each predicted by a fit to the others"
    return finish("Prediction on a processor", [from_records(columns, records, title)], requirements, options.output)


if __name__ == "__main__":
    sys.exit(main())
