"""Are the facts of `netcost choose` right? Writes them anew, and compares them with live predictions and public times.

ACCURACY is `results/results-imagenet.csv` of huggingface/pytorch-image-models (Apache-2.0), TABLES the folder of its
`benchmark-infer-*.csv`, CACHE the folder of counts of prediction.py: what is missing there is counted first.

    python tests/benchmarks/pretrained.py ACCURACY TABLES --cache CACHE [--write] [--sample 30] [-o FILE]

`--write` renews the facts in `netcost/search/data`. Rows of a network are added up where they are alike: in kind and
flags; in the compiled way on a GPU also in the bins of multiply-adds per byte and of constant bytes per byte of a
sample, because its kernels take (x³ + m³)^(1/3), which is additive where the ratio of x and m is the same; on a
processor also in size, of which one column has the kernels that exceed the last cache.
"""

import csv
import lzma
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
from findings import Requirement, finish, parser_of
from prediction import TABLES, count_one, kept, listed, network

import netcost
from netcost.prediction import predict
from netcost.prediction.columns import LAYOUT_KINDS
from netcost.prediction.rows import FIELDS, OWN_KERNELS, ROW
from netcost.search import Candidate, NetworkChoice, choose
from netcost.search.choice import pareto_front
from netcost.search.choosing import target_of
from netcost.search.pretrained import CACHE_BYTES, FEW_ROWS, WAYS, pretrained
from netcost.text.tables import Column, from_records

DATA = Path(netcost.__file__).parent / "search" / "data"
PARAMS_AGREE = 0.03
LARGEST = 230_000
FLAGS = FIELDS[FIELDS.index("mixed_layouts") :]
VALUES = FIELDS[1 : FIELDS.index("mixed_layouts")]
DIGITS = {"count": 9, "flops": 2}
"""Significant digits in the files, where they are not three: a count is exact."""
INTENSITIES, INTENSITY_STEP = (15, 300), 3.0
"""Multiply-adds per byte between which bins are told apart (ridge points of GPUs are 30 to 150), and their width."""
WEIGHTS, WEIGHT_STEP = (0.3, np.inf), 8.0


def published(accuracy: Path) -> Iterator[tuple[str, int, float, float]]:
    """Yield name, size of image, top-1 accuracy (%) and parameters of all weights."""
    with accuracy.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            params = float(row["param_count"].replace(",", "")) * 1e6
            yield row["model"], int(row["img_size"]), float(row["top1"]), params


def architecture(model: str, size: int) -> str:
    return f"{model.partition('.')[0]}-{size}"


def bins(values: np.ndarray, limits: tuple[float, float], step: float) -> np.ndarray:
    return np.round(np.log(np.clip(values, *limits)) / np.log(step))


def alike(rows: np.ndarray, way: str) -> list[tuple]:
    """Return a key per row; those of equal keys are added up."""
    kind = rows["kind"]
    if way in FEW_ROWS:
        return [("pooling" if is_pooling else "linear",) for is_pooling in kind == "pooling"]
    flags = {flag: rows[flag] > 0 for flag in FLAGS}
    flags["named_padding"] &= kind == "depthwise convolution"
    flags["mixed_layouts"] &= np.isin(kind, LAYOUT_KINDS if way == "eager" else ("fused", "fused reduction"))
    flags["reordered_input"] &= way == "processor"
    first = second = np.zeros(len(rows))
    if way == "compiled":
        own, sample = np.isin(kind, OWN_KERNELS), np.maximum(rows["sample_bytes"], 1)
        first = np.where(own, bins(rows["mult_adds"] / sample, INTENSITIES, INTENSITY_STEP), 0)
        second = np.where(own, bins(rows["constant_bytes"] / sample, WEIGHTS, WEIGHT_STEP), 0)
    if way == "processor":
        first = rows["sample_bytes"] + rows["constant_bytes"] > CACHE_BYTES
    return list(
        zip(kind.tolist(), *(flags[flag].tolist() for flag in FLAGS), first.tolist(), second.tolist(), strict=True)
    )


