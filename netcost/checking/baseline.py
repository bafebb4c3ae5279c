"""The baseline: one committed JSON file of snapshots, written so that a review shows what changed.

Keys are sorted, numbers are integers, and each module is one line. Every key is validated on reading, because the
file may come from a merge, an editor or a stranger's branch.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from operator import itemgetter, methodcaller
from pathlib import Path
from typing import Any

from netcost.checking.limits import FIGURES
from netcost.checking.snapshot import TOTALS, Module, Snapshot
from netcost.counting.breakdown import ADDITIVE
from netcost.text.documents import Source, shown
from netcost.text.errors import RequestError
from netcost.text.metrics import TRAIN_METRICS
from netcost.text.reading import Node, NonNegativeInt
from netcost.text.registry import suggestion
from netcost.text.tables import Column, Table, table_of

SCHEMA = 1
LARGEST_FILE = 64 * 2**20
"""Largest baseline (bytes): a thousand networks of a thousand modules."""
MODULE_LEVEL = 4
"""Nesting level that is written on one line: file, `targets`, target, `modules`, module."""
UPDATE = "netcost baseline update"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The content of the file."""

    targets: Mapping[str, Snapshot] = field(default_factory=dict)  # by name
    netcost: str = ""  # version that counted them
    torch: str = ""  # version that traced them


def render(baseline: Baseline) -> str:
    """Return the text of the file."""
    document = {
        "netcost": baseline.netcost,
        "schema": SCHEMA,
        "targets": {name: _plain(snapshot) for name, snapshot in baseline.targets.items()},
        "torch": baseline.torch,
    }
    return f"{_to_json(document, 0)}\n"


def read(path: Path, command: str = UPDATE) -> Baseline:
    """Read a baseline from a file.

    Args:
        command: writes the file; for messages.

    Raises:
        RequestError: the file is missing or is not a baseline; the message says where.
    """
    source = _source(f"baseline {shown(path)!r}", command)
    if path.exists() and not path.is_file():
        raise source.error(" is not a file")
    return _baseline(Node.of_file(path, source, LARGEST_FILE))


def parse(text: bytes, source: str, command: str = UPDATE) -> Baseline:
    """Read a baseline from UTF-8 text.

    Args:
        source: where the text comes from, for messages.
        command: writes the text; for messages.

    Raises:
        RequestError: the text is not a baseline; the message says where.
    """
    document = _source(source, command)
    return _baseline(Node(document.value(text), document))


def _source(name: str, command: str) -> Source:
    return Source(name, f"restore it, or write it: {command}")


def _plain(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "depth": snapshot.depth,
        "input": list(snapshot.inputs),
        "model": snapshot.model,
        "modules": {path: {"type": module.type, **module.figures} for path, module in snapshot.modules.items()},
        "operators": dict(snapshot.operators),
        "totals": dict(snapshot.totals),
        "unknown_ops": dict(snapshot.unknown_ops),
    }


def _to_json(value: Any, level: int) -> str:
    """Write JSON with sorted keys, one entry per line; a module's figures share one line."""
    if not isinstance(value, Mapping) or not value or level == MODULE_LEVEL:
        return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False)
    indent = "  " * level
    lines = (f"{indent}  {json.dumps(name)}: {_to_json(value[name], level + 1)}" for name in sorted(value))
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def _baseline(document: Node) -> Baseline:
    document.require_schema(SCHEMA)
    document.only(("netcost", "schema", "targets", "torch"))
    return Baseline(
        {name: _snapshot(node) for name, node in document["targets"].entries().items()},
        netcost=document["netcost"].read(str),
        torch=document["torch"].read(str),
    )


def _snapshot(node: Node) -> Snapshot:
    node.only(("depth", "input", "model", "modules", "operators", "totals", "unknown_ops"))
    node["totals"].only((*TOTALS, *TRAIN_METRICS))
    snapshot = Snapshot(
        model=node["model"].read(str),
        inputs=node["input"].read(tuple[str, ...]),
        totals=_figures(node["totals"], [*TOTALS, *(name for name in TRAIN_METRICS if name in node["totals"])]),
        modules={path: _module(module) for path, module in node["modules"].entries().items()},
        operators=node["operators"].read(dict[str, NonNegativeInt]),
        unknown_ops=node["unknown_ops"].read(dict[str, NonNegativeInt]),
        depth=node["depth"].read(NonNegativeInt | None),
    )
    _require_sums(node["totals"], snapshot)
    return snapshot


def _module(node: Node) -> Module:
    node.only([*ADDITIVE, "type"])
    return Module(node["type"].read(str), _figures(node, ADDITIVE))


def _figures(node: Node, names: Collection[str]) -> dict[str, int | None]:
    return {name: node[name].read(NonNegativeInt | None) for name in names}


def _require_sums(totals: Node, snapshot: Snapshot) -> None:
    """Refuse totals that differ from the sum of their modules: a later difference would name the wrong module."""
    for figure in ADDITIVE:
        parts = [module.figures[figure] for module in snapshot.modules.values()]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts) and snapshot.totals[figure] != sum(known):
            totals[figure].refuse(f"{sum(known)}, the sum over its modules")


def table(baseline: Baseline, patterns: Iterable[str] = ("*",)) -> Table:
    """Return a row per recorded target: its input and figures.

    Args:
        patterns: names of targets, or shell patterns.

    Raises:
        RequestError: no recorded target matches one of them.
    """
    chosen: dict[str, Snapshot] = {}
    for pattern in patterns:
        matches = {
            name: snapshot
            for name, snapshot in baseline.targets.items()
            if name == pattern or fnmatchcase(name, pattern)
        }
        if not matches and pattern != "*":
            raise RequestError(f"the baseline has no target {pattern!r}{suggestion(pattern, baseline.targets)}")
        chosen.update(matches)
    has_step = any(name in snapshot.totals for snapshot in chosen.values() for name in TRAIN_METRICS)
    shown_figures = [(name, column) for name, column in FIGURES.items() if has_step or name not in TRAIN_METRICS]
    columns = (
        Column("target", "Target", of=itemgetter(0)),
        Column("input", "Input", of=lambda target: ", ".join(target[1].inputs)),
        *(replace(column, of=methodcaller("figure", name)).through(itemgetter(1)) for name, column in shown_figures),
    )
    notes = [f"counted with netcost {baseline.netcost} and torch {baseline.torch}"]
    return table_of(columns, chosen.items(), notes=notes)
