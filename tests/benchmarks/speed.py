"""Is netcost faster than other tools at building a network and counting it?

For each of torchvision's classification models, at the input size of its own weights, from the name to the numbers:

- netcost: `netcost.analyze("torchvision:NAME").metrics()`: the model built without weights, and every metric;
- FlopCounterMode, torch's own counter, on the meta device: the model built under `torch.device("meta")` where its
  constructor works there, otherwise built on the CPU and moved (the models are named under the table);
- fvcore, ptflops, thop, torchinfo and torchprofile, as their documentation shows: the model built on the CPU without
  pretrained weights, one forward pass of a random image; ptflops, thop and torchinfo, which work without values,
  a second time on the meta device. That way is a failure if its count differs from the tool's own count of
  real tensors by more than 1 %. GoogLeNet and Inception v3 get `init_weights=False`, because their constructors
  would otherwise draw for seconds from a truncated normal: the comparison is of counting, not of that.

Everything is in one process that has imported and used everything before, in rounds of random order; each subject
runs once to warm up; the figure is the median of its rounds. A slow subject takes part in as many rounds as fit into
`--budget` seconds; if its first run alone is longer, that one counts. A tool that raises, or counts nothing, has
failed on that model: no time, never 0.

What must hold: over the models, a median ratio of at least 10 to FlopCounterMode and of at least 5 to the fastest of
the five, each in the faster of its ways; and on every model netcost is faster than each of them in each way.

    python tests/benchmarks/speed.py [--models N | NAME ...] [--tools TOOL ...] [--rounds N] [--budget S] [-o FILE]
"""

import logging
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from counters import FIVE, FLOP_COUNTER_MODE, META, Counter, Network, builds_on_meta
from findings import Requirement, finish, parser_of
from rounds import Run, Series, interleave
from torchvision import models

import netcost
from netcost.text.tables import Column, Table, from_records
from netcost.timing import stats

NETCOST = "netcost"
WARM_UP = "squeezenet1_1"
OTHERS = (FLOP_COUNTER_MODE, *FIVE)
AGREEMENT = 0.01
"""Largest deviation of a count on the meta device from the tool's own count of real tensors; beyond, it fails."""

Found = dict[str, Series]
"""Results on one model, by subject."""
Ratios = dict[str, float]
"""Time / netcost's time on one model, by subject."""


def network(name: str) -> Network:
    """Return the model with the input size that its weights' own transform makes."""
    return Network(name, netcost.resolve(f"torchvision:{name}").required_inputs()[0].shape)


def analyse(name: str) -> float:
    """Count with netcost."""
    return netcost.analyze(f"torchvision:{name}").metrics()["mult_adds"]


def subjects(name: str, counters: Sequence[Counter]) -> dict[str, Run]:
    """Return the functions that are timed on one model."""
    of = network(name)
    builds_on_meta(of)  # found out here, so that no one's time holds a failed attempt
    runs: dict[str, Run] = {NETCOST: partial(analyse, name)}
    for counter in counters:
        runs |= {way: partial(counter.run, build, of) for way, build in counter.ways().items()}
    return runs


def agreeing(found: Mapping[str, Series]) -> Found:
    """Return the results; counts on the meta device that contradict the tool's own of real tensors become failures."""
    checked = dict(found)
    for way, series in found.items():
        real = found.get(way.removesuffix(META), series)
        if series.failure or real.failure or abs(series.result - real.result) <= AGREEMENT * real.result:
            continue
        checked[way] = Series(failure=f"it counts {series.result:.4g}, and {real.result:.4g} on real tensors")
    return checked


def ratios_of(found: Found) -> Ratios:
    """Return each other subject's time / netcost's time, if both have one."""
    base = found[NETCOST].median_s
    if base is None:
        return {}
    return {
        way: series.median_s / base for way, series in found.items() if way != NETCOST and series.median_s is not None
    }


def fastest(ratios: Ratios, ways: Iterable[str]) -> float | None:
    """Return the smallest of the ratios of these ways."""
    return min((ratios[way] for way in ways if way in ratios), default=None)


def over_models(ratios: Mapping[str, Ratios], ways: Sequence[str]) -> dict[str, float]:
    """Return the fastest of these ways per model, if one works."""
    found = {name: fastest(of_model, ways) for name, of_model in ratios.items()}
    return {name: ratio for name, ratio in found.items() if ratio is not None}


def median_over_models(ratios: Mapping[str, Ratios], ways: Sequence[str]) -> float | None:
    """Return the median over the models of the fastest of these ways."""
    found = over_models(ratios, ways)
    return stats.median(list(found.values())) if found else None


def title(way: str) -> str:
    """Return the printed name of a subject."""
    return way.replace("torch,", "FlopCounterMode,")


def by_model(found: Mapping[str, Found], ratios: Mapping[str, Ratios], groups: Mapping[str, Sequence[str]]) -> Table:
    """Return a table with a row per model: netcost's time, and the others' ratios to it."""
    columns = (
        Column("model", "Model"),
        Column("netcost", "netcost", "seconds"),
        *(Column(group, group, "times") for group in groups),
    )
    records = [
        {
            "model": name,
            "netcost": series[NETCOST].median_s,
            **{group: fastest(ratios[name], ways) for group, ways in groups.items()},
        }
        for name, series in found.items()
    ]
    return from_records(columns, records, "Build and count: time by netcost's; a dash is a failure", notes(found))


