"""Which count explains latency where? Writes the facts that `netcost evidence` reads, from public tables of latencies.

The folder DATA holds `timm/benchmark-infer-*.csv` of huggingface/pytorch-image-models, `ncnn.csv` (the tables of
Tencent/ncnn's benchmark/README.md, with device, arguments, model and min_ms) and `ryujaehun.csv` (medians of
ryujaehun/pytorch-gpu-benchmark). Networks are counted once, which takes an hour on one core, and kept in CACHE: the
row tables of `prediction.py`, and what they lack.

    python tests/benchmarks/evidence.py DATA --cache CACHE
"""

import argparse
import csv
import io
import json
import lzma
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import prediction
import timm
import torch
import torchvision
from timm.utils import reparameterize_model
from torch import nn
from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

import netcost
from netcost.counting.operators import batch_of
from netcost.graph.fusion import fuse
from netcost.prediction.predicting import counted
from netcost.prediction.rows import Rows, Running, rows_of
from netcost.targets import resolve

FACTS = Path(netcost.__file__).parent / "prediction" / "data" / "evidence"
DIGITS = 4
"""Significant digits of a count or a time; measurements repeat to 1 % at best."""

SINGLE = {"eager": Running("eager", "traced"), "fused": Running("compiled", "traced")}

Facts = dict[str, Any]


