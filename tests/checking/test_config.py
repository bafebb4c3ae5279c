"""What `[tool.netcost]` says, and what it cannot mean: one line with the file and the key."""

from pathlib import Path

import pytest

from netcost.checking.config import LatencyRule, load
from netcost.text.errors import RequestError
from netcost.text.settings import LARGEST_FILE

NET = """
[tool.netcost]
baseline = "ci/cost.json"
tolerance = {memory_access = "1%"}
budget = {params = "<= 5M", unknown_ops = "== 0"}
depth = 2

[[tool.netcost.targets]]
name = "small"
model = "net.py:Net"
input = "1x3x32x32"
args = {width = 0.5, stages = [1, 2]}
budget = {params = "<= 1M"}
latency = {relative_to = "mobilenet_v2", max_ratio = 1.2}

[[tool.netcost.targets]]
model = "package.text:Encoder"
input = ["ids=1x128:int64", "mask=1x128:bool"]
depth = 0
train = true
concrete = true
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(text: str, name: str = "netcost.toml") -> str:
    Path(name).write_text(text)
    with pytest.raises(RequestError) as caught:
        load(name)
    said = str(caught.value)
    assert said.startswith(name)
    assert "\n" not in said
    return said


def test_a_project_says_what_it_guards(project: Path) -> None:
    (project / "pyproject.toml").write_text(NET)
    config = load()
    assert (config.folder, config.file, config.asked) == (project, "pyproject.toml", "")
    assert config.baseline == project / "ci" / "cost.json"
    small, encoder = config.guards
    assert small.subject.name == "small"
    assert small.subject.inputs == ("1x3x32x32",)
    assert small.subject.arguments == {"width": 0.5, "stages": [1, 2]}
    assert small.subject.depth == 2
    assert small.latency == LatencyRule("mobilenet_v2", 1.2)
    assert encoder.subject.name == "package.text:Encoder"
    assert encoder.subject.inputs == ("ids=1x128:int64", "mask=1x128:bool")
    assert (encoder.subject.depth, encoder.subject.train, encoder.subject.concrete) == (0, True, True)
    assert encoder.latency is None


def test_a_target_s_own_limits_stand_over_those_of_all(project: Path) -> None:
    (project / "pyproject.toml").write_text(NET)
    small, encoder = load().guards
    assert small.limits.budget["params"].bound == 10**6
    assert encoder.limits.budget["params"].bound == 5 * 10**6
    assert small.limits.budget["unknown_ops"] == encoder.limits.budget["unknown_ops"]
    assert small.limits.tolerance == encoder.limits.tolerance


def test_the_nearest_project_that_says_anything_is_found_from_a_folder_below(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").write_text(NET)
    (project / "part" / "deeper").mkdir(parents=True)
    (project / "part" / "pyproject.toml").write_text("[tool.other]\n")
    monkeypatch.chdir(project / "part" / "deeper")
    assert load().folder == project


def test_outside_of_the_repository_nothing_is_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "pyproject.toml").write_text(NET)
    (project / "repository" / ".git").mkdir(parents=True)
    monkeypatch.chdir(project / "repository")
    assert load().guards == ()


def test_a_file_of_its_own_needs_no_tool_table(project: Path) -> None:
    (project / "ci").mkdir()
    (project / "ci" / "netcost.toml").write_text('[[targets]]\nmodel = "lenet5"\n')
    config = load("ci/netcost.toml")
    assert config.file == config.asked == "ci/netcost.toml"
    assert config.baseline == project / "ci" / "netcost-baseline.json"
    assert not config.names_baseline
    assert config.guards[0].place == "ci/netcost.toml: $.targets[0]"


def test_a_pattern_of_the_zoo_is_one(project: Path) -> None:
    (project / "netcost.toml").write_text('[[targets]]\nmodel = "module:*"\n')
    assert load("netcost.toml").guards[0].subject.is_pattern


TARGET = '[[targets]]\nmodel = "lenet5"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("targets = [", "not TOML: "),
        ("a = 1\na = 2", "not TOML: "),
        ("[" * 5000, "not TOML: "),
        ("tagets = []", "tagets: unknown key; did you mean targets?"),
        ("colour = 1", "colour: unknown key; expected one of baseline, path, depth"),
        ("targets = 7", "$.targets: expected a list, found 7"),
        ('targets = ["lenet5"]', "$.targets[0]: expected a table, found 'lenet5'"),
        ("[[targets]]\n", "$.targets[0].model: expected text, found nothing"),
        ("[[targets]]\nmodel = 7", "$.targets[0].model: expected text, found 7"),
        ('[[targets]]\nmodel = ""', "$.targets[0].model: expected the name of a model, found ''"),
        (TARGET + 'name = ""', "$.targets[0].name: expected the name of a model, found ''"),
        (TARGET + 'modle = "x"', "targets[0].modle: unknown key; did you mean model?"),
        (
            TARGET + "input = [1, 3, 224, 224]",
            "$.targets[0].input: expected text like '1x3x224x224', or a list of such, found [1, 3, 224, 224]",
        ),
        (TARGET + "input = 7", "$.targets[0].input: expected text like '1x3x224x224', or a list of such, found 7"),
        (TARGET + "args = 7", "$.targets[0].args: expected a table, found 7"),
        (
            TARGET + "args = {day = 2026-01-01}",
            "$.targets[0].args.day: expected a number, text, true, false or a list of these, found datetime.date(2026",
        ),
        (
            TARGET + "args = {width = nan}",
            "$.targets[0].args.width: expected a number, text, true, false or a list of these, found nan",
        ),
        (TARGET + "train = 1", "$.targets[0].train: expected true or false, found 1"),
        (TARGET + "depth = -1", "$.targets[0].depth: expected a whole number of 0 or more, found -1"),
        (TARGET + "depth = true", "$.targets[0].depth: expected a whole number, found true"),
        (TARGET + 'budget = {parms = "<= 5M"}', "targets[0].budget.parms: unknown metric 'parms'; did you mean params"),
        (TARGET + 'budget = {params = "5M"}', "targets[0].budget.params: '5M' is not a budget"),
        (TARGET + 'budget = {"latency.rtx4090" = "<= 3"}', "budget.latency.rtx4090: '<= 3' is not a budget of latency"),
        (TARGET + 'budget.latency.rtx4090 = "== 3 ms"', "budget.latency.rtx4090: '== 3 ms' is not a budget of latency"),
        (TARGET + "budget.latency = 3", "budget.latency: expected a table, found 3"),
        ('tolerance = {params = "lots"}', "tolerance.params: 'lots' is not a quantity"),
        ("tolerance = 1", "$.tolerance: expected a table, found 1"),
        (TARGET + "latency = {}", "$.targets[0].latency.relative_to: expected text, found nothing"),
        (TARGET + 'latency = {relative_to = "x"}', "$.targets[0].latency.max_ratio: expected a number, found nothing"),
        (
            TARGET + 'latency = {relative_to = "x", max_ratio = 0}',
            "max_ratio: expected a ratio above 0, like 1.2, found 0",
        ),
        (
            TARGET + 'latency = {relative_to = "x", max_ratio = inf}',
            "max_ratio: expected a number of at most 1e+30, found inf",
        ),
        (TARGET + 'latency = {relative_to = "", max_ratio = 1}', "relative_to: expected the name of a model, found ''"),
        (
            TARGET + 'latency = {relative_too = "x", max_ratio = 1}',
            "relative_too: unknown key; did you mean relative_to",
        ),
        (TARGET + f'latency = {{relative_to = "x", max_ratio = {"9" * 400}}}', "expected a number"),
        (TARGET * 2, "$.targets[1].name: 'lenet5' is also the name of targets[0]; give it another `name`"),
        ('[[targets]]\nmodel = "vgg*"\nname = "x"', "$.targets[0].name: found 'x'; 'vgg*' is a pattern"),
        (
            'baseline = "../cost.json"',
            "$.baseline: expected a path inside the repository, relative to this file, found '../cost.json'",
        ),
        (
            'baseline = "/tmp/cost.json"',
            "$.baseline: expected a path inside the repository, relative to this file, found '/tmp/cost.json'",
        ),
        (TARGET + f"depth = 0x{'f' * 9999}", "$.targets[0].depth: expected a whole number of at most"),
        (f"depth = {'9' * 9999}", "not TOML: "),
        (TARGET + f"budget = {{params = 0x{'f' * 9999}}}", "budget.params: a huge number is not a budget"),
        ('baseline = ""', "$.baseline: expected a path inside the repository, relative to this file, found ''"),
        ('baseline = "a\\u0000b"', "$.baseline: expected a path (embedded null byte), found 'a\\x00b'"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(text: str, said: str) -> None:
    assert said in refusal(text)


def test_a_file_that_is_not_there_or_not_text_is_refused(project: Path) -> None:
    with pytest.raises(RequestError, match=r"nope\.toml cannot be read: No such file"):
        load("nope.toml")
    (project / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RequestError, match=r"bytes\.toml is damaged or not TOML"):
        load("bytes.toml")
    with (project / "huge.toml").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(RequestError, match="larger than 4 MiB"):
        load("huge.toml")


def test_a_project_that_says_nothing_to_netcost_is_refused_where_it_was_asked_for() -> None:
    assert "has no [tool.netcost]" in refusal("[tool.other]\n", "pyproject.toml")
    assert "$.tool: expected a table, found 7" in refusal("tool = 7\n", "pyproject.toml")


def test_a_link_out_of_the_repository_is_no_baseline(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "cost.json"
    outside.write_text("precious")
    (project / "cost.json").symlink_to(outside)
    assert "expected a path inside the repository" in refusal('baseline = "cost.json"')


def test_a_baseline_may_lie_elsewhere_in_the_repository(project: Path) -> None:
    (project / ".git").mkdir()
    (project / "ci").mkdir()
    (project / "ci" / "netcost.toml").write_text('baseline = "../reports/cost.json"\n')
    assert load("ci/netcost.toml").baseline.resolve() == project / "reports" / "cost.json"
