"""The payloads of Slack that the channel's tests run over: each can be read, and is explained."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest

FOLDER = Path(__file__).parent / "payloads"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in {".json", ".form"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_payload_can_be_read(path: Path) -> None:
    """It is JSON with a type, a form with such JSON in it, or the form of a command."""
    if path.suffix == ".json":
        assert json.loads(path.read_text("utf-8"))["type"]
        return
    form = parse_qs(path.read_text("utf-8"), strict_parsing=True)
    assert json.loads(form["payload"][0])["type"] if "payload" in form else "token" in form


def test_every_payload_is_explained() -> None:
    """The page in the folder says what each file is."""
    page = (FOLDER / "README.md").read_text("utf-8")
    assert [] == [path.name for path in FILES if f"| `{path.name}` |" not in page]
