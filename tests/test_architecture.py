"""The floor plan of the house, held by reading the imports.

A module imports only from lower floors, and each outside package has its doors. A new idea goes into the room that
fits; where none does, the table here is redrawn, on purpose.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import netcost

PACKAGE = Path(netcost.__file__).parent
ROOT = PACKAGE.parent

FLOORS = {
    "errors": 0,
    "_version": 0,
    "privacy": 1,
    "registry": 1,
    "revision": 1,
    "units": 1,
    "cost": 2,
    "graph": 2,
    "stats": 2,
    "tables": 2,
    "setting": 2,
    "documents": 2,
    "doubts": 3,
    "conversion": 3,
    "gpu": 3,
    "entries": 3,
    "frames": 3,
    "limits": 3,
    "rules": 3,
    "structure": 3,
    "fusion": 3,
    "liveness": 3,
    "config": 4,
    "counting": 4,
    "placement": 4,
    "sampling": 4,
    "tracing": 4,
    "environment": 4,
    "breakdown": 5,
    "zoo": 5,
    "devices": 5,
    "measurement": 5,
    "figures": 6,
    "preparation": 6,
    "ratios": 6,
    "targets": 6,
    "snapshot": 6,
    "timing": 7,
    "analysis": 7,
    "subjects": 7,
    "baseline": 7,
    "regression": 7,
    "roofline": 7,
    "side_by_side": 8,
    "crosscheck": 8,
    "profiling": 8,
    "recount": 8,
    "workers": 8,
    "checking": 9,
    "comparison": 9,
    "batches": 10,
    "guidelines": 11,
    "claims": 12,
    "charts": 13,
    "pages": 14,
    "formats": 15,
    "saved": 16,
    "report": 17,
    "cli": 20,
    "pytest_plugin": 20,
}

DOORS = {
    "torch": {
        "analysis",
        "batches",
        "checking",
        "claims",
        "comparison",
        "conversion",
        "crosscheck",
        "devices",
        "environment",
        "gpu",
        "guidelines",
        "placement",
        "preparation",
        "profiling",
        "roofline",
        "subjects",
        "targets",
        "timing",
        "tracing",
        "workers",
        "zoo",
    },
    "torchvision": {"targets"},
    "timm": {"targets"},
    "fvcore": {"crosscheck"},
    "networkx": {"structure"},
    "numpy": {"stats"},
    "pandas": {"frames"},
    "rich": {"cli", "formats"},
    "typer": {"cli"},
    "pytest": {"pytest_plugin"},
    "altair": {"charts"},
    "vl_convert": {"charts"},
    "jinja2": {"formats"},
}

FACADE = {"__init__", "__main__"}


def python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, with its line; what only the type checker sees is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: relative import"
            assert node.module is not None
            if node.module == "netcost":
                yield from ((f"netcost.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(path) for path in python_files()} - FACADE
    assert rooms == set(FLOORS)


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_lower_floors(path: Path) -> None:
    room = room_of(path)
    if room in FACADE:
        return
    for module, line in imports(path):
        parts = module.split(".")
        if parts[0] != "netcost" or len(parts) == 1 or parts[1] == room:
            continue
        assert FLOORS[parts[1]] < FLOORS[room], f"{path.name}:{line}: {room} imports {parts[1]}"


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_an_outside_package_enters_by_its_door(path: Path) -> None:
    for module, line in imports(path):
        doors = DOORS.get(module.split(".")[0])
        if doors is not None:
            assert room_of(path) in doors, f"{path.name}:{line}: {module} may enter by {sorted(doors)}"


def test_the_architecture_check_sees_a_wrong_import(tmp_path: Path) -> None:
    file = tmp_path / "cost.py"
    file.write_text("from netcost import cli\nimport torch\nif TYPE_CHECKING:\n    import pandas\n")
    assert [module for module, _ in imports(file)] == ["netcost.cli", "torch"]
    assert FLOORS["cli"] > FLOORS["cost"]


def test_no_identifier_is_a_bare_mac() -> None:
    ambiguous = {"mac", "macs"}
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "arg", None)
            name = name or (node.name if isinstance(node, ast.FunctionDef | ast.ClassDef) else None)
            assert str(name).lower() not in ambiguous, f"{path.name}: {ast.unparse(node)}"


def test_no_file_names_a_folder_of_one_machine() -> None:
    machine_path = re.compile(r"(?<![\w./])/(?:home|root|work|Users)/\w")
    tracked = [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "examples").rglob("*.py")]
    for path in [*tracked, ROOT / "README.md", ROOT / "pyproject.toml"]:
        found = machine_path.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.name}: {found}"


def test_the_house_has_no_utils() -> None:
    vague = {"utils", "util", "core", "common", "helpers", "misc"}
    assert not vague & {path.stem for path in python_files()}
    assert not vague & {path.parent.name for path in python_files()}
