"""The steps of `run.py`: each measures one thing, saves it, and returns what its line says.

Nothing of torch and netcost is imported at the top: the process that starts the steps must not hold the GPU.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
DTYPES = ("fp32", "bf16", "fp16")
OPTIONS = {"channels_last": "--memory-format", "compile": "--backend", "cudagraph": "--backend"}  # others: --dtype
PACKAGES = ("torchvision", "timm", "fvcore", "altair", "jinja2", "pytest", "hypothesis")

TWELVE = """
    mobilenet_v2 mobilenet_v1 shufflenet_v1_g3_x1_0 shufflenet_v2_x1_0 googlenet nasnet_a_mobile alexnet resnet18
    resnet50 densenet121 inception_v3 vgg16
""".split()
"""Networks of different families; those of reports/compare-twelve.md."""


TRAINED = """
    mobilenet_v2 shufflenet_v2_x1_0 googlenet nasnet_a_mobile alexnet resnet50 densenet121 vgg16
""".split()
"""Networks of different families, to be trained for a step."""


class LeftOut(Exception):  # noqa: N818  # it is no error
    """A step that cannot be done here, and the reason."""


@dataclass(frozen=True)
class Place:
    """The place of a step: its folder, its device, and its time (seconds; 0 for as little as possible)."""

    out: Path
    dry: bool
    seconds: float

    @property
    def device(self) -> str:
        """The device of a dry run is the CPU."""
        return "cpu" if self.dry else "cuda"

    @property
    def name(self) -> str:
        """The device's name, as it is written in the names of files."""
        if self.dry:
            return "cpu"
        import torch

        return re.sub(r"[^a-z0-9]+", "-", torch.cuda.get_device_name().lower()).strip("-")

    def file(self, stem: str, ending: str = "json") -> Path:
        """A file of the results."""
        return self.out / f"{stem}-{self.name}.{ending}"

    def netcost(self, *words: str, to: Path) -> dict[str, Any]:
        """Run a netcost command; return the JSON that it wrote to the file."""
        from netcost.cli.app import run

        said = StringIO()
        with redirect_stderr(said):
            code = run([*words, "--device", self.device, "--format", "json", "-q", "-o", str(to)])
        print(said.getvalue())
        if code:
            raise RuntimeError(said.getvalue().strip().rpartition("\n")[2])
        document: dict[str, Any] = json.loads(to.read_text(encoding="utf-8"))
        return document


def machine(place: Place) -> str:
    """Save the environment, and say which packages are missing."""
    from netcost.text.formats import json_text
    from netcost.timing.environment import read_environment

    found = read_environment(place.device)
    place.file("environment").write_text(json_text.render(found.to_dict()), encoding="utf-8")
    missing = ", ".join(package for package in PACKAGES if find_spec(package) is None)
    return f"{place.name}, torch {found.torch}, Python {found.python}; without {missing or 'nothing'}"


def compare(place: Place, *settings: str) -> str:
    """Compare GoogLeNet with MobileNet v2 in each setting, such as "fp16 channels_last compile"."""
    if place.dry and "cudagraph" in settings[0]:
        raise LeftOut("a CPU has no CUDA graphs")
    models = ("lenet5", "lenet5_1998") if place.dry else ("googlenet", "mobilenet_v2")
    budget, said, errors = f"{place.seconds / len(settings) / 2:.2f}", list[str](), list[str]()
    for setting in settings[:1] if place.dry else settings:
        options = [word for part in setting.split() for word in (OPTIONS.get(part, "--dtype"), part)]
        to = place.file("-".join(["compare", *models, *setting.split()]))
        try:
            document = place.netcost("compare", *models, *options, "--budget", budget, to=to)
        except RuntimeError as error:
            errors.append(f"{setting}: {error}")
            continue
        base, other = document["models"]
        said.append(f"{setting} {base['latency']['median_s'] * 1e3:.3g} ms, {other['ratio']['median']:.3g} x")
    if errors:
        raise RuntimeError("; ".join([*errors, *said]))
    return "; ".join(said)


