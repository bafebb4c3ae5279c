"""Can latency be predicted from counts? Fits timm's public tables anew, and predicts families that a fit never saw.

The tables are `results/benchmark-infer-*.csv` of huggingface/pytorch-image-models (Apache-2.0), given as a folder.
Every network in them is counted once, which takes half an hour on one core, and kept in the folder CACHE. Whole source
files of timm are held out, in five parts; three ways to deal them are averaged.

    python tests/benchmarks/prediction.py TABLES --cache CACHE [--write] [-o FILE]

`--write` renews the coefficients in `netcost/prediction/data`, and the counts of one table that the tests fit anew.
"""

import csv
import gzip
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from findings import Requirement, finish, parser_of
from timm.utils import reparameterize_model

import netcost
from netcost.guidelines.networks.explaining import spearman
from netcost.prediction import model
from netcost.prediction.coefficients import DEVICES, Provenance
from netcost.prediction.fitting import MeasuredNetworks, blank, design, fitted, pooled
from netcost.prediction.hull import kinds_of
from netcost.prediction.predicting import _channels_last, counted
from netcost.prediction.rows import Running, rows_of
from netcost.targets import resolve
from netcost.text.tables import Column, from_records
from netcost.text.writing import write_text
from netcost.tracing import InputSpec

REPOSITORY, COMMIT, LICENCE = "huggingface/pytorch-image-models", "aa4b5850c154", "Apache-2.0"
SEEDS = (0, 1, 2)
BATCH = 256
DATA = Path(netcost.__file__).parent / "prediction" / "data"
RECORDED = Path(__file__).parents[1] / "prediction" / "i9-10940x.csv.gz"
DRAWS = 40


@dataclass(frozen=True)
class PublicTable:
    """One table: the file, the device, the way of running, the version of torch, and the worst median error allowed."""

    file: str
    device: str
    running: Running
    torch: str
    allowed: float

    @property
    def counts(self) -> str:
        """The name of the counts that it needs."""
        if self.running.precision == "traced":
            return "processor"
        return "channels_last" if self.running.memory_format != "contiguous" else self.running.mode

    @property
    def name(self) -> str:
        return "-".join([self.device, *({self.counts} - {"processor"})])


CHANNELS_LAST = Running(memory_format="channels_last")
TABLES = (
    PublicTable("amp-nchw-pt240-cu124-rtx3090", "rtx3090", Running(), "2.4.0", 0.05),
    PublicTable("amp-nchw-pt291-cu128-4090", "rtx4090", Running(), "2.9.1", 0.05),
    PublicTable("amp-nchw-pt291-cu130-5090", "rtx5090", Running(), "2.9.1", 0.05),
    PublicTable("amp-nhwc-pt240-cu124-rtx3090", "rtx3090", CHANNELS_LAST, "2.4.0", 0.065),
    PublicTable("amp-nhwc-pt240-cu124-rtx4090", "rtx4090", CHANNELS_LAST, "2.4.0", 0.065),
    PublicTable("amp-nchw-pt291-cu128-4090-dynamo", "rtx4090", Running("compiled"), "2.9.1", 0.065),
    PublicTable("amp-nchw-pt291-cu130-5090-dynamo", "rtx5090", Running("compiled"), "2.9.1", 0.065),
    PublicTable("fp32-nchw-pt240-cpu-i9_10940x-dynamo", "i9-10940x", Running("compiled", "traced"), "2.4.0", 0.115),
)

SPECIES = {
    "plain transformers": "vision_transformer deit eva beit vision_transformer_hybrid cait volo crossvit tnt convit "
    "xcit",
    "hierarchical transformers": "swin_transformer swin_transformer_v2 twins pvt_v2 pit nest davit gcvit mvitv2 hiera "
    "focalnet maxxvit coat hieradet_sam2 swin_transformer_v2_cr",
    "mobile CNNs": "efficientnet mobilenetv3 hardcorenas ghostnet rexnet fasternet repvit repghost starnet mobilenetv5",
    "small hybrids": "mobilevit efficientformer efficientformer_v2 levit efficientvit_mit efficientvit_msra edgenext "
    "fastvit tiny_vit nextvit swiftformer shvit visformer vitamin csatv2",
    "ConvNeXt, MLP and the like": "convnext inception_next mambaout metaformer mlp_mixer convmixer sequencer",
}
"""Species of architectures by timm's source files; all others are residual and dense CNNs."""
SPECIES_OF = {file: species for species, files in SPECIES.items() for file in files.split()}