def notes(found: Mapping[str, Found]) -> list[str]:
    """List the models that do not build on the meta device, and every failure once, with its models."""
    moved = [name for name in found if not builds_on_meta(network(name))]
    lines = [f"Built on the CPU and moved to the meta device: {', '.join(moved)}."] if moved else []
    failures: dict[str, list[str]] = {}
    for name, series in found.items():
        for way, timed in series.items():
            if timed.failure:
                failures.setdefault(f"{title(way)} failed: {timed.failure}", []).append(name)
    return [*lines, *(f"{failure} ({', '.join(names)})." for failure, names in failures.items())]


def by_tool(ratios: Mapping[str, Ratios], groups: Mapping[str, Sequence[str]]) -> Table:
    """Return a table with a row per subject: median, smallest and largest ratio over the models."""
    columns = (
        Column("tool", "Tool"),
        Column("models", "Models", "count"),
        Column("median", "Median", "times"),
        Column("least", "Least", "times"),
        Column("least_on", "on"),
        Column("most", "Most", "times"),
        Column("most_on", "on"),
    )
    records = []
    for group, ways in groups.items():
        record: dict[str, object] = {"tool": group, "models": 0}
        if of := over_models(ratios, ways):
            least, most = min(of, key=of.__getitem__), max(of, key=of.__getitem__)
            record |= {"models": len(of), "median": stats.median(list(of.values()))}
            record |= {"least": of[least], "least_on": least, "most": of[most], "most_on": most}
        records.append(record)
    return from_records(columns, records, "Time by netcost's, over the models")


def requirements_of(
    found: Mapping[str, Found], ratios: Mapping[str, Ratios], counters: Sequence[Counter]
) -> list[Requirement]:
    """Return the figures that must hold, for the tools that were asked for."""
    five = ways_of(counter for counter in counters if counter in FIVE)
    required = []
    if FLOP_COUNTER_MODE in counters:
        to_torch = median_over_models(ratios, ways_of([FLOP_COUNTER_MODE]))
        required.append(Requirement("FlopCounterMode on meta: median over the models", to_torch, 10))
    if five:
        required.append(Requirement("Fastest of the five: median over the models", median_over_models(ratios, five), 5))
    every = [ratio for of_model in ratios.values() for ratio in of_model.values()]
    failed = [name for name, series in found.items() if series[NETCOST].failure]
    return [
        *required,
        Requirement("Fastest of all: least over the models", min(every, default=None), 1),
        Requirement("Models that netcost fails on", len(failed), high=0, unit="count"),
    ]


def ways_of(counters: Iterable[Counter]) -> list[str]:
    """Return the subjects of these tools."""
    return [way for counter in counters for way in counter.ways()]


def groups_of(counters: Sequence[Counter]) -> dict[str, list[str]]:
    """Return the columns: each subject alone, and the fastest of the five, with the meta device and without."""
    groups = {title(way): [way] for way in ways_of(counters)}
    if five := ways_of(counter for counter in counters if counter in FIVE):
        groups["Fastest of the five on real tensors"] = [way for way in five if not way.endswith(META)]
        groups["Fastest of the five"] = five
    return groups


def chosen(asked: Sequence[str] | None) -> list[str]:
    """Return names of models: all, a number of them spread evenly over the list, or those named."""
    every = models.list_models(module=models)
    if not asked:
        return every
    if len(asked) == 1 and asked[0].isdigit():
        number = min(int(asked[0]), len(every))
        return [every[index * len(every) // number] for index in range(number)]
    return list(asked)


def installed(names: Sequence[str]) -> list[Counter]:
    """Return the named counters that are installed; report the others."""
    asked = [counter for counter in OTHERS if counter.name in names]
    for counter in asked:
        if not counter.installed:
            print(f"{counter.name} is left out: not installed; pip install '.[bench]' installs it", file=sys.stderr)
    return [counter for counter in asked if counter.installed]


def main(arguments: Sequence[str] | None = None) -> int:
    """Time everything, print the tables; return 1 if netcost is too slow."""
    parser = parser_of(__doc__)
    parser.add_argument("--models", nargs="+", metavar="NAME", help="names, or a number of models to pick")
    names = [counter.name for counter in OTHERS]
    parser.add_argument("--tools", nargs="+", choices=names, default=names, metavar="TOOL", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--budget", type=float, default=3.0, help="seconds for the rounds of one subject on one model")
    asked = parser.parse_args(arguments)
    counters = installed(asked.tools)
    found: dict[str, Found] = {}
    todo = chosen(asked.models)
    with quiet():
        interleave(subjects(WARM_UP, counters), rounds=0)
        for index, name in enumerate(todo, start=1):
            print(f"[{index}/{len(todo)}] {name}", file=sys.stderr, flush=True)
            found[name] = agreeing(interleave(subjects(name, counters), asked.rounds, asked.budget, seed=index))
        ratios = {name: ratios_of(series) for name, series in found.items()}
        tables = [by_model(found, ratios, groups_of(counters)), by_tool(ratios, groups_of(counters))]
    packages = ["torchvision", *(counter.name for counter in counters if counter in FIVE)]
    required = requirements_of(found, ratios, counters)
    beside = "FlopCounterMode" if asked.tools == ["torch"] else "counters of the field"
    return finish(f"Time to build and count a network, beside {beside}", tables, required, asked.output, packages)


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the tools' warnings about operators that they leave out."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


if __name__ == "__main__":
    sys.exit(main())
