"""Is a training step counted right, how fast, and what does its count say about real training?

- Backward pass: multiply-adds by module beside arithmetic by layer from the forward pass alone, and beside torch's
  FlopCounterMode, whose time for the same step is the measure of netcost's. By default of torchvision's classifiers,
  and of one network per source file of timm.
- Memory: the peak of the step on shapes beside that of the same step on real tensors of the CPU (live storages), and
  beside what torch's profiler reports, which has the scratch memory of kernels as well. Small networks under autocast
  and with checkpoints, beside the live storages of a real step, counted without netcost.
- With `--timm FILE`, a table `benchmark-train-*.csv` of timm's: the largest batch that fits into 24 GiB as predicted,
  the two constants fitted on half of the families, and the error of a step's time from its memory access times a
  constant, families held out. Its networks wrote attention's scores out, so fused attention is off.

    python tests/benchmarks/training_step.py [--models NAME ...] [--memory NAME ...]
        [--timm FILE --networks N --cache FILE] [-o FILE]
"""

import csv
import gc
import json
import math
import os
import random
import statistics
import sys
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from findings import Requirement, finish, parser_of
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from netcost.counting.crosscheck_step import crosscheck_step
from netcost.counting.fitting import CONTEXT_BYTES, OVERHEAD
from netcost.counting.operators import _finer as finer_kind
from netcost.counting.training import StepCount
from netcost.graph.cost import Kind
from netcost.graph.graph import Op, Phase
from netcost.prediction import model
from netcost.prediction.coefficients import DEVICES
from netcost.targets.naming import resolve
from netcost.text.tables import Column, Table, from_records
from netcost.timing.training import TrainingStep
from netcost.tracing import InputSpec, TrainStep, call_arguments, trace_step
from netcost.tracing.training import named_loss

SIZES = {"inception_v3": 299, "vit_h_14": 518}
INPUTS = {f"torchvision:{name}": (InputSpec((1, 3, size, size)),) for name, size in SIZES.items()}
ROUNDS = 3
MEMORY = (
    "resnet18 mobilenet_v2 vit_b_16 googlenet densenet121 shufflenet_v2_x1_0 convnext_tiny swin_t inception_v3 "
    "efficientnet_b0 regnet_y_400mf squeezenet1_1"
).split()
SHARES, FIXED = range(16), (0.2, 0.5, 0.8, 1.0, 1.5, 2.0)
"""Constants that are tried: percent of the peak, and GiB."""
SPLITS = 20
"""Ways to halve timm's families, for the fit of two constants."""
TWO = (32, 64)
"""Batches at which timm's networks are counted."""
BATCHES = (512, 384, 256, 192, 128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)
"""Batches that timm's benchmark tries, from the largest on."""
GIB = 1 << 30


def counted(model: torch.nn.Module, x: torch.Tensor, step: TrainStep, concrete: bool = False) -> StepCount:
    """Count one training step."""
    return StepCount.of(trace_step(model, (x,), {}, step, concrete=concrete), step)


def built(name: str, **arguments: Any) -> torch.nn.Module:
    """Return a classifier of torchvision in training mode."""
    quick = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    model: torch.nn.Module = torchvision.models.get_model(name, **quick, **arguments)
    return model.train()


def least_time(run: Callable[[], Any]) -> float:
    """Return the least processor time of some runs (s)."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return min(times)


def backward(name: str) -> dict[str, Any]:
    """Return the row of one network: ours, by layer, and torch's."""
    target, step = resolve(name, inputs=INPUTS.get(name, ())).with_batch(2), TrainStep("none")
    model = target.build_weightless()
    call = call_arguments(target.required_inputs(), InputSpec.on_meta)
    count = StepCount.of(trace_step(model, *call, step), step)
    check = crosscheck_step(target, count)
    by_layer, torchs = check.others
    ours = count.phases[Phase.BACKWARD].mult_adds
    shapes = target.build_weightless().to("meta").train()  # FlopCounterMode takes no buffer with values beside shapes

    def with_torch() -> None:
        with FlopCounterMode(display=False):
            named_loss("auto", shapes(*call[0])).backward()  # type: ignore[no-untyped-call]  # torch leaves it so

    groups = [op.arguments.get("groups", 1) for op in count.graph.ops if op.name == "aten.convolution_backward"]
    counted_by_torch = None if torchs.by_class is None else backward_sum(torchs.by_class)
    return {
        "model": name,
        "ours": ours,
        "by_hand": backward_sum(by_layer.by_class or {}) / ours,
        "equal": not check.unexplained(by_layer) and "; not" not in by_layer.remarks[0],
        "torch": None if counted_by_torch is None else counted_by_torch / ours,
        "explained": torchs.by_class is None or not check.unexplained(torchs),
        "same": torchs.by_class == check.ours or max(groups, default=1) > 1 or torchs.by_class is None,
        "by_forward": ours / count.phases[Phase.FORWARD].mult_adds,
        "speed": least_time(with_torch) / least_time(lambda: trace_step(model, *call, step))
        if name.startswith("torchvision:")
        else None,
    }