def listed(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"benchmark-infer-{table}.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if float(row["infer_samples_per_sec"] or 0) > 0]


def network(row: dict[str, str]) -> tuple[str, int]:
    return row["model"].split(".")[0], int(float(row["infer_img_size"]))


def count_all(folder: Path, store: Path, tables: Sequence[PublicTable]) -> None:
    """Count every network of the tables that is not in the store yet; one that timm cannot build is told."""
    wanted: dict[tuple[str, int], set[str]] = {}
    for table in tables:
        for row in listed(folder, table.file):
            wanted.setdefault(network(row), set()).add(table.counts)
    for name, size in sorted(wanted):
        if not (store / f"{name}-{size}.npz").exists():
            try:
                count_one(name, size, store)
            except (netcost.NetcostError, RuntimeError) as error:
                print(f"{name} at {size}: {' '.join(str(error).split())[:150]}", file=sys.stderr)


def count_one(name: str, size: int, store: Path) -> None:
    """Keep the rows of one network, and of the same after `reparameterize_model`, in every way of running."""
    pretrained = timm.get_pretrained_cfg(name)
    own = None if pretrained is None else pretrained.input_size[-1]
    target = resolve(f"timm:{name}", {} if own == size else {"img_size": size}, (f"1x3x{size}x{size}",))
    try:
        target.build_weightless()
    except netcost.NetcostError:  # takes no size
        target = resolve(f"timm:{name}", {}, (f"1x3x{size}x{size}",))
    plain = {
        "eager": counted(target, None, BATCH)[1],
        "channels_last": counted(target, None, BATCH, "channels_last")[1],
        "processor": counted(target, None, 1)[1],
    }
    keep(name, store / f"{name}-{size}.npz", plain)
    module = reparameterize_model(target.build())
    if sum(p.numel() for p in module.parameters()) != plain["eager"].params_total:
        image = InputSpec((BATCH, 3, size, size))
        module_counts = {"eager": netcost.analyze(module, image)}
        last = module.to(memory_format=torch.channels_last)
        module_counts["channels_last"] = netcost.analyze(last, (_channels_last(image),))
        keep(name, store / f"{name}-{size}-reparameterized.npz", module_counts)


def keep(name: str, path: Path, analyses: dict[str, netcost.Analysis]) -> None:
    rows = {key: rows_of(analysis.count, RUNNINGS[key]) for key, analysis in analyses.items()}
    rows["compiled"] = rows_of(analyses["eager"].count, RUNNINGS["compiled"])
    if "processor" in analyses:
        rows["traced"] = rows_of(analyses["processor"].count, RUNNINGS["traced"])
    eager = analyses["eager"]
    about = {
        "family": timm.models.model_entrypoint(name).__module__.split(".")[-1],
        "params": eager.params_total,
        "kinds": sorted(kinds_of(eager)),
        "mult_adds": eager.mult_adds / BATCH,
        "unknown": sorted(eager.unknown_ops),
    }
    np.savez_compressed(path, about=json.dumps(about), **rows)


RUNNINGS = {
    "eager": Running(),
    "channels_last": CHANNELS_LAST,
    "compiled": Running("compiled"),
    "processor": Running("compiled", "traced"),
    "traced": Running("eager", "traced"),
}


@cache
def kept(path: Path) -> tuple[dict, dict]:
    with np.load(path) as store:
        return json.loads(str(store["about"])), {key: store[key] for key in RUNNINGS if key in store}


def measured(folder: Path, table: PublicTable, store: Path) -> MeasuredNetworks:
    """Return the networks of a table that were counted, once each; of two variants the one with the stated params."""
    parts: dict[tuple[str, int], tuple] = {}
    for row in listed(folder, table.file):
        name, size = network(row)
        paths = (store / f"{name}-{size}.npz", store / f"{name}-{size}-reparameterized.npz")
        found = [kept(path) for path in paths if path.exists()]
        found = [(about, rows) for about, rows in found if table.counts in rows and not about["unknown"]]
        stated = float(row["param_count"]) * 1e6
        about, rows = min(found, key=lambda one: abs(one[0]["params"] - stated), default=({"params": 0}, {}))
        if abs(about["params"] - stated) > 0.03 * max(stated, 0.5e6) or (name, size) in parts:
            continue
        seconds, batch = 1 / float(row["infer_samples_per_sec"]), int(float(row["infer_batch_size"]))
        kinds = frozenset(about["kinds"])
        parts[name, size] = (f"{name}-{size}", about["family"], batch, seconds, rows[table.counts], kinds)
    names, families, batches, seconds, rows, kinds = zip(*parts.values(), strict=True)
    return MeasuredNetworks(names, families, np.array(batches), np.array(seconds), rows, kinds).known()


def about_of(table: PublicTable, networks: MeasuredNetworks):
    title, sheet = DEVICES[table.device]
    date = datetime.now(UTC).date().isoformat()
    families = len(set(networks.families))
    file = f"benchmark-infer-{table.file}.csv"
    source = Provenance(file, REPOSITORY, COMMIT, LICENCE, len(networks.names), families, date)
    return blank(table.device, title, table.running, sheet, table.torch, source)


def one_constant(values: np.ndarray, seconds: np.ndarray, part: np.ndarray) -> np.ndarray:
    predicted = np.zeros(len(seconds))
    for number in np.unique(part):
        held = part == number
        predicted[held] = values[held] * np.median((seconds / values)[~held])
    return predicted


def coverage(predicted: np.ndarray, seconds: np.ndarray, part: np.ndarray) -> float:
    """Return the share of networks inside of the interval that the other parts' held-out networks give."""
    inside = []
    for number in np.unique(part):
        held = part == number
        low, high = model.interval(predicted[~held], seconds[~held])
        ratio = seconds[held] / predicted[held]
        inside += [*(ratio >= low) & (ratio <= high)]
    return float(np.mean(inside))


def unseen_families(networks: MeasuredNetworks, about) -> list[float]:
    """Return the figures of one table, averaged over the ways to deal families."""
    parts, few = design(networks, about.running, about.sheet), design(networks, about.running, about.sheet, few=True)
    seconds, figures = networks.seconds, []
    for seed in SEEDS:
        part = model.folds(networks.families, seed)
        predicted = model.held_out(parts.counts, seconds, parts.start, part)
        by_work, by_bytes = (one_constant(few.counts[:, column], seconds, part) for column in (0, 1))
        by_three = model.held_out(few.counts, seconds, few.start, part)
        errors = [model.median_error(one, seconds) for one in (by_work, by_bytes, by_three, predicted)]
        figures.append([*errors, spearman(predicted, seconds), coverage(predicted, seconds, part)])
    species = [SPECIES_OF.get(family, "CNNs") for family in networks.families]
    strict = model.held_out(parts.counts, seconds, parts.start, np.unique(species, return_inverse=True)[1])
    return [*np.mean(figures, axis=0), model.median_error(strict, seconds), len(parts.names)]


def unseen_device(target, sources) -> tuple[float, float]:
    """Return the errors on unseen families of an unseen device: by its datasheet, and with 10 networks measured."""
    networks, about = target
    parts = design(networks, about.running, about.sheet)
    part = model.folds(networks.families)
    part_of = dict(zip(networks.families, part, strict=True))
    sheet_only, starts = np.zeros(len(part)), {}
    for number in np.unique(part):
        seen = [
            (other.only(np.array([part_of.get(family) != number for family in other.families])), known)
            for other, known in sources
        ]
        slower = pooled(seen)
        starts[number] = np.array([slower.get(name, 1.0) for name in parts.names]) * parts.datasheet
        sheet_only[part == number] = parts.counts[part == number] @ starts[number]
    errors = []
    for draw in range(DRAWS):
        number = draw % 5
        held = part == number
        ten = np.random.default_rng(draw).choice(np.flatnonzero(~held), 10, replace=False)
        begin = starts[number]
        seconds = model.fit(parts.counts[ten], networks.seconds[ten], begin, model.HELD_BY_FEW)
        errors.append(model.median_error(parts.counts[held] @ seconds, networks.seconds[held]))
    return model.median_error(sheet_only, networks.seconds), float(np.mean(errors))


def write(tables: dict[str, tuple[MeasuredNetworks, Any]]) -> None:
    """Write the coefficients of every table, and the counts of one for the tests."""
    for name, (networks, about) in tables.items():
        write_text(DATA / f"{name}.json", fitted(networks, about).to_text())
    networks, about = tables[RECORDED.name.removesuffix(".csv.gz")]
    parts = design(networks, about.running, about.sheet)
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["network", "family", "seconds", *parts.names])
    for place, name in enumerate(networks.names):
        values = [networks.seconds[place], *parts.counts[place]]
        writer.writerow([name, networks.families[place], *(f"{value:.5g}" for value in values)])
    RECORDED.write_bytes(gzip.compress(lines.getvalue().encode(), mtime=0))