def written(column: str, value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    digits = 2 if column.endswith(" constant") else DIGITS  # of weights: a hundredth of all bytes at most
    return np.format_float_positional(value, digits, unique=False, fractional=False, trim="-") if value else "0"


def write(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as compressed CSV, with every column that one of them has."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows([written(column, row.get(column)) for column in columns] for row in rows)
    FACTS.mkdir(parents=True, exist_ok=True)
    (FACTS / f"{name}.csv.xz").write_bytes(lzma.compress(text.getvalue().encode(), preset=9))


def moved(rows: Rows, way: str, batch: int | None = None) -> Facts:
    """Return the bytes per sample and per pass, and the kernels, of a row table; at a given batch, bytes alone."""
    times = rows["count"]
    sample, constant = (float((rows[field] * times).sum()) for field in ("sample_bytes", "constant_bytes"))
    parts = {"bytes": sample, "constant": constant} if batch is None else {"bytes": sample + constant / batch}
    return {f"{way} {name}": value for name, value in {**parts, "kernels": float(times.sum())}.items()}


def counted_facts(analysis: netcost.Analysis) -> Facts:
    """Return the facts of a network that was counted in single precision at the batch at which it was measured."""
    assert not analysis.unknown_ops
    batch, count = batch_of(analysis.graph), analysis.count
    facts = {"params": analysis.params, "mult_adds": analysis.mult_adds / batch}
    facts |= {"activations": analysis.activations / batch}
    for way, running in SINGLE.items():
        facts |= moved(rows_of(count, running), f"single {way}", batch)
    return facts


# timm ---------------------------------------------------------------------------------------------------------------

TABLE = re.compile(
    r"benchmark-infer-(?P<types>amp|fp32)-(?P<layout>nchw|nhwc)-pt(?P<torch>\d+)-(?:cu\d+|cpu)-(?P<device>\w+?)"
    r"(?P<compiled>-dynamo)?\.csv"
)
DEVICES = {"rtx3090": "RTX 3090", "rtx4090": "RTX 4090", "4090": "RTX 4090", "5090": "RTX 5090"}


def timm_settings(folder: Path) -> Iterator[tuple[Path, Facts]]:
    for path in sorted(folder.glob("benchmark-infer-*.csv")):
        parts = TABLE.fullmatch(path.name)
        assert parts, path
        version = "1.13" if parts["torch"] == "113" else ".".join(parts["torch"])
        is_cpu = parts["types"] == "fp32"
        layout = "channels last" if parts["layout"] == "nhwc" else "contiguous"
        mode = "compiled" if parts["compiled"] else "eager"
        yield (
            path,
            {
                "table": path.stem.removeprefix("benchmark-infer-"),
                "source": "timm",
                "device": "i9-10940X" if is_cpu else DEVICES[parts["device"]],
                "chip": "CPU" if is_cpu else "GPU",
                "setting": ", ".join([*([layout] if layout != "contiguous" else []), mode, f"torch {version}"]),
                "precision": "float" if is_cpu else "amp",
                "group": f"{'CPU, float' if is_cpu else 'GPUs, amp'}, {mode}",
                "work": "mult_adds",
                "eager": "single eager" if is_cpu else f"{parts['layout']} eager",
                "fused": "single fused" if is_cpu else "nchw fused",
                "runs": "fused" if mode == "compiled" else "eager",
                "repeats": "-".join([parts["types"], parts["layout"], parts["device"][-4:], mode]),
            },
        )


def lacking(name: str, size: int, variant: str, store: Path) -> Facts:
    """Return what the row tables of a network lack: activations, and an eager pass in single precision at batch 1."""

    def count() -> Facts:
        pretrained = timm.get_pretrained_cfg(name)
        sized = {} if pretrained is None or pretrained.input_size[-1] == size else {"img_size": size}
        target = resolve(f"timm:{name}", sized, (f"1x3x{size}x{size}",))
        try:
            target.build_weightless()
        except netcost.NetcostError:  # takes no size
            target = resolve(f"timm:{name}", {}, (f"1x3x{size}x{size}",))
        if variant:
            analysis = netcost.analyze(reparameterize_model(target.build()), (1, 3, size, size))
        else:
            analysis = counted(target, None, 1)[1]
        eager = moved(rows_of(analysis.count, SINGLE["eager"]), "single eager", 1)
        return {"activations": analysis.activations} | eager

    return kept(store / "lacking" / f"{name}-{size}{variant}.json", count)


def kept(path: Path, count: Callable[[], Facts]) -> Facts:
    """Return what was counted before, or count it and keep it."""
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(count()))
    facts: Facts = json.loads(path.read_text())
    return facts


def timm_networks(store: Path, wanted: set[tuple[str, int]]) -> Iterator[tuple[tuple[str, int], float, Facts]]:
    """Yield the key, the parameters and the facts of each variant of each network that was counted to the end."""
    for name, size in sorted(wanted):
        for variant in ("", "-reparameterized"):
            path = store / f"{name}-{size}{variant}.npz"
            if not path.exists():
                continue
            about, rows = prediction.kept(path)
            if about["unknown"]:
                continue
            facts = {"network": name + variant, "size": str(size), "family": about["family"]}
            facts |= {"params": about["params"], "mult_adds": about["mult_adds"]}
            rest = lacking(name, size, variant, store)
            facts |= {"activations": rest.pop("activations")}
            facts |= moved(rows["eager"], "nchw eager") | moved(rows["compiled"], "nchw fused")
            if "channels_last" in rows:
                facts |= moved(rows["channels_last"], "nhwc eager")
            if "processor" in rows:
                facts |= moved(rows["processor"], "single fused", 1) | rest
            yield (name, size), about["params"], facts


def timm_facts(folder: Path, store: Path) -> tuple[list[Facts], list[Facts]]:
    """Return a row per network with its counts and its rate in each table, and the settings."""
    tables = list(timm_settings(folder))
    listed = {}
    for path, setting in tables:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if float(row["infer_samples_per_sec"] or 0) > 0]
        listed[setting["table"]] = {prediction.network(row): row for row in reversed(rows)}
    variants: dict[tuple[str, int], list[tuple[float, Facts]]] = {}
    for key, params, facts in timm_networks(store, {key for rows in listed.values() for key in rows}):
        variants.setdefault(key, []).append((params, facts))
    for _, setting in tables:
        table, needed = setting["table"], f"{setting['eager']} bytes"
        for key, row in listed[table].items():
            stated = float(row["param_count"]) * 1e6
            fitting = [one for one in variants.get(key, []) if needed in one[1]]
            params, facts = min(fitting, key=lambda one: abs(one[0] - stated), default=(0, {}))
            if abs(params - stated) <= 0.03 * max(stated, 0.5e6):
                facts[f"rate {table}"] = float(row["infer_samples_per_sec"])
                facts[f"batch {table}"] = row["infer_batch_size"].removesuffix(".0")
    networks = [facts for ways in variants.values() for _, facts in ways if any(key[:5] == "rate " for key in facts)]
    return networks, [setting for _, setting in tables]


# ryujaehun ----------------------------------------------------------------------------------------------------------

BATCH = 12
STEP = netcost.TrainStep("none", loss="cross-entropy")
"""Its benchmark times the forward pass, the loss and the backward pass, without an optimizer."""


