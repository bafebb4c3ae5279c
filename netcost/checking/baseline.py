"""The baseline: one committed JSON file of snapshots, whose difference can be read in review.

Keys are sorted, numbers are whole, a module is one line. What is read is checked to the last key, because a file may
come out of a merge, an editor or a stranger's branch.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from netcost.checking.limits import FIGURES
from netcost.checking.snapshot import TOTALS, Module, Snapshot
from netcost.counting.breakdown import ADDITIVE
from netcost.text.documents import Source, shown
from netcost.text.errors import RequestError
from netcost.text.names import suggestion
from netcost.text.reading import Node, NonNegativeInt
from netcost.text.tables import Column, Table, table_of

SCHEMA = 1
LARGEST_FILE = 64 * 2**20
"""Bytes that a baseline may have: a thousand networks of a thousand modules."""
MODULE_LEVEL = 4
"""How deep a module's figures stand: the file, `targets`, a target, its `modules`, a module."""
UPDATE = "netcost baseline update"

KEYS = ("netcost", "schema", "targets", "torch")
TARGET_KEYS = ("depth", "input", "model", "modules", "operators", "totals", "unknown_ops")


@dataclass(frozen=True, slots=True)
class Baseline:
    """The file's content.

    Args:
        targets: a snapshot each, by name.
        netcost: version that counted them.
        torch: version that they were traced with.
    """

    targets: Mapping[str, Snapshot] = field(default_factory=dict)
    netcost: str = ""
    torch: str = ""


def render(baseline: Baseline) -> str:
    """The text of the file."""
    document = {
        "netcost": baseline.netcost,
        "schema": SCHEMA,
        "targets": {name: _plain(snapshot) for name, snapshot in baseline.targets.items()},
        "torch": baseline.torch,
    }
    return f"{_written(document, 0)}\n"


def read(path: Path, command: str = UPDATE) -> Baseline:
    """The baseline in a file.

    Args:
        command: that writes it, for messages.

    Raises:
        RequestError: the file is not there, or it is no baseline; the message says where in it.
    """
    source = _source(f"baseline {shown(path)!r}", command)
    if path.exists() and not path.is_file():
        raise source.error(" is no file")
    return _baseline(Node.of_file(path, source, LARGEST_FILE))


def parse(text: bytes, source: str, command: str = UPDATE) -> Baseline:
    """The baseline that a text is.

    Args:
        text: UTF-8.
        source: where it comes from, for messages.
        command: that writes it, for messages.

    Raises:
        RequestError: it is none; the message says where.
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
        "modules": {path: {"type": each.type, **each.figures} for path, each in snapshot.modules.items()},
        "operators": dict(snapshot.operators),
        "totals": dict(snapshot.totals),
        "unknown_ops": dict(snapshot.unknown_ops),
    }


def _written(value: Any, level: int) -> str:
    """JSON with sorted keys: an entry a line, but a module's figures side by side."""
    if not isinstance(value, Mapping) or not value or level == MODULE_LEVEL:
        return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False)
    indent = "  " * level
    lines = (f"{indent}  {json.dumps(name)}: {_written(value[name], level + 1)}" for name in sorted(value))
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def _baseline(document: Node) -> Baseline:
    document.require_schema(SCHEMA)
    document.only(KEYS)
    return Baseline(
        {name: _snapshot(node) for name, node in document["targets"].entries().items()},
        netcost=document["netcost"].read(str),
        torch=document["torch"].read(str),
    )


def _snapshot(node: Node) -> Snapshot:
    node.only(TARGET_KEYS)
    snapshot = Snapshot(
        model=node["model"].read(str),
        inputs=node["input"].read(tuple[str, ...]),
        totals=_figures(node["totals"], TOTALS),
        modules={path: _module(module) for path, module in node["modules"].entries().items()},
        operators=node["operators"].read(dict[str, NonNegativeInt]),
        unknown_ops=node["unknown_ops"].read(dict[str, NonNegativeInt]),
        depth=node["depth"].read(NonNegativeInt | None),
    )
    _refuse_false_sums(node["totals"], snapshot)
    return snapshot


def _module(node: Node) -> Module:
    return Module(node["type"].read(str), _figures(node, ADDITIVE, ("type",)))


def _figures(node: Node, names: Collection[str], others: Collection[str] = ()) -> dict[str, int | None]:
    node.only([*names, *others])
    return {name: node[name].read(NonNegativeInt | None) for name in names}


def _refuse_false_sums(totals: Node, snapshot: Snapshot) -> None:
    """A merge or an editor may change a total and not its modules, and then a later difference names the wrong one."""
    for figure in ADDITIVE:
        parts = [module.figures[figure] for module in snapshot.modules.values()]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts) and snapshot.totals[figure] != sum(known):
            totals[figure].refuse(f"{sum(known)}, to which its modules add up")


def table(baseline: Baseline, patterns: Iterable[str] = ("*",)) -> Table:
    """A row a recorded target: its input and figures.

    Args:
        patterns: names of targets, or shell patterns of them.

    Raises:
        RequestError: nothing is recorded under one of them.
    """
    chosen: dict[str, Snapshot] = {}
    for pattern in patterns:
        found = {name: each for name, each in baseline.targets.items() if name == pattern or fnmatchcase(name, pattern)}
        if not found and pattern != "*":
            raise RequestError(f"the baseline has no {pattern!r}{suggestion(pattern, baseline.targets)}")
        chosen.update(found)
    columns = (
        Column("target", "Target", of=lambda target: target[0]),
        Column("input", "Input", of=lambda target: ", ".join(target[1].inputs)),
        *map(_recorded, FIGURES),
    )
    notes = [f"counted with netcost {baseline.netcost} and torch {baseline.torch}"]
    return table_of(columns, chosen.items(), notes=notes)


def _recorded(figure: str) -> Column:
    return replace(FIGURES[figure], of=lambda target: target[1].figure(figure))