def backward_sum(by_class: dict[str, int]) -> int:
    """Add up the rows of the backward pass."""
    return sum(mult_adds for name, mult_adds in by_class.items() if name.startswith("backward"))


def first_of_each_file() -> list[str]:
    """Return a network of each source file of timm's, the first by name."""
    import timm

    first: dict[str, str] = {}
    for name in timm.list_models():
        first.setdefault(timm.models.model_entrypoint(name).__module__, f"timm:{name}")
    return [*first.values()]


def profiled_peak(model: torch.nn.Module, x: torch.Tensor, step: TrainStep) -> int:
    """Return the peak of a real step's allocations, with all that lives before it (bytes)."""
    make = step.make_optimizer
    assert make is not None
    optimizer = make(list(model.parameters()))

    def run() -> None:
        named_loss("auto", model(x)).backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    run()
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        run()
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    state = [value for held in optimizer.state.values() for value in held.values() if isinstance(value, torch.Tensor)]
    return peak + sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers(), *state, x))


class LiveStorages(TorchDispatchMode):
    """Adds up the storages that are alive in a real step, by torch's own reports of their end."""

    def __init__(self, before: Iterable[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it so
        self.known: dict[int, Any] = {}
        self.now = self.peak = 0
        for tensor in before:
            self.add(tensor)

    def add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self.known or not size:
            return

        def freed(_: object) -> None:
            del self.known[key]
            self.now -= size

        self.now += size
        self.known[key] = weakref.ref(storage, freed)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves((args, kwargs, result)):
            if isinstance(value, torch.Tensor):
                self.add(value)
        self.peak = max(self.peak, self.now)
        return result


class Checkpointed(torch.nn.Module):
    """A sequence that runs in segments, whose activations are made again in the backward pass."""

    def __init__(self, layers: torch.nn.Sequential, segments: int, reentrant: bool) -> None:
        super().__init__()
        self.layers, self.segments, self.reentrant = layers, segments, reentrant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        run = torch.utils.checkpoint.checkpoint_sequential
        result: torch.Tensor = run(self.layers, self.segments, x, use_reentrant=self.reentrant)
        return result


def mobilenet(segments: int = 0, reentrant: bool = False) -> torch.nn.Module:
    """Return a narrow MobileNet v2, as a checkpointed sequence where it has segments."""
    model = torchvision.models.MobileNetV2(num_classes=10, width_mult=0.35)
    if not segments:
        return model
    layers = (*model.features, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(1), *model.classifier)
    return Checkpointed(torch.nn.Sequential(*layers), segments, reentrant)


def special_memory() -> list[dict[str, Any]]:
    """Return a row per small network under autocast, or with checkpoints: half precision is slow on many CPUs."""
    resnet, block = torchvision.models.ResNet, torchvision.models.resnet.BasicBlock
    vit = partial(torchvision.models.VisionTransformer, 32, 8, 3, 4, 32, 64, dropout=0.1, num_classes=10)
    encoder = torch.nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    cases: dict[str, tuple[Callable[[], torch.nn.Module], tuple[int, ...], TrainStep]] = {
        "ResNet, bf16": (
            lambda: resnet(block, [1] * 4, num_classes=10),
            (16, 3, 32, 32),
            TrainStep("none", amp="bf16"),
        ),
        "MobileNet v2, bf16": (mobilenet, (8, 3, 32, 32), TrainStep("adam", amp="bf16")),
        "ViT, bf16": (vit, (16, 3, 32, 32), TrainStep("sgd", amp="bf16")),
        "encoder, bf16": (lambda: torch.nn.TransformerEncoder(encoder, 3), (4, 32, 64), TrainStep("adamw", amp="bf16")),
        "MobileNet v2, checkpoints": (partial(mobilenet, 6), (8, 3, 64, 64), TrainStep("adam")),
        "the same, reentrant": (partial(mobilenet, 6, True), (8, 3, 64, 64), TrainStep("adam")),
        "bf16 and checkpoints": (partial(mobilenet, 6), (8, 3, 32, 32), TrainStep("momentum", amp="bf16")),
    }
    rows = []
    for name, (make, shape, asked) in cases.items():
        model, x, step = make(), torch.randn(*shape), replace(asked, device="cpu")
        ours = counted(model, x, step).peak.total
        run = TrainingStep(model, step).train()
        run(x)  # makes the state of the optimizer
        state = [] if run._optimizer is None else tree_leaves([*run._optimizer.state.values()])
        tensors = [value for value in state if isinstance(value, torch.Tensor)]
        with LiveStorages([*model.parameters(), *model.buffers(), *tensors, x]) as live:
            run(x)
        rows.append({"model": name, "ours": ours, "live": ours - live.peak, "apart": abs(ours / live.peak - 1)})
    return rows


def memory(names: Iterable[str]) -> list[dict[str, Any]]:
    """Return a row per classifier, batch and optimizer."""
    rows = []
    for name in names:
        for batch, optimizer in ((2, "momentum"), (2, "adam"), (4, "momentum")):
            step, size = TrainStep(optimizer, device="cpu"), SIZES.get(name, 224)
            x = torch.randn(batch, 3, size, size)
            predicted = counted(resolve(f"torchvision:{name}").build_weightless(), x, step).peak.total
            live = counted(built(name), x, step, concrete=True).peak.total
            profiler = profiled_peak(built(name), x, step)
            rows.append(
                {
                    "model": f"{name}, {batch}, {optimizer}",
                    "ours": predicted,
                    "live": predicted - live,
                    "profiler": predicted / profiler,
                }
            )
    return rows


def kind_of(op: Op, kind: Kind, module: str) -> str:
    """Return the kind of a kernel of a step: as that of a forward pass, with the phase where it is another."""
    if op.phase in (Phase.OPTIMIZER, Phase.LOSS):
        return str(op.phase)
    own = op._replace(name=op.name.removesuffix("_backward"))
    if op.name == "aten.convolution_backward":  # (gradient, input, weight)
        own = own._replace(inputs=op.inputs[1:])
    return finer_kind(own, kind, module) + (" backward" if op.phase is Phase.BACKWARD else "")


def by_kind(count: StepCount) -> dict[str, list[int]]:
    """Return multiply-adds, bytes and kernels of a step by kind."""
    found: dict[str, list[int]] = {}
    for op, kind, cost in zip(count.graph.ops, count.kinds, count.costs, strict=True):
        if kind is Kind.VIEW:
            continue
        sums = found.setdefault(kind_of(op, kind, count.graph.modules.get(op.module, "")), [0, 0, 0])
        for place, value in enumerate((cost.mult_adds, cost.memory_access_bytes, cost.kernels)):
            sums[place] += value
    return found


def timm_counts(row: dict[str, str]) -> dict[str, Any]:
    """Count the step that timm ran for one row of its table, at two batches, between which all is linear."""
    import timm

    step, size = TrainStep("momentum", amp="fp16"), int(row["train_img_size"])
    with torch.device("meta"):
        model = timm.create_model(row["model"])
    counts = [counted(model, torch.empty(batch, 3, size, size, device="meta"), step) for batch in TWO]
    return {
        "family": type(model).__module__,
        "peaks": [count.peak.total for count in counts],
        "kinds": [by_kind(count) for count in counts],
        "unknown": [*counts[0].unknown_ops],
    }


def timm_row(row: dict[str, str], counts: dict[str, Any]) -> dict[str, Any]:
    """Return the count of a row at the batch that timm chose."""
    chosen = int(row["train_batch_size"])
    small, large = counts["kinds"]

    def figure(kind: str, place: int) -> float:
        grows = (large[kind][place] - small[kind][place]) / (TWO[1] - TWO[0])
        return small[kind][place] / chosen + grows * (chosen - TWO[0]) / chosen

    kinds = {kind: [figure(kind, place) for place in range(3)] for kind in small if kind in large}
    low, high = counts["peaks"]
    return {
        "family": counts["family"],
        "batch": chosen,
        "slope": (high - low) / (TWO[1] - TWO[0]),
        "peak": low,
        "kinds": kinds,
        "mult_adds": sum(values[0] for values in kinds.values()),
        "access": sum(values[1] for values in kinds.values()),
        "time": float(row["train_step_time"]) / 1e3 / chosen,  # seconds per sample
    }


def error_by_operator(rows: list[dict[str, Any]]) -> float:
    """Return the median error of a model of time with a coefficient per kind of kernel, families held out."""
    names = sorted({kind for row in rows for kind in row["kinds"]})
    columns = [(name, place) for name in names for place in (0, 1)]
    matrix = np.array([[row["kinds"].get(name, (0, 0, 0))[place] for name, place in columns] for row in rows])
    launches = np.array([[sum(values[2] for values in row["kinds"].values())] for row in rows])
    sheet = DEVICES["rtx3090"][1]
    slower = {"depthwise convolution": 30.0, "depthwise convolution backward": 30.0}
    start = [
        slower.get(name, 1.0) / sheet.mult_adds_per_s if place == 0 else 1 / sheet.bytes_per_s
        for name, place in columns
    ]
    used = matrix.any(axis=0)
    counts = np.concatenate([matrix[:, used], launches], axis=1)
    begin = np.array([*np.array(start)[used], sheet.launch_s])
    seconds = np.array([row["time"] for row in rows])
    families = [row["family"] for row in rows]
    errors = []
    for seed in range(3):
        predicted = model.held_out(counts, seconds, begin, model.folds(families, seed))
        errors.append(model.median_error(predicted, seconds))
    return statistics.fmean(errors)


def predicted_batch(row: dict[str, Any], share: float, fixed: float) -> int:
    """Return the largest batch of timm's that fits into 24 GiB."""
    peaks = {batch: row["peak"] + row["slope"] * (batch - 32) for batch in BATCHES}
    return next((batch for batch in BATCHES if peaks[batch] * (1 + share) + fixed <= 24 * GIB), 0)


def best_pair(scores: Any) -> int:
    """Return the pair of constants around which most batches are right, so that chance chooses less."""
    padded = np.pad(scores.reshape(len(SHARES), len(FIXED)), 1, mode="edge")
    return int(np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).mean((2, 3)).argmax())


def in_timm(path: str, networks: int, cache: Path | None) -> tuple[Table, list[Requirement]]:
    """Compare with a table of timm's training runs; a network that it no longer has is left out."""
    import timm

    timm.layers.set_fused_attn(False)
    with Path(path).open(encoding="utf-8") as file:
        table = [row for row in csv.DictReader(file) if row["model"] in set(timm.list_models())]
    random.Random(1).shuffle(table)
    known = json.loads(cache.read_text()) if cache and cache.exists() else {}
    rows = []
    for row in table[:networks]:
        if row["model"] not in known:
            known[row["model"]] = timm_counts(row)
            if cache:
                cache.write_text(json.dumps(known))
        rows.append(timm_row(row, known[row["model"]]))
    families = sorted({row["family"] for row in rows})
    random.Random(0).shuffle(families)

    pairs = [(percent / 100, gibibytes * GIB) for percent in SHARES for gibibytes in FIXED]
    hits = np.array([[predicted_batch(row, *pair) == row["batch"] for row in rows] for pair in pairs])
    family, found = np.array([row["family"] for row in rows]), []
    for seed in range(SPLITS):
        known_half = np.isin(family, random.Random(seed).sample(families, len(families))[::2])
        found.append(hits[best_pair(hits[:, known_half].mean(1)), ~known_half].mean())
    share, fixed = pairs[best_pair(hits.mean(1))]
    records = [{"figure": "share of the peak", "value": share}, {"figure": "fixed, GiB", "value": fixed / GIB}]
    shipped = [predicted_batch(row, OVERHEAD, CONTEXT_BYTES) == row["batch"] for row in rows]
    records.append({"figure": "batches right with the constants of netcost", "value": statistics.fmean(shipped)})
    words = f"batches right, families held out, mean of {SPLITS} halves"
    requirements = [Requirement(words, statistics.fmean(found), low=0.9, unit="ratio")]
    for figure, highest in (("access", 0.2), ("mult_adds", None)):
        error = held_out_error(rows, families, figure)
        records.append({"figure": f"median error of time by {figure}", "value": error})
        if highest is not None:
            requirements.append(Requirement("median error of time by memory access", error, high=highest, unit="ratio"))
    by_operator = error_by_operator(rows)
    requirements.append(Requirement("median error of time by kind of operator", by_operator, high=0.09, unit="ratio"))
    columns = (Column("figure", f"timm, {len(rows)} networks"), Column("value", "", "ratio"))
    return from_records(columns, records, "Training on an RTX 3090, as timm measured it"), requirements


def held_out_error(rows: list[dict[str, Any]], families: list[str], figure: str) -> float:
    """Return the median relative error of time = constant x figure, in five folds of whole families."""
    errors = []
    for fold in range(5):
        tested = set(families[fold::5])
        known = [math.log(row["time"] / row[figure]) for row in rows if row["family"] not in tested]
        constant = math.exp(statistics.median(known))
        errors += [abs(constant * row[figure] / row["time"] - 1) for row in rows if row["family"] in tested]
    return statistics.median(errors)


BACKWARD = (
    Column("model", "Backward pass"),
    Column("ours", "Mult-adds", "exact"),
    Column("by_hand", "By layer", "times"),
    Column("torch", "FlopCounterMode", "times"),
    Column("by_forward", "Of the forward pass", "times"),
    Column("speed", "Time of FlopCounterMode", "times"),
)
PEAKS = (
    Column("model", "Peak memory"),
    Column("ours", "netcost", "exact"),
    Column("live", "Less live storages", "signed"),
    Column("profiler", "netcost / profiler", "times"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for, print the tables; return 1 if a figure is missed."""
    parser = parser_of(__doc__)
    names = [f"torchvision:{name}" for name in torchvision.models.list_models(module=torchvision.models)]
    parser.add_argument("--models", nargs="*", metavar="TARGET")
    parser.add_argument("--memory", nargs="*", default=MEMORY, metavar="NAME")
    parser.add_argument("--timm", metavar="FILE", help="benchmark-train-*.csv of timm's results")
    parser.add_argument("--networks", type=int, default=200, help="networks of that table")
    parser.add_argument("--cache", type=Path, metavar="FILE", help="keeps the counts of these networks")
    asked = parser.parse_args(arguments)
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    tables, requirements = [], []
    chosen = [*names, *first_of_each_file()] if asked.models is None else asked.models
    if chosen:
        rows = [backward(name) for name in chosen]
        tables.append(from_records(BACKWARD, rows, "Mult-adds of the backward pass"))
        for words, key in (
            ("that differ from arithmetic by layer, module by module", "equal"),
            ("without grouped convolutions that differ from FlopCounterMode", "same"),
            ("whose difference from FlopCounterMode has no reason", "explained"),
        ):
            differ = sum(not row[key] for row in rows)
            requirements.append(Requirement(f"networks of {len(rows)} {words}", differ, high=0, unit="exact"))
        speeds = [row["speed"] for row in rows if row["speed"] is not None]
        if speeds:
            requirements.append(Requirement("speed beside FlopCounterMode, median", statistics.median(speeds), low=5))
    if asked.memory:
        rows = memory(asked.memory)
        tables.append(from_records(PEAKS, rows, "Peak memory of a step (network, batch, optimizer), bytes"))
        apart = max(abs(row["live"]) for row in rows)
        above = max(row["profiler"] for row in rows)
        requirements.append(Requirement("largest difference to live storages, bytes", apart, high=0, unit="exact"))
        requirements.append(Requirement("largest part of what the profiler saw", above, high=1.0))
        special = special_memory()
        tables.append(from_records(PEAKS[:-1], special, "The same under autocast and with checkpoints, small networks"))
        worst = max(row["apart"] for row in special)
        words = "largest difference to live storages under autocast and with checkpoints"
        requirements.append(Requirement(words, worst, high=0.025, unit="percent"))
    if asked.timm:
        table, more = in_timm(asked.timm, asked.networks, asked.cache)
        tables.append(table)
        requirements += more
    return finish("A training step, counted and real", tables, requirements, asked.output, ["torchvision"])


if __name__ == "__main__":
    sys.exit(main())