def torchvision_facts(path: Path, store: Path) -> tuple[list[Facts], list[Facts]]:
    tables: dict[tuple[str, ...], dict[str, dict[str, float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["gpus"] == "1":  # more of them time DataParallel
                runs = tables.setdefault((row["gpu"], row["dtype"], row["phase"]), {})
                runs.setdefault(row["file"], {})[row["model"]] = float(row["median_ms"])
    names = {name for runs in tables.values() for times in runs.values() for name in times}
    networks = {
        name: kept(store / "torchvision" / f"{name}.json", partial(torchvision_network, name)) for name in sorted(names)
    }
    settings = []
    for (gpu, precision, train), runs in tables.items():
        phase, device = train.replace("train", "training"), gpu.removeprefix("GeForce ").removesuffix("-SXM4-40GB")
        different = [times for index, times in enumerate(runs.values()) if times not in [*runs.values()][:index]]
        for run, times in enumerate(different, 1):
            numbered = f", run {run}" if len(different) > 1 else ""
            table = f"{device} {precision} {phase}{numbered}"
            settings.append(
                {
                    "table": table,
                    "source": "ryujaehun",
                    "device": device,
                    "chip": "GPU",
                    "setting": f"{precision}, {phase}{numbered}",
                    "precision": precision,
                    "group": f"GPUs, {precision}, {phase}",
                    "batch": str(BATCH),
                    "work": "training mult_adds" if train == "train" else "mult_adds",
                    "eager": "training eager" if train == "train" else "single eager",
                    "fused": "" if train == "train" else "single fused",
                    "runs": "eager",
                    "repeats": f"{device} {precision} {phase}",
                }
            )
            for name, ms in times.items():
                networks[name][f"rate {table}"] = 1000 * BATCH / ms
    return list(networks.values()), settings


def torchvision_network(name: str) -> Facts:
    module = torchvision.models.get_model(name, weights=None)
    family = type(module).__module__.rpartition(".")[2]
    image = (BATCH, 3, 224, 224)
    step = netcost.analyze(module, image, step=STEP).training
    facts = {"network": name, "size": "224", "family": family} | counted_facts(netcost.analyze(module.eval(), image))
    assert step is not None and not step.unknown_ops, name
    cost = step.total
    return facts | {
        "training mult_adds": cost.mult_adds / BATCH,
        "training eager bytes": cost.memory_access_bytes / BATCH,
        "training eager kernels": float(cost.kernels),
    }


# ncnn ---------------------------------------------------------------------------------------------------------------


def with_padded_classifier() -> nn.Module:
    """SqueezeNet 1.1, whose last convolution ncnn's file pads by 1."""
    module = torchvision.models.squeezenet1_1()
    module.classifier[1].padding = (1, 1)
    return module


def mobilenet_v3() -> nn.Module:
    """MobileNet v3 large with the blocks of ncnn's file: that of 160 channels begins earlier, at stride 1."""
    rows = """
        16 3 16 16 0 RE 1; 16 3 64 24 0 RE 2; 24 3 72 24 0 RE 1; 24 5 72 40 1 RE 2; 40 5 120 40 1 RE 1;
        40 5 120 40 1 RE 1; 40 3 240 80 0 HS 2; 80 3 200 80 0 HS 1; 80 3 184 80 0 HS 1; 80 3 184 80 0 HS 1;
        80 3 480 112 1 HS 1; 112 3 672 112 1 HS 1; 112 5 672 160 1 HS 1; 160 5 672 160 1 HS 2; 160 5 960 160 1 HS 1
    """
    blocks = []
    for row in rows.split(";"):
        narrow, kernel, wide, out, squeezes, activation, stride = row.split()
        sizes = (int(narrow), int(kernel), int(wide), int(out), squeezes == "1", activation, int(stride))
        blocks.append(InvertedResidualConfig(*sizes, 1, 1.0))
    return MobileNetV3(blocks, 1280)


class Bottleneck(nn.Sequential):
    """An inverted bottleneck of given widths, with a shortcut where it keeps its shape."""

    def __init__(self, before: int, wide: int, out: int, kernel: int, stride: int) -> None:
        depthwise = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        parts = [nn.Conv2d(before, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()] if wide != before else []
        parts += [depthwise, nn.BatchNorm2d(wide), nn.ReLU6(), nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out)]
        super().__init__(*parts)
        self.adds = stride == 1 and before == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + super().forward(x) if self.adds else super().forward(x)


def proxylessnasnet() -> nn.Module:
    """The network of ncnn's file of that name; rows: wide, out, kernel, stride of each block."""
    rows = """
        32 32 3 1; 48 32 5 2; 96 32 3 1; 96 40 7 2; 120 40 3 1; 120 40 5 1; 120 40 5 1; 240 80 7 2; 240 80 5 1;
        240 80 5 1; 240 80 5 1; 480 96 5 1; 288 96 5 1; 288 96 5 1; 288 96 5 1; 576 192 7 2; 1152 192 7 1; 576 192 7 1;
        576 192 7 1; 1152 320 7 1
    """
    parts: list[nn.Module] = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    before = 32
    for row in rows.split(";"):
        wide, out, kernel, stride = map(int, row.split())
        parts.append(Bottleneck(before, wide, out, kernel, stride))
        before = out
    head = [nn.Conv2d(before, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6(), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*parts, *head, nn.Flatten(), nn.Linear(1280, 1000))


def resnet18() -> nn.Module:
    """ResNet-18, whose first block has a projection in ncnn's file."""
    module = torchvision.models.resnet18()
    module.layer1[0].downsample = nn.Sequential(nn.Conv2d(64, 64, 1, bias=False), nn.BatchNorm2d(64))
    return module


def resnet50() -> nn.Module:
    """ResNet-50 with the stride in the 1x1 convolutions, as first published."""
    module = torchvision.models.resnet50()
    for block in (layer[0] for layer in (module.layer2, module.layer3, module.layer4)):
        block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
    return module


def zoo(name: str) -> nn.Module:
    return netcost.build(name)


NCNN = {
    "squeezenet": (227, "squeezenet", with_padded_classifier),
    "mobilenet": (224, "mobilenet", partial(zoo, "mobilenet_v1")),
    "mobilenet_v2": (224, "mobilenet", partial(zoo, "mobilenet_v2")),
    "mobilenet_v3": (224, "mobilenet", mobilenet_v3),
    "shufflenet": (224, "shufflenet", partial(zoo, "shufflenet_v1_g3_x1_0")),
    "shufflenet_v2": (224, "shufflenet", partial(zoo, "shufflenet_v2_x1_0")),
    "mnasnet": (224, "mnasnet", torchvision.models.mnasnet1_0),
    "proxylessnasnet": (224, "proxylessnasnet", proxylessnasnet),
    "efficientnet_b0": (224, "efficientnet", torchvision.models.efficientnet_b0),
    "efficientnetv2_b0": (224, "efficientnet", partial(timm.create_model, "tf_efficientnetv2_b0")),
    "regnety_400m": (224, "regnet", torchvision.models.regnet_y_400mf),
    "googlenet": (224, "googlenet", partial(zoo, "googlenet")),
    "resnet18": (224, "resnet", resnet18),
    "alexnet": (227, "alexnet", partial(zoo, "alexnet_2012")),
    "vgg16": (224, "vgg", partial(zoo, "vgg16")),
    "resnet50": (224, "resnet", resnet50),
    "vision_transformer": (384, "vision_transformer", partial(torchvision.models.vit_b_32, image_size=384)),
}
"""ncnn's classifiers by size, family and architecture, compared layer by layer with the files of its benchmark.

Left out: quantised networks, and detectors."""

CONTRADICTORY = (
    "Radxa Zero 3W",
    "Ingenic T40XP",
    "Sunway SW421",
    "Intel Celeron M 420",
    "AMD Radeon RX 6900 XT of Desktop",
    "NVIDIA GeForce RTX 3060 Ti of Desktop",
    "Intel(R) UHD Graphics 770 of Desktop",
    "PhytiumPi",
)
"""Devices whose arguments are those of the device before them, and cannot be their own: a graphics processor that the
machine lacks, a processor where a graphics card is named, or hundreds of threads on a few cores."""

FEWEST = 10
"""Networks below which a device says nothing."""


def ncnn_facts(path: Path) -> tuple[list[Facts], list[Facts]]:
    networks = {
        name: {"network": name, "size": str(size), "family": family} | ncnn_network(make(), size)
        for name, (size, family, make) in NCNN.items()
    }
    settings = []
    with path.open(newline="", encoding="utf-8") as file:
        blocks = list(ncnn_blocks(csv.DictReader(file)))
    repeats: dict[tuple[str, str], int] = {}
    for device, arguments, block in blocks:
        times = {name: ms for name, ms in block.items() if name in NCNN and ms > 0}
        if len(times) < FEWEST or device.startswith(CONTRADICTORY):
            continue
        repeats[device, arguments] = run = repeats.get((device, arguments), 0) + 1
        _, threads, powersave, *gpu = arguments.split()[:4]
        is_gpu = gpu not in ([], ["-1"])
        cores = {"1": ", little cores", "2": ", big cores"}.get(powersave, "")
        many = "all threads" if threads == "$(nproc)" else f"{threads} thread" + "s" * (threads != "1")
        where = f"Vulkan {gpu[0]}" if is_gpu else f"{many}{cores}"
        table = f"ncnn {len(settings) + 1}"
        settings.append(
            {
                "table": table,
                "source": "ncnn",
                "device": shortened(device),
                "chip": "GPU" if is_gpu else "CPU",
                "setting": where + (f", run {run}" if run > 1 else ""),
                "precision": "",
                "group": "ncnn GPUs" if is_gpu else "ncnn CPUs",
                "batch": "1",
                "work": "mult_adds",
                "eager": "single eager",
                "fused": "ncnn fused",
                "runs": "fused",
                "repeats": "",
            }
        )
        for name, ms in times.items():
            networks[name][f"rate {table}"] = 1000 / ms
    return list(networks.values()), settings


MAKERS = re.compile(
    r"^(n?NVIDIA|Qualcomm|Microsoft) |\b(SM|MSM|SDM)\w+(-\w+)?( Pro)? (?=Snapdragon)|[®™]", re.IGNORECASE
)


def shortened(device: str) -> str:
    """Return the name of a device without its maker and the list of its cores."""
    chip = re.search(r"\bM\d\b|i7-\w+", device) if device.startswith(("MacBook", "Hyper-V")) else None
    name = re.split(r"[(,\[]| Broadcom| of (?:Desktop|Notebook)| Instance| Linux", device)[0]
    parts = [MAKERS.sub("", name), chip[0] if chip else "", "overclocked" if "Overclock" in device else ""]
    return " ".join(" ".join(parts).split())


def ncnn_blocks(rows: Iterable[Mapping[str, str]]) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Yield each table of ncnn's README: device, arguments, and the shortest time of each network (ms)."""
    heading, block = ("", ""), {}
    for row in rows:
        here = (row["device"], row["arguments"])
        if block and (here != heading or row["model"] in block):
            yield *heading, block
            block = {}
        heading = here
        block[row["model"]] = float(row["min_ms"])
    if block:
        yield *heading, block


def ncnn_network(module: nn.Module, size: int) -> Facts:
    """Count a network as ncnn runs it: batch norms folded away, activation functions in the operators before them."""
    analysis = netcost.analyze(module.eval(), (1, 3, size, size))
    count = analysis.count
    access = [cost.memory_access_bytes for cost in count.costs]
    fused = fuse(count.graph, count.kinds, access, access)
    kernels = {group for group, cost in zip(fused.group, count.costs, strict=True) if cost.kernels}
    facts = {key: value for key, value in counted_facts(analysis).items() if "fused" not in key}
    return facts | {"ncnn fused bytes": sum(fused.access_bytes), "ncnn fused kernels": len(kernels)}


# the whole ----------------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the public tables")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the counts of the networks")
    options = parser.parse_args(arguments)
    makers = {
        "timm": lambda: timm_facts(options.data / "timm", options.cache),
        "ryujaehun": lambda: torchvision_facts(options.data / "ryujaehun.csv", options.cache),
        "ncnn": lambda: ncnn_facts(options.data / "ncnn.csv"),
    }
    settings = []
    for name, make in makers.items():
        networks, found = make()
        write(name, networks)
        settings += found
        print(f"{name}: {len(networks)} networks, {len(found)} tables", flush=True)
    write("settings", settings)
    sizes = {path.name: path.stat().st_size for path in sorted(FACTS.iterdir())}
    print(*(f"{size:9,} {name}" for name, size in sizes.items()), f"{sum(sizes.values()):9,} bytes", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
