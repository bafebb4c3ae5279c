"""JSON Schemas of all outputs: made of the golden outputs and of a run of each other command, which validate.

After a change that is meant, write `netcost/text/schemas.json` anew with NETCOST_RENEW_GOLDEN=1.
"""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from commands import refused
from golden_files import GOLDEN

import netcost
from netcost.cli.app import run

SAVED = Path(netcost.__file__).parent / "text" / "schemas.json"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
CASES = "list show compare profile device guidelines claims baseline-show check explain".split()
LIVE = {
    "predict": ["resnet50 --on rtx4090", "resnet50 --on rtx4090 --batch 1"],
    "lint": ["alexnet"],
    "choose": ["--on rtx4090 --family resnet"],
    "evidence": ["--table rtx3090"],
}
"""Runs of commands without a golden output, which time nothing."""

NAMES = {str: "string", bool: "boolean", type(None): "null"}


def schema_of(values: Sequence[Any], depth: int = 0) -> dict[str, Any]:
    """A schema that all values have; what was only ever null may be anything."""
    objects = [value for value in values if isinstance(value, dict)]
    arrays = [entry for value in values if isinstance(value, list) for entry in value]
    kinds = {NAMES.get(type(value), "number") for value in values if not isinstance(value, dict | list)}
    kinds |= {"object"} if objects else set()
    kinds |= {"array"} if any(isinstance(value, list) for value in values) else set()
    if kinds <= {"null"}:
        return {}
    made: dict[str, Any] = {"type": sorted(kinds) if len(kinds) > 1 else kinds.pop()}
    keys = list(dict.fromkeys(key for value in objects for key in value))
    if keys and all(re.fullmatch("[a-z0-9_]+", key) for key in keys):
        inner = {key: [value[key] for value in objects if key in value] for key in keys}
        made["properties"] = {key: schema_of(inner[key], depth + 1) for key in keys}
        if depth == 0:
            made["required"] = [key for key in keys if len(inner[key]) == len(objects)]
    elif keys:
        made["additionalProperties"] = schema_of([entry for value in objects for entry in value.values()], depth + 1)
    return made | ({"items": schema_of(arrays, depth + 1)} if arrays else {})


def golden(case: str) -> list[Any]:
    paths = sorted(GOLDEN.glob(f"commands/{case}.json")) + sorted(GOLDEN.glob(f"commands/{case}-*.json"))
    return [json.JSONDecoder().raw_decode(path.read_text())[0] for path in paths]


def outputs(command: str, capsys: pytest.CaptureFixture[str]) -> list[Any]:
    found = golden(command)
    for line in LIVE.get(command, ()):
        assert run([command, *line.split(), "--format", "json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    return found


@pytest.mark.parametrize("command", [*CASES, *LIVE])
def test_every_output_validates_against_the_schema_of_its_command(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = outputs(command, capsys)
    assert found
    if os.environ.get("NETCOST_RENEW_GOLDEN") == "1":
        known = json.loads(SAVED.read_text()) if SAVED.exists() else {}
        known[command] = {"$schema": DRAFT, "title": f"netcost {command} --format json", **schema_of(found)}
        SAVED.write_text(json.dumps(known, sort_keys=True) + "\n")
    assert run(["schema", command]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    for document in found:
        jsonschema.validate(document, schema)
    wrong = {key: value for key, value in found[0].items() if key != schema["required"][0]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)


def test_an_unknown_command_has_no_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean compare" in refused(capsys, ["schema", "compar"])
