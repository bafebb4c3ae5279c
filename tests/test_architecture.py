"""The house, held by reading the imports: rooms on one line of stages, no circles, and a door for each dependency.

A room knows only the rooms left of it on the line; neighbours between the same arrows do not know each other. A new
idea goes into the room that fits; where none does, the line here is redrawn, on purpose.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx
import pytest

import netcost

PACKAGE = Path(netcost.__file__).parent
ROOT = PACKAGE.parent

LINE = """
text -> graph | zoo -> tracing -> targets -> counting -> timing -> profiling -> prediction
     -> checking | comparison | guidelines | linting -> search -> claims -> reports -> cli
"""

STAGES = {room: stage for stage, rooms in enumerate(LINE.split("->")) for room in re.findall(r"\w+", rooms)}

DOORS = {
    "torch": {
        "zoo",
        "tracing",
        "targets",
        "counting",
        "timing",
        "profiling",
        "prediction",
        "checking",
        "comparison",
        "guidelines",
        "linting",
        "claims",
    },
    "torchvision": {"targets"},
    "timm": {"targets"},
    "transformers": {"targets"},
    "diffusers": {"targets"},
    "huggingface_hub": {"targets"},
    "fvcore": {"counting"},
    "networkx": {"graph"},
    "numpy": {"timing", "prediction", "search"},
    "pandas": {"text", "counting", "profiling"},
    "rich": {"text", "cli"},
    "typer": {"cli"},
    "pytest": {"checking"},
    "altair": {"reports"},
    "vl_convert": {"reports"},
    "jinja2": {"reports"},
}
"""Which outside packages have doors, and the rooms they lead to."""

FACADE = {"__init__", "__main__"}


def python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, for the type checker alone too, with its line."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: relative import"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if file_of(inner) else node.module, node.lineno


def file_of(module: str) -> Path | None:
    """The file of a module of ours."""
    path = ROOT.joinpath(*module.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file() and file.is_relative_to(PACKAGE)), None)


def test_the_package_has_its_rooms_and_nothing_else() -> None:
    entries = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert entries == {"__init__.py", "__main__.py", "py.typed", *STAGES}


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_from_rooms_left_of_its_own(path: Path) -> None:
    room = room_of(path)
    if room in FACADE:
        return
    for module, line in imports(path):
        first, *others = module.split(".")
        if first != "netcost" or (others and others[0] == room):
            continue
        assert others, f"{path.name}:{line}: a room imports the facade"
        assert STAGES[others[0]] < STAGES[room], f"{path.name}:{line}: {room} imports {others[0]}"


def test_no_files_import_each_other_in_a_circle() -> None:
    drawn = networkx.DiGraph()
    for path in python_files():
        known = (file_of(module) for module, _ in imports(path))
        drawn.add_edges_from((path, other) for other in known if other is not None and other != path)
    circles = [sorted(str(file.relative_to(PACKAGE)) for file in circle) for circle in networkx.simple_cycles(drawn)]
    assert circles == []


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_an_outside_package_enters_by_its_door(path: Path) -> None:
    for module, line in imports(path):
        doors = DOORS.get(module.split(".")[0])
        if doors is not None:
            assert room_of(path) in doors, f"{path.name}:{line}: {module} may enter by {sorted(doors)}"


def test_the_architecture_check_sees_a_wrong_import(tmp_path: Path) -> None:
    file = tmp_path / "cost.py"
    file.write_text("from netcost import cli\nimport torch\nif TYPE_CHECKING:\n    import pandas\n")
    assert [module for module, _ in imports(file)] == ["netcost.cli", "torch", "pandas"]
    assert STAGES["cli"] > STAGES["graph"] == STAGES["zoo"] > STAGES["text"]


def test_no_identifier_is_a_bare_mac() -> None:
    ambiguous = {"mac", "macs"}
    for path in python_files():
        for node in ast.walk(parsed(path)):
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
    vague = {"utils", "util", "core", "common", "helpers", "misc", "manager"}
    assert not vague & {path.stem for path in python_files()}
    assert not vague & {path.parent.name for path in python_files()}


def definitions() -> Iterator[tuple[Path, ast.ClassDef | ast.FunctionDef]]:
    for path in python_files():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield path, node


def test_no_class_name_is_defined_twice() -> None:
    named = Counter(node.name for _, node in definitions() if isinstance(node, ast.ClassDef))
    assert [name for name, times in named.items() if times > 1] == []


def test_a_docstring_begins_with_a_verb_or_the_name_of_the_thing() -> None:
    documented = [(path, node.name, ast.get_docstring(node)) for path, node in definitions()]
    documented += [(path, "", ast.get_docstring(parsed(path))) for path in python_files()]
    questions = re.compile(r"(?:What|How|Whether|Where)\b")
    assert [f"{path.name}: {name}" for path, name, text in documented if text and questions.match(text)] == []


def test_a_function_outside_of_the_command_line_takes_at_most_twelve_parameters() -> None:
    for path, node in definitions():
        if isinstance(node, ast.FunctionDef) and room_of(path) != "cli":
            taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
            assert sum(parameter is not None for parameter in taken) <= 12, f"{path.name}: {node.name}"


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 160
