"""The built files are the build of the source, and small."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

WIDGET = Path(__file__).parents[2] / "channels/supportbot_webhook/widget"
DIST = WIDGET / "dist"


@pytest.fixture
def tools() -> Path:
    """The folder of the programs that build."""
    if shutil.which("node") is None or not (WIDGET / "node_modules").is_dir():
        pytest.skip(
            "needs Node 20: apt-get install nodejs npm, then npm ci in channels/supportbot_webhook/widget"
        )
    return WIDGET / "node_modules/.bin"


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_committed_files_are_the_build_of_the_source(tools: Path, tmp_path: Path) -> None:
    """Building again gives the same bytes: nothing was changed by hand, nothing was forgotten."""
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=WIDGET, check=True)
    built, committed = _files(tmp_path), _files(DIST)
    assert sorted(built) == sorted(committed)
    assert [] == [name for name in built if built[name] != committed[name]]


def test_the_source_has_no_type_error(tools: Path) -> None:
    """TypeScript, as strict as it can be, has nothing to say."""
    checked = subprocess.run(
        [tools / "tsc", "--noEmit"], cwd=WIDGET, capture_output=True, text=True, check=False
    )
    assert "" == checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("files", "most"), [(["widget.js"], 3_000), (["chat.js", "chat.css"], 30_000), (["late.js"], 3_000)]
)
def test_it_is_small(files: list[str], most: int) -> None:
    """The loader has at most 3 kB, the chat with its style 30 kB, compressed as they travel; and what comes
    later is little."""
    assert sum(len(gzip.compress((DIST / name).read_bytes(), 9)) for name in files) <= most


_TOKENS = """
import { build } from "esbuild";
import { readFileSync, writeFileSync } from "node:fs";
import { lexerOnly } from "./marked.mjs";
const [, , folder, ...files] = process.argv;
const bundle = async (name, more) => {
  const entry = { contents: 'export { Lexer } from "marked"', resolveDir: "." };
  await build({ stdin: entry, bundle: true, format: "esm", minify: true, outfile: `${folder}/${name}.mjs`, ...more });
  return (await import(`${folder}/${name}.mjs`)).Lexer;
};
const all = await bundle("all", {});
const ours = await bundle("ours", lexerOnly("node_modules/marked/lib/marked.esm.js"));
const used = ["type", "raw", "text", "href", "tokens", "items", "header", "rows", "align", "ordered", "start", "task", "checked"];
const seen = (lexer, text) => JSON.stringify(new lexer({ gfm: true, breaks: true }).lex(text), (key, value) =>
  key === "" || /^\\d+$/.test(key) || used.includes(key) ? value : undefined);
const blocks = files.flatMap((file) => readFileSync(file, "utf8").split(/^(?=#)/m));
const differing = blocks.filter((text) => seen(all, text) !== seen(ours, text));
console.log(JSON.stringify({ count: blocks.length, differing }));
"""
_TRICKY = """# Heading ##
a **b *c* d** _e_ __f__ ~~g~~ `h` ***i*** 5*3*2 snake_case_name **"A"**bb
# Setext
Title
=====

Sub
---
# Links
[a](https://x.example "t") ![b](https://x.example/b.png) <https://x.example> www.x.example me@x.example [r][1] [1] [n](<a b>)

[1]: https://x.example "title"
# Lists
1. a
2. b
   - c
     > d
   - [x] e
   - [ ] f

     g
* h
+ i
# Tables
| a | b |
|:--|--:|
| 1 \\| 2 | `x` |
| 3 |
# Code
    indented

```js
x < 1 && y
```
~~~
tilde
~~~
# Entities and inline tags
&copy; &#169; &#xA9; &amp; a<br>b <b>c</b> \\*not\\* line
break  \nhard
# Rules
***
- - -
> quote
lazy
"""


def test_the_parser_reads_as_marked_does(tools: Path, tmp_path: Path) -> None:
    """What was left out of marked is not missed: the same tokens, of all that is written in docs and knowledge."""
    assert tools
    (tmp_path / "tricky.md").write_text(_TRICKY, "utf-8")
    root = WIDGET.parents[2]
    files = [tmp_path / "tricky.md", *sorted(root.glob("docs/*.md")), *sorted(root.glob("knowledge/*.md"))]
    run = subprocess.run(
        ["node", "--input-type=module", "-", tmp_path, *files],
        cwd=WIDGET,
        input=_TOKENS,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(run.stdout)
    assert [] == found["differing"]
    assert found["count"] > 200


def test_every_language_has_every_text() -> None:
    """Twelve languages say the same: no key is missing, none is left over, and what is filled in is."""
    texts = {path.stem: json.loads(path.read_text("utf-8")) for path in (DIST / "texts").iterdir()}
    assert 12 == len(texts)
    english = texts["en"]
    for language, words in texts.items():
        assert list(english) == list(words), language
        for key, text in words.items():
            assert text.strip(), (language, key)
            assert english[key].count("{") == text.count("{"), (language, key)


def test_every_text_is_used() -> None:
    """No text is translated twelve times for nothing."""
    source = "".join(path.read_text("utf-8") for path in (WIDGET / "src").rglob("*.ts*"))
    elsewhere = {"launcher_open", "launcher_close", "launcher_unread", "frame_title", "noscript", "greeting"}
    keys = json.loads((DIST / "texts/en.json").read_text("utf-8"))
    unused = [key for key in keys if f'"{key}"' not in source and key not in elsewhere]
    assert [] == unused


def test_no_html_is_ever_made_from_a_text() -> None:
    """Neither the source nor what it is built of writes HTML: the parser's tokens become elements."""
    built = (DIST / "chat.js").read_text("utf-8") + (DIST / "widget.js").read_text("utf-8")
    for word in (
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "outerHTML",
        "createContextualFragment",
    ):
        assert word not in built, word
    source = "".join(path.read_text("utf-8") for path in (WIDGET / "src").rglob("*.ts*"))
    assert "innerHTML" not in source
    assert "dangerouslySetInnerHTML" not in source