def cuda_tests(place: Place) -> str:
    """Run the tests with the marker cuda, in the files that have it."""
    import hypothesis  # noqa: F401  # the tests need both: where one is missing, the step is left out
    import pytest  # noqa: F401

    where = "timing/test_g*.py" if place.dry else "*/test_*.py"
    files = [str(file) for file in sorted(TESTS.glob(where)) if "mark.cuda" in file.read_text("utf-8")]
    # Without the project's own options: they need pytest-xdist, and two processes would share the GPU.
    words = ["-m", "pytest", "-m", "cuda", "-o", "addopts=", "-p", "no:cacheprovider", "-q", "--durations=5", *files]
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parent)}
    done = subprocess.run(
        [sys.executable, *words], cwd=TESTS.parent, env=environment, capture_output=True, text=True, check=False
    )
    print(done.stdout, done.stderr)
    summary = (done.stdout.strip() or done.stderr.strip()).rpartition("\n")[2]
    if done.returncode:
        raise RuntimeError(summary)
    return summary


def device(place: Place) -> str:
    """Measure the peaks of the device."""
    from netcost.profiling.roofline import read_peaks
    from netcost.text import units
    from netcost.text.formats import result_text

    to = place.file("device")
    place.netcost("device", "--budget", f"{0.5 * place.seconds:.2f}", to=to)
    peaks = read_peaks(str(to))
    to.with_suffix(".md").write_text(result_text(peaks, "markdown"), encoding="utf-8")
    products = ", ".join(
        f"{product.dtype} {units.text(product.flops_per_s.best, 'flop_per_s')}" for product in peaks.products
    )
    return f"{products}, memory {units.text(peaks.bandwidths[-1].best, 'byte_per_s')}"


def guidelines(place: Place, *options: str) -> str:
    """Try the guidelines at x1, and add them to those that were tried before."""
    from netcost.guidelines.findings import verdict_counts
    from netcost.guidelines.saved import load

    to = place.file("guidelines")
    words = ["g4", "--quick"] if place.dry else ["g1", "g2", "g3", "g4", "--quick", *options]
    before = ["--from", str(to)] if to.exists() else []
    place.netcost("guidelines", *words, "--budget", f"{0.6 * place.seconds:.2f}", *before, to=to)
    findings = load(str(to)).findings
    counts = verdict_counts(list(findings.findings))
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def networks(place: Place) -> str:
    """Ask which count explains the latency of twelve networks, and in which order Table 8's are."""
    from netcost.guidelines.networks.overview import answer
    from netcost.guidelines.networks.table8 import TABLE_8
    from netcost.guidelines.options import Options
    from netcost.guidelines.overview import ShownFindings
    from netcost.guidelines.running import run
    from netcost.text.formats import result_text
    from netcost.timing import Timing

    names = ("lenet5",) if place.dry else (*TWELVE, *(row.name for row in TABLE_8))
    to, timing = place.file("guidelines-networks"), Timing(place.device, budget_s=0.5 * place.seconds)
    found = run(
        ["networks"],
        Options(timing, quick=True, networks=names),
        keep=lambda findings: to.write_text(result_text(ShownFindings(findings), "json"), encoding="utf-8"),
    )
    assert found.networks is not None
    return answer(found.networks)


def profiles(place: Place) -> str:
    """Profile networks of many and of few launches."""
    names = ("lenet5",) if place.dry else ("mobilenet_v2", "shufflenet_v2_x1_0", "resnet50")
    said = []
    for name in names:
        budget = f"{place.seconds / len(names) / 2:.2f}"
        document = place.netcost("profile", name, "--budget", budget, to=place.file(f"profile-{name}"))
        said.append(f"{name} {document['gap_s'] / document['total_s']:.0%} between operators")
    return ", ".join(said)


def clocks(place: Place) -> str:
    """Time a network that fills the GPU and one that does not, by the wall clock and by events."""
    import netcost

    said, results = [], {}
    for name, batch in (("lenet5", 1),) if place.dry else (("resnet50", 64), ("mobilenet_v2", 1)):
        model = netcost.build(name)
        inputs = (batch, 1, 32, 32) if place.dry else (batch, 3, 224, 224)
        result = netcost.measure(model, inputs, place.device, budget_s=place.seconds / 6)
        results[f"{name}, batch {batch}"] = result.to_dict()
        if result.device_median_s is not None:
            said.append(
                f"{name}: events {result.device_median_s / result.median_s:.1%} of {result.median_s * 1e3:.3g} ms"
            )
    place.file("clocks").write_text(json.dumps(results), encoding="utf-8")
    if not said:
        raise LeftOut("a CPU has no events")
    return ", ".join(said)