HEADINGS = {
    "mult_adds": "mult-adds x constant",
    "bytes": "bytes x constant",
    "three": "3 coefficients",
    "error": "all columns",
    "spearman": "Spearman",
    "coverage": "90 % intervals cover",
    "species": "whole species held out",
}


def main(arguments: list[str] | None = None) -> int:
    parser = parser_of(__doc__)
    parser.add_argument("tables", type=Path, help="folder of benchmark-infer-*.csv")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the counts of the networks")
    parser.add_argument("--write", action="store_true", help="renew the coefficients that netcost ships")
    parser.add_argument("--only", default="", help="names of tables, separated by commas")
    options = parser.parse_args(arguments)
    options.cache.mkdir(parents=True, exist_ok=True)
    chosen = [table for table in TABLES if not options.only or table.name in options.only.split(",")]
    count_all(options.tables, options.cache, chosen)
    tables = {}
    for table in chosen:
        networks = measured(options.tables, table, options.cache)
        tables[table.name] = (networks, about_of(table, networks))
    records, requirements = [], []
    for table in chosen:
        networks, about = tables[table.name]
        figures = unseen_families(networks, about)
        records.append(
            {"table": table.name, "networks": len(networks.names), "columns": figures[-1]}
            | dict(zip(HEADINGS, figures, strict=False))
        )
        _, _, _, error, rho, covered, _, _ = figures
        requirements += [
            Requirement(f"{table.name}: median error on unseen families", error, high=table.allowed, unit="percent"),
            Requirement(f"{table.name}: Spearman", rho, low=0.98, unit="ratio"),
            Requirement(f"{table.name}: 90 % intervals cover", covered, 0.87, 0.93, "percent"),
        ]
        print(records[-1], flush=True)
    if {"rtx3090-eager", "rtx4090-eager", "rtx5090-eager"} <= set(tables):
        sources = [tables["rtx3090-eager"], tables["rtx4090-eager"]]
        by_sheet, by_ten = unseen_device(tables["rtx5090-eager"], sources)
        requirements += [
            Requirement("5090 from 3090, 4090 and its datasheet", by_sheet, high=0.115, unit="percent"),
            Requirement("5090 from those and 10 networks", by_ten, high=0.065, unit="percent"),
        ]
    if options.write:
        write(tables)
    percents = [Column(key, heading, "ratio" if key == "spearman" else "percent") for key, heading in HEADINGS.items()]
    columns = [Column("table", "Table"), Column("networks", "Networks", "count"), Column("columns", "Columns", "count")]
    title = "Median error on timm's source files that the fit never saw"
    table = from_records([*columns, *percents], records, title)
    return finish("Prediction of latency", [table], requirements, options.output, ["timm"])


if __name__ == "__main__":
    sys.exit(main())