def condensed(rows: np.ndarray, way: str) -> np.ndarray:
    """Add up the rows that are alike: one row with their number and their means."""
    groups: dict[tuple, list[int]] = {}
    for index, key in enumerate(alike(rows, way)):
        groups.setdefault(key, []).append(index)
    # Of other operations only the sum over all rows is asked for: it stands in the first row.
    operations = (rows["flops"] * rows["count"]).sum() if way in ("compiled", "processor") else 0
    found = []
    for key in sorted(groups):
        of = rows[groups[key]]
        number = of["count"].sum()
        means = {name: (of[name] * of["count"]).sum() / number for name in VALUES}
        means["flops"] = operations / number if not found else 0
        flags = key[1 : 1 + len(FLAGS)] or [0] * len(FLAGS)
        found.append((key[0], number, *means.values(), *flags))
    return np.array(found, dtype=ROW)


def written(row: np.void, field: str) -> str:
    """Write a value to the digits that it needs: 0 is "", 5.12e+07 is 5.12e7."""
    digits = DIGITS.get(field, 3)
    return f"{row[field]:.{digits}g}".replace("e+0", "e").replace("e+", "e") if row[field] else ""


def pack(name: str, headings: Sequence[str], lines: Iterator[Sequence[str]]) -> None:
    text = "\n".join([",".join(headings), *(",".join(line) for line in lines), ""])
    (DATA / f"{name}.csv.xz").write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


def write(accuracy: Path, store: Path) -> None:
    """Write all facts; weights whose published parameters are not those of the counted network are left out."""
    weights, networks = [], {}
    for model, size, top1, params in published(accuracy):
        name = architecture(model, size)
        about, rows = kept(store / f"{name}.npz")
        if about["unknown"] or abs(about["params"] - params) > PARAMS_AGREE * max(params, 0.5e6):
            print(f"{model} at {size}: {about['params']:,} parameters, published {params:,.0f}; left out")
            continue
        weights.append((model, str(size), f"{top1:g}"))
        networks[name] = (about, rows)
    networks = dict(sorted(networks.items()))
    pack("accuracy", ("model", "image_size", "top1_percent"), iter(weights))
    lines = (
        (name, about["family"], str(about["params"]), ";".join(about["kinds"])) for name, (about, _) in networks.items()
    )
    pack("networks", ("network", "family", "params", "kinds"), lines)
    for way in WAYS:
        lines = (
            ("" if number else name, row["kind"], *(written(row, field) for field in FIELDS))
            for name, (_, rows) in networks.items()
            for number, row in enumerate(condensed(rows[way], way))
        )
        pack(way, ("network", "kind", *FIELDS), lines)


def count_missing(accuracy: Path, store: Path) -> None:
    for model, size, _, _ in published(accuracy):
        path = store / f"{architecture(model, size)}.npz"
        if not path.exists() or not {*WAYS} <= {*kept(path)[1]}:
            kept.cache_clear()
            count_one(model.partition(".")[0], size, store)


def agreement(chosen: NetworkChoice, sample: int, mode: str | None) -> dict[str, object]:
    """Compare the predictions from shipped counts with those from counts made now, for weights drawn by chance."""
    shipped = {one.label: one.latency_s for one in chosen.everything}
    errors, refusals = [], 0
    for weights in Random(0).sample(pretrained(), sample):
        [live] = predict(target_of(weights), chosen.on.device, batch=chosen.batch, mode=mode).predictions
        known = shipped.get(weights.label)
        if live.latency_s is None or known is None:
            refusals += (live.latency_s is None) != (known is None)
        else:
            errors.append(abs(known / live.latency_s - 1))
    return {
        "way": f"{chosen.on.device}, {chosen.on.mode}, batch {chosen.batch}",
        "networks": len(errors),
        "median": float(np.median(errors or [0.0])),
        "largest": max(errors, default=0.0),
        "refusals": refusals,
    }


