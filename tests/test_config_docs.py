"""What is written about bot.yaml: its page, its schema, the shipped file."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from ruamel.yaml import YAML

from supportbot import config
from supportbot.channel import load_channel
from supportbot.config.models import Config
from tests.bot_folder import BotFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "bot-yaml.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
KINDS = sorted(PROJECT["entry-points"]["supportbot.channels"])


def _rows(text: str) -> dict[str, str]:
    """Return the second column of the page's tables by the key in the first."""
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]*?) \|", text, re.MULTILINE))


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key of a model as the page writes it, with its default; ``...`` where it has none."""
    for name, field in model.model_fields.items():
        types = list(_types(field.annotation))
        parts = [t for t in types if isinstance(t, type) and issubclass(t, BaseModel)]
        many = "[]" if tuple in map(get_origin, types) else ""
        if name == "channels":
            continue
        if not parts or isinstance(field.default, BaseModel):
            yield f"{prefix}{name}", field.default if not field.is_required() else ...
        for part in parts:  # those of a value that is replaced as a whole stand on the page once
            below = f"{prefix}…." if isinstance(field.default, BaseModel) else f"{prefix}{name}{many}."
            yield from _keys(part, below)


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _types(part)


def _section(kind: str) -> str:
    return PAGE.partition(f"#### `type: {kind}`")[2].partition("\n#### ")[0]


@pytest.mark.parametrize(("key", "default"), list(_keys(Config)))
def test_every_key_is_on_the_page_with_its_default(key: str, default: Any) -> None:
    """No key of bot.yaml is missing from docs/bot-yaml.md, and a default written there is the real one."""
    column = _rows(PAGE)[key]
    written = re.fullmatch(r"`(.*)`", column)
    if default is ...:
        assert column == "required"
    elif written:
        shown = json.dumps(default) if isinstance(default, (int, float)) else str(default)
        assert shown == written[1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_a_shipped_channel_is_on_the_page(kind: str) -> None:
    """A channel's own keys stand in the page's section about its type."""
    keys = {key for key, _ in _keys(load_channel(kind).Config)} - {"type"}
    assert keys == set(_rows(_section(kind)))


def test_the_page_names_no_key_that_is_not_there() -> None:
    """A key that was renamed or removed does not live on in the page."""
    before_channels = PAGE.partition("### `channels`")[0].partition("## Keys")[2]
    texts = re.findall(r"^\| `(texts\.[a-z]+)` \|", before_channels, re.MULTILINE)
    assert {key for key, _ in _keys(Config)} == set(_rows(before_channels)) | set(texts)


def test_the_committed_schema_is_the_program_s() -> None:
    """bot.schema.json is what ``supportbot schema > bot.schema.json`` writes."""
    committed = json.loads((ROOT / "bot.schema.json").read_text("utf-8"))
    assert config.schema(KINDS) == committed


def test_the_schema_is_valid_and_fits_the_shipped_file() -> None:
    """An editor can use the schema, and finds nothing wrong with the demo bot."""
    schema = config.schema(KINDS)
    Draft202012Validator.check_schema(schema)
    shipped = YAML(typ="safe", pure=True).load((ROOT / "bot.yaml").read_text("utf-8"))
    assert [] == list(Draft202012Validator(schema).iter_errors(shipped))


@pytest.mark.parametrize(
    ("document", "fits"),
    [
        ({"server": {"port": "${PORT}"}}, True),
        ({"server": {"port": "8080"}}, False),
        ({"log": {"level": "${LEVEL}"}}, True),
        ({"log": {"level": "loud"}}, False),
        ({"chanels": {}}, False),
        ({"channels": {"web": {"type": "webhook", "callback_timeout": "${T}"}}}, True),
        ({"channels": {"web": {"type": "webhook", "callback_timeot": 1}}}, False),
        ({"channels": {"web": {"type": "fax"}}}, False),
        ({"channels": {"Web": {"type": "webhook"}}}, False),
    ],
)
def test_the_schema_says_what_check_says(document: dict[str, Any], fits: bool) -> None:
    """What an editor accepts and refuses is what the program does, ``${NAME}`` in number fields included."""
    assert fits is Draft202012Validator(config.schema(KINDS)).is_valid(document)


def test_the_shipped_bot_has_no_problems() -> None:
    """The repository's own bot.yaml runs as it is, with no key and no variable set."""
    report = config.check(ROOT / "bot.yaml", {})
    assert ((), ()) == (report.problems, report.warnings)


@pytest.fixture
def bot(tmp_path: Path) -> BotFolder:
    return BotFolder(tmp_path)


def test_the_first_example_of_the_page_has_no_problems(bot: BotFolder) -> None:
    """The file that docs/bot-yaml.md begins with can be copied."""
    example = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
    assert [] == bot.problems(example, {"LLAMA_API_KEY": "LLM|123|abc"})


def test_the_messages_on_the_page_are_the_program_s(bot: BotFolder) -> None:
    """The file full of mistakes on the page makes the messages shown below it, and no others."""
    found = re.search(
        r"```yaml\n(bot:\n[^`]*)```[^`]*`supportbot check`[^`]*```text\n(.*?)```", PAGE, re.DOTALL
    )
    assert found
    content, messages = found.groups()
    assert messages.splitlines() == bot.problems(content)