def training_memory(place: Place) -> str:
    """Compare the predicted peak memory of a training step with a real one's, for eight networks."""
    import torch

    import netcost
    from netcost.counting.training import StepCount

    said, results = [], {}
    step = netcost.TrainStep("momentum", device=place.device)
    for name in ("lenet5",) if place.dry else TRAINED:
        target = netcost.resolve(name).with_batch(2 if place.dry else 32)
        x = torch.zeros(target.required_inputs()[0].shape)
        graph = netcost.trace_step(target.build_weightless(), (x,), {}, step)
        predicted, model = StepCount.of(graph, step).peak.total, target.build()
        if place.dry:
            real = StepCount.of(netcost.trace_step(model, (x,), {}, step, concrete=True), step).peak.total
        else:
            real = _peak_on_gpu(model.train().cuda(), x.cuda(), step)
        results[name] = {"predicted_bytes": predicted, "measured_bytes": real}
        place.file("training-memory").write_text(json.dumps(results), encoding="utf-8")
        said.append(f"{name} {predicted / real:.3f}")
    return f"predicted / measured: {', '.join(said)}"


def _peak_on_gpu(model: Any, x: Any, step: Any) -> int:
    """Return the most memory that the allocator had given out during the second step (bytes)."""
    import torch

    optimizer = step.make_optimizer(list(model.parameters()))
    for _ in range(2):
        torch.cuda.reset_peak_memory_stats()
        loss = step.compute_loss(model(x))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        del loss
    torch.cuda.synchronize()
    return int(torch.cuda.max_memory_allocated())


def out_of_memory(place: Place) -> str:
    """Run one network that takes all memory, gibibyte by gibibyte, and one after it that must still run."""
    import torch
    from torch import nn

    from netcost.timing import Timing, measure_all

    class Greedy(nn.Module):
        """Takes as much as there is, and keeps it while it runs."""

        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            elements = 2**50 if place.dry else 2**28  # of 4 bytes; no CPU is to be filled
            return [x.new_zeros(elements) for _ in range(2**12)]

    call = ((torch.ones(8),), {})
    models = [("greedy", Greedy(), call), ("modest", nn.ReLU(), call)]
    greedy, modest = measure_all(models, Timing(place.device, budget_s=place.seconds / 4))
    if not isinstance(greedy, Exception) or "out of memory" not in str(greedy):
        raise RuntimeError(f"expected to run out of memory, got {greedy}")
    if isinstance(modest, Exception):
        raise RuntimeError(f"the network after it failed: {modest}")
    kept = 0 if place.dry else torch.cuda.memory_reserved()
    return f"{greedy}; the next network ran, with {kept / 2**20:.0f} MiB kept"


def verdicts(place: Place) -> str:
    """Compare 20 pairs of equal chains of convolutions, and 10 with one that is 10 % longer."""
    from torch import nn

    import netcost

    batch, width = (1, 8) if place.dry else (64, 64)

    def chain(links: int) -> nn.Module:
        """A chain whose true cost is its length."""
        link = (nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU()) for _ in range(links))
        return nn.Sequential(*link)

    cases = [("equal", 20)] * 20 + [("longer", 22)] * 10
    budget_s, counts = 0.8 * place.seconds / len(cases), {"equal": list[str](), "longer": list[str]()}
    with place.file("verdicts", "jsonl").open("w", encoding="utf-8") as file:
        for case, links in cases[19:21] if place.dry else cases:
            pair = [chain(20), chain(links)]
            result = netcost.compare(pair, place.device, inputs=(batch, width, 28, 28), budget_s=budget_s).to_dict()
            ratio = result["models"][1]["ratio"]
            file.write(json.dumps({"case": case, **ratio, "doubts": result["models"][1]["latency"]["doubts"]}) + "\n")
            file.flush()
            counts[case].append(ratio["verdict"])
    winners = sum(verdict != "cannot tell" for verdict in counts["equal"])
    slower = counts["longer"].count("slower")
    return f"{winners} winners of {len(counts['equal'])} equals; {slower} of {len(counts['longer'])} longer are slower"