def fronts(folder: Path, chosen: NetworkChoice) -> dict[str, object]:
    """Compare the predicted front with that of public times of the same device, over the networks that have both."""
    [table] = [one for one in TABLES if (one.device, one.running) == (chosen.on.device, chosen.on.running)]
    times = {network(row): 1 / float(row["infer_samples_per_sec"]) for row in listed(folder, table.file)}
    places = {one.label: (one.network.model.partition(".")[0], one.network.image_size) for one in chosen.everything}
    both = [one for one in chosen.everything if places[one.label] in times]
    measured = {one.label: times[places[one.label]] for one in both}
    predicted = pareto_front(both)
    really = pareto_front(Candidate(one.network, replace(one.predicted, latency_s=measured[one.label])) for one in both)
    lost = [
        max(other.network.top1_percent for other in both if measured[other.network.label] <= measured[one.label])
        - one.network.top1_percent
        for one in predicted
    ]
    inside = [one.interval_s[0] <= chosen.batch * measured[one.label] <= one.interval_s[1] for one in predicted]
    return {
        "device": f"{chosen.on.device}, {chosen.on.mode}",
        "networks": len(both),
        "predicted_front": len(predicted),
        "measured_front": len(really),
        "on_both": len({one.label for one in predicted} & {one.label for one in really}),
        "inside": float(np.mean(inside)) if inside else None,
        "lost": float(np.mean(lost)) if lost else None,
    }


def main(arguments: list[str] | None = None) -> int:
    parser = parser_of(__doc__)
    parser.add_argument("accuracy", type=Path, help="results-imagenet.csv")
    parser.add_argument("tables", type=Path, help="folder of benchmark-infer-*.csv")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the counts of the networks")
    parser.add_argument("--write", action="store_true", help="renew the facts that netcost ships")
    parser.add_argument("--sample", type=int, default=30, help="networks that are counted now, for comparison")
    options = parser.parse_args(arguments)
    if options.write:
        count_missing(options.accuracy, options.cache)
        write(options.accuracy, options.cache)
    ways = [
        ("rtx4090", "eager", None),
        ("rtx4090", "compiled", None),
        ("rtx5090", "compiled", 32),
        ("i9-10940x", None, None),
    ]
    choices = [(choose(device, mode=mode, batch=batch), mode) for device, mode, batch in ways]
    compared = [fronts(options.tables, chosen) for chosen, _ in choices]
    agreements = [agreement(chosen, options.sample, mode) for chosen, mode in choices]
    began = time.perf_counter()
    command = ["-m", "netcost", "choose", "--on", "rtx4090", "--latency", "<= 60 ms"]
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    seconds = time.perf_counter() - began
    covered = len(choices[0][0].everything) / sum(1 for _ in published(options.accuracy))
    requirements = [
        Requirement("a whole answer", seconds, high=20, unit="seconds"),
        Requirement(
            "size of the facts", sum(path.stat().st_size for path in DATA.iterdir()), high=LARGEST, unit="bytes"
        ),
        Requirement("weights with accuracy that have a prediction on rtx4090", covered, low=0.9, unit="percent"),
        *(
            Requirement(f"{found['way']}: off live predictions", found["largest"], high=0.01, unit="percent")
            for found in agreements
        ),
    ]
    columns = [Column("way", "Way"), Column("networks", "Networks", "count"), Column("median", "Median", "percent")]
    columns += [Column("largest", "Largest", "percent"), Column("refusals", "Refused by one alone", "count")]
    headings = {
        "networks": "Networks",
        "predicted_front": "Predicted front",
        "measured_front": "Measured front",
        "on_both": "On both",
    }
    others = [Column(name, heading, "count") for name, heading in headings.items()]
    others = [
        Column("device", "Device"),
        *others,
        Column("inside", "In the interval", "percent"),
        Column("lost", "Points of accuracy lost, mean", "ratio"),
    ]
    shown = [
        from_records(columns, agreements, "Shipped counts against counts made now: difference of the predictions"),
        from_records(
            others, compared, "Fronts by prediction and by public times (which the coefficients were fitted to)"
        ),
    ]
    return finish("Facts of netcost choose", shown, requirements, options.output, ["timm"])


if __name__ == "__main__":
    sys.exit(main())
