"""A section ``model`` from a file of its own: it counts instead of bot.yaml's, and is checked like it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from supportbot.config import check
from supportbot.config.model_file import read_model_file

if TYPE_CHECKING:
    from supportbot.config import Report

BOT = "model: [{model: hosted, base_url: https://models.example/v1, api_key: '${NOT_SET}'}]\n"
LOCAL = """\
model:
  - model: local
    base_url: ${URL}
    api_key: ${KEY}
"""
ENVIRON = {"URL": "http://127.0.0.1:1234/v1", "KEY": "a-key"}


def _check(root: Path, models: str, bot: str = BOT) -> Report:
    for folder in ("knowledge", "prompts"):
        (root / folder).mkdir()
    (root / "knowledge" / "hours.md").write_text("We open at nine.", "utf-8")
    for template in ("system", "knowledge"):
        (root / "prompts" / f"{template}.md.j2").write_text("Words.\n", "utf-8")
    (root / "bot.yaml").write_text(bot, "utf-8")
    (root / "models.yaml").write_text(models, "utf-8")
    return check(root / "bot.yaml", ENVIRON, model_file=root / "models.yaml")


def _problems(report: Report, root: Path) -> list[str]:
    return [str(problem).removeprefix(f"{root}/") for problem in report.problems]


def test_it_counts_instead_of_what_bot_yaml_says(tmp_path: Path) -> None:
    """The entries are those of the file; what bot.yaml's own would need from outside is not asked for."""
    report = _check(tmp_path, LOCAL)
    assert [] == _problems(report, tmp_path)
    (model,) = report.sound().config.model
    assert ("local", ENVIRON["URL"]) == (model.model, model.base_url)
    assert model.api_key is not None
    assert ENVIRON["KEY"] == model.api_key.get_secret_value()


def test_its_problems_stand_at_their_lines_beside_those_of_bot_yaml(tmp_path: Path) -> None:
    """One run names everything that has to change, in both files."""
    report = _check(tmp_path, LOCAL.replace("${URL}", "${URL}/chat/completions"), "bot: {nmae: Fern}\n")
    first, second = _problems(report, tmp_path)
    assert first.startswith("bot.yaml:1:7: ")
    assert (
        "models.yaml:3:15: model[0].base_url (from ${URL}) names one call of the endpoint: "
        "leave out what follows /v1" == second
    )
    assert report.loaded is None


def test_its_warnings_are_given(tmp_path: Path) -> None:
    """What is unwise in bot.yaml is unwise here too."""
    report = _check(tmp_path, LOCAL.replace("${URL}", "http://models.example/v1").replace("${KEY}", "k"))
    assert report.loaded is not None
    assert {"api_key", "base_url"} == {warning.what.split()[0][9:] for warning in report.warnings}


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("model: []\n", "models.yaml:1:1: model has no entry: "),
        ("{}\n", "models.yaml:1:1: model has no entry: "),
        ("model: [\n", "models.yaml:2:1: "),
        ("# nothing\n", "models.yaml:1:1: the file is empty"),
        (LOCAL + "bot: {}\n", "models.yaml:5:1: bot does not belong into a file of models: "),
        (LOCAL.replace("${KEY}", "${NOT_SET}"), "models.yaml:4:14: model[0].api_key needs ${NOT_SET}"),
    ],
    ids=["no entry", "no section", "no YAML", "empty", "another section", "not set"],
)
def test_what_is_no_section_of_models_is_said(tmp_path: Path, models: str, said: str) -> None:
    """A file that cannot be used keeps the bot from starting, at the line where it is wrong."""
    report = _check(tmp_path, models, "{}\n")
    assert report.loaded is None
    (problem,) = _problems(report, tmp_path)
    assert problem.startswith(said)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A wrong name is a problem of the file, not a crash."""
    _check(tmp_path, LOCAL)
    report = check(tmp_path / "bot.yaml", ENVIRON, model_file=tmp_path / "gone.yaml")
    assert report.loaded is None
    assert ["gone.yaml:1:1: there is no such file: name one that is there, or go to its folder"] == _problems(
        report, tmp_path
    )


def _documented() -> list[str]:
    page = (Path(__file__).parent.parent / "docs" / "models.md").read_text("utf-8")
    return re.findall(r"^```yaml\n(model:\n.*?)^```", page, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("models", _documented(), ids=lambda text: re.findall(r"model: (\S+)", text)[0])
def test_the_pages_examples_are_such_files(tmp_path: Path, models: str) -> None:
    """What docs/models.md shows for each endpoint can be saved and named."""
    path = tmp_path / "models.yaml"
    path.write_text(models, "utf-8")
    read = read_model_file(path, dict.fromkeys(re.findall(r"\$\{(\w+)\}", models), "a-key"))
    assert ((), ()) == (read.problems, read.warnings)
    assert 1 == len(read.models)


def test_the_page_shows_every_endpoint_it_speaks_of() -> None:
    """Three servers of one's own, three hosts, and the Llama API's example."""
    assert len(_documented()) >= 7


def test_the_local_models_file_is_one() -> None:
    """What scripts/_local_model names is in order, given what it exports."""
    path = Path(__file__).parent.parent / "scripts" / "local-model.yaml"
    read = read_model_file(path, {"LOCAL_MODEL_URL": "http://127.0.0.1:1/v1", "LOCAL_MODEL_KEY": "a-key"})
    assert ((), ()) == (read.problems, read.warnings)
    assert ["SmolLM2-135M-Instruct"] == [model.model for model in read.models]
