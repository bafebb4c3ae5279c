"""The baseline: one committed JSON file of snapshots, whose difference can be read in review.

Keys are sorted, numbers are whole, a module is one line. What is read is checked to the last key, because a file may
come out of a merge, an editor or a stranger's branch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NoReturn

from netcost.checking.limits import FIGURES
from netcost.checking.snapshot import TOTALS, Module, Snapshot
from netcost.counting.breakdown import ADDITIVE
from netcost.text.entries import EXPECTED, LARGEST, Entries, shortened, shown
from netcost.text.errors import RequestError
from netcost.text.names import suggestion
from netcost.text.tables import Column, Table, table_of

SCHEMA = 1
LARGEST_FILE = 64 * 2**20
"""Bytes that a baseline may have: a thousand networks of a thousand modules."""
DIGITS = len(str(LARGEST))
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
    name = shown(path)
    try:
        size = path.stat().st_size
        text = path.read_bytes() if size <= LARGEST_FILE and path.is_file() else None
    except OSError as error:
        raise RequestError(f"baseline {name!r} cannot be read: {error.strerror}; write it: {command}") from error
    if text is None:
        raise RequestError(f"baseline {name!r} is no file of at most {LARGEST_FILE:,} bytes; write it: {command}")
    return parse(text, f"baseline {name!r}", command)


def parse(text: bytes, source: str, command: str = UPDATE) -> Baseline:
    """The baseline that a text is.

    Args:
        text: UTF-8.
        source: where it comes from, for messages.
        command: that writes it, for messages.

    Raises:
        RequestError: it is none; the message says where.
    """
    remedy = f"restore it, or write it again: {command}"
    try:
        document = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_int=_whole,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
        if not isinstance(document, dict):
            raise ValueError(f"is {shortened(document)}; expected {EXPECTED[dict]}")
        return _baseline(Entries(source, document))
    except (ValueError, RecursionError) as error:  # of JSON, of UTF-8, and ours
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise RequestError(f"{source} is damaged: {said}; {remedy}") from error
    except RequestError as error:
        raise RequestError(f"{error}; {remedy}") from error


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


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shortened(key)} is there twice")
        found[key] = value
    return found


def _whole(digits: str) -> int:
    """A whole number, of no more digits than any figure has: Python takes seconds over a million of them."""
    if len(digits) > DIGITS or not 0 <= int(digits) <= LARGEST:
        raise ValueError(f"the number {shortened(digits)} is no figure; expected 0 to {LARGEST}")
    return int(digits)


def _refuse_number(written: str) -> NoReturn:
    raise ValueError(f"the number {shortened(written)} is no whole number")


def _baseline(entries: Entries) -> Baseline:
    schema = entries.get("schema", int)
    if schema != SCHEMA:
        remedy = "upgrade netcost" if schema > SCHEMA else "it is of an older netcost"
        raise entries.wrong("schema", f"is {schema}; this netcost reads {SCHEMA}: {remedy}")
    entries.only(KEYS)
    targets = entries.get("targets", dict)
    table = entries.table("targets")
    return Baseline(
        {name: _snapshot(table.subtable(name)) for name in targets},
        netcost=entries.get("netcost", str),
        torch=entries.get("torch", str),
    )


def _snapshot(entries: Entries) -> Snapshot:
    entries.only(TARGET_KEYS)
    modules = entries.subtable("modules")
    snapshot = Snapshot(
        model=entries.get("model", str),
        inputs=_texts(entries, "input"),
        totals=_figures(entries.subtable("totals"), TOTALS),
        modules={path: _module(modules.subtable(path)) for path in modules},
        operators=_counts(entries.subtable("operators")),
        unknown_ops=_counts(entries.subtable("unknown_ops")),
        depth=_optional(entries, "depth"),
    )
    _refuse_false_sums(entries, snapshot)
    return snapshot


def _module(entries: Entries) -> Module:
    figures = Entries(
        entries.source, {key: value for key, value in entries.values.items() if key != "type"}, entries.place
    )
    return Module(entries.get("type", str), _figures(figures, ADDITIVE))


def _figures(entries: Entries, names: Iterable[str]) -> dict[str, int | None]:
    names = tuple(names)
    entries.only(names)
    return {name: _optional(entries, name) for name in names}


def _optional(entries: Entries, key: str) -> int | None:
    """A whole number, or null."""
    return None if key in entries and entries.values[key] is None else entries.get(key, int)


def _counts(entries: Entries) -> dict[str, int]:
    return {name: entries.get(name, int) for name in entries}


def _texts(entries: Entries, key: str) -> tuple[str, ...]:
    texts = entries.get(key, list)
    if not all(isinstance(each, str) for each in texts):
        raise entries.wrong(key, f"is {shortened(texts)}; expected a list of text")
    return tuple(texts)


def _refuse_false_sums(entries: Entries, snapshot: Snapshot) -> None:
    """A merge or an editor may change a total and not its modules, and then a later difference names the wrong one."""
    for figure in ADDITIVE:
        parts = [module.figures[figure] for module in snapshot.modules.values()]
        if None not in parts and snapshot.totals[figure] != sum(part or 0 for part in parts):
            said = f"is {snapshot.totals[figure]}, and its modules add up to {sum(part or 0 for part in parts)}"
            raise entries.wrong(f"totals.{figure}", said)


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
