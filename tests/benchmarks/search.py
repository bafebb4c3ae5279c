"""Measures `netcost search`: candidates per second by workers and engines, memory, faults, timm, and the optimiser.

    python tests/benchmarks/search.py scale --candidates 1000     # 1 and 2 workers: rates and their ratio; minutes
    python tests/benchmarks/search.py ray --candidates 1000       # the same file by local Ray of two workers
    python tests/benchmarks/search.py memory --candidates 10000   # memory of a worker over a long run
    python tests/benchmarks/search.py timm                        # every name of timm: failures, unknown operators
    python tests/benchmarks/search.py front                       # hypervolume that each optimiser finds, over seeds
    python tests/benchmarks/search.py same                        # figures against a single analysis each

Rates are between the first and the last answer, without the start of the workers.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

from torch import nn

import netcost
from netcost.search import Engine, Range, SearchResult, Strategy, search, strategies
from netcost.search.counted import target_of
from netcost.search.spaces import Space, matching_names

BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, repeats and stride of MobileNet v2's stages (arXiv:1801.04381, Table 2)."""


def space(
    width: Annotated[int, Range[4, 13]],
    depth: Annotated[int, Range[1, 4]],
    expansion: Annotated[int, Range[2, 7]],
    kernel: Annotated[int, Range[3, 7, 2]],
    classes: Annotated[int, Range[10, 1000, 66]],
) -> nn.Module:
    """Make a network of MobileNet v2's size and kind: 11,520 of them."""
    channels = 8 * width // 2
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU6(True)]
    for _, wanted, repeats, stride in BLOCKS:
        out = max(8, wanted * width // 8)
        for index in range(max(1, repeats * depth // 2)):
            wide, step = channels * expansion, stride if index == 0 else 1
            layers += [nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(True)]
            layers += [nn.Conv2d(wide, wide, kernel, step, kernel // 2, groups=wide, bias=False), nn.BatchNorm2d(wide)]
            layers += [nn.ReLU6(True), nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out)]
            channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def timed(engine: Engine, candidates: int, file: Path, seed: int = 0) -> tuple[SearchResult, float]:
    """Search; return the result and the candidates per second after the first answer."""
    told: list[float] = []
    result = search(
        f"{__file__}:space",
        inputs=["1x3x224x224"],
        minimize=["mult_adds"],
        maximize=["params"],
        strategy=Strategy("random", candidates, seed),
        engine=engine,
        results=file,
        progress=lambda _share, _text: told.append(time.perf_counter()),
    )
    return result, (len(told) - 1) / (told[-1] - told[0])


def scale(candidates: int, folder: Path) -> None:
    """Print the rates of one and of two workers in turn, twice, and the ratio."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(2):
        for jobs in rates:
            _, rate = timed(Engine(jobs=jobs), candidates, folder / f"{jobs}-{turn}.jsonl", turn)
            rates[jobs].append(rate)
            print(f"{jobs} workers: {rate:.1f} candidates/s", flush=True)
    one, two = (statistics.median(several) for several in rates.values())
    print(f"2 workers over 1: {two / one:.2f} x")


def by_ray(candidates: int, folder: Path) -> None:
    """Print the rate of Ray, and compare its file with that of processes here."""
    _, here = timed(Engine(jobs=2), candidates, folder / "here.jsonl")
    _, there = timed(Engine("ray", jobs=2), candidates, folder / "ray.jsonl")
    same = (folder / "here.jsonl").read_bytes() == (folder / "ray.jsonl").read_bytes()
    print(f"processes {here:.1f}, Ray {there:.1f} candidates/s; same file: {same}")


def memory(candidates: int, folder: Path) -> None:
    """Print what each worker holds, of its own and in all, at tenths of the run."""
    from netcost.search.engine import _started

    seen = 0

    def look(share: float, text: str) -> None:
        nonlocal seen
        if 10 * share >= seen:
            seen += 1
            held = [_held(worker.pid) for worker in _started]
            print(f"{text}: {', '.join(f'{own:.0f} of {whole:.0f} MB' for own, whole in held)}", flush=True)

    search(
        f"{__file__}:space",
        inputs=["1x3x224x224"],
        strategy=Strategy("random", candidates),
        engine=Engine(jobs=2),
        results=folder / "memory.jsonl",
        progress=look,
    )


def _held(pid: int) -> tuple[float, float]:
    """Return the megabytes that a process has for itself, and all that are resident, libraries included."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    held = {line.split(":")[0]: float(line.split()[1]) / 1e3 for line in lines if line.startswith(("RssAnon", "VmRSS"))}
    return held["RssAnon"], held["VmRSS"]


def timm(candidates: int, folder: Path) -> None:
    """Print how long the first names of timm take, which fail, and which operators have no rule."""
    begun = time.perf_counter()
    names = matching_names("timm:*")[:candidates]
    result = search(names, engine=Engine(jobs=2, timeout_s=120), results=folder / "timm.jsonl")
    print(f"{len(result.rows)} names in {time.perf_counter() - begun:.0f} s, unknown: {result.unknown_ops or 'none'}")
    for row in result.failed:
        print(f"failed: {row.candidate.label}: {row.error}")


def front(seeds: int, folder: Path) -> None:
    """Print the share of the hypervolume that each optimiser, and chance, finds with 125 of 500 evaluations."""
    choices = {
        "width": (4, 6, 8, 10, 12),
        "depth": (1, 2, 3, 4),
        "expansion": (2, 3, 4, 5, 6),
        "kernel": (3, 5, 7, 9, 11),
    }
    own = ((f"{__file__}:space", (("classes", 1000),)),)
    grid = Space((own[0][0],), own, choices, ("1x3x224x224",))
    rows = search(grid, engine=Engine(jobs=2), results=folder / "front.jsonl").rows
    found = [(row.figures["memory_access"], -row.figures["params"]) for row in rows]
    worst = [max(values) for values in zip(*found, strict=True)]
    whole = _volume(found, worst)
    shares: dict[str, list[float]] = {name: [] for name in (*strategies.OPTIMISERS, "random")}
    for seed in range(seeds):
        batches = {
            **{
                name: strategies.optimised(grid, 125, seed, lambda index: (found[index], ()), 2, name)
                for name in strategies.OPTIMISERS
            },
            "random": strategies.sampled(grid, 125, seed),
        }
        for name, proposed in batches.items():
            chosen = [found[index] for batch in proposed for index in batch]
            shares[name].append(_volume(chosen, worst) / whole)
    for name, several in shares.items():
        print(f"{name}: median {statistics.median(several):.1%}, least {min(several):.1%}, with 125 of {len(grid)}")


def _volume(points: list[tuple[float, float]], worst: list[float]) -> float:
    area, least = 0.0, worst[1]
    for first, second in sorted(points):
        if second < least:
            area += (worst[0] - first) * (least - second)
            least = second
    return area


def same(candidates: int, folder: Path) -> None:
    """Compare the figures of some candidates with those of a single analysis each."""
    result, _ = timed(Engine(jobs=2), candidates, folder / "same.jsonl")
    chosen = random.Random(0).sample(result.rows, min(50, len(result.rows)))
    differing = [
        row
        for row in chosen
        if dict(row.figures) != netcost.analyze(target_of(row.candidate, ("1x3x224x224",))).metrics()
    ]
    print(f"{len(chosen)} candidates of {candidates} against a single analysis: {len(differing)} differ")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["scale", "ray", "memory", "timm", "front", "same"])
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=9)
    asked = parser.parse_args()
    parts = {"scale": scale, "ray": by_ray, "memory": memory, "timm": timm, "same": same, "front": front}
    with tempfile.TemporaryDirectory() as folder:
        parts[asked.part](asked.seeds if asked.part == "front" else asked.candidates, Path(folder))


if __name__ == "__main__":
    main()
