"""Templates: what they cannot do, how mistakes in them are told, how an edit takes effect."""

from __future__ import annotations

import os
import re
import shutil
import tracemalloc
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from supportbot.errors import PromptError
from supportbot.messages import Contact
from supportbot.prompt import TemplateProblem, check_templates
from tests.prompts import BOT, make_turn, prompts, system_of, write_templates

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the two templates there must be."""
    quoting = "{% for p in passages %}{{ p.text | quoted }}\n{% endfor %}"
    return write_templates(tmp_path, system="You are {{ bot.name }}.", knowledge=quoting)


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    """Write templates into the folder: ``write(system="…", _part="…")``."""
    return partial(write_templates, folder)


def check(folder: Path, **bot: Any) -> list[tuple[str, int, str, str]]:
    found = check_templates(folder, "system", ["webhook"], {**BOT, **bot})
    return [(str(p.file.relative_to(folder)), p.line, p.problem, p.hint) for p in found]


# -- what a template cannot do -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "line", "problem"),
    [
        ("{{ a ", 1, "unexpected end of template, expected 'end of print statement'"),
        ("{% if %}{% endif %}", 1, "Expected an expression, got 'end of statement block'"),
        ("\n\n{% if bot %}", 3, "Unexpected end of template"),
        ("\n{% frob %}", 2, "Encountered unknown tag 'frob'"),
        ("\n{{ bot.name | uper }}", 2, "there is no filter 'uper'"),
        ("\n{{ bot.name is shiny }}", 2, "there is no test 'shiny'"),
        ("\n{{ custmer.name }}", 2, "there is no variable 'custmer'"),
        ("\n{{ bot.api_key }}", 2, "there is no key 'api_key'"),
        ("{% if false %}\n{{ contact.nam }}{% endif %}", 2, "there is no key 'nam'"),
        ("{% for p in passages %}\n{{ p.titel }}{% endfor %}", 2, "there is no key 'titel'"),
        ("{{ bot }}", 1, "a list or a mapping is no text"),
        ("{{ none }}", 1, "none is no text"),
        ("{% include '/etc/passwd' %}", 1, "there is no template '/etc/passwd'"),
        ("{% include '../secret.md.j2' %}", 1, "there is no template '../secret.md.j2'"),
        ("{% include 'system.md.j2' %}", 1, "it is nested too deeply"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", 1, "it is nested too deeply"),
        ("{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}", 1, "it is nested too deeply"),
        ("{{ 1 / 0 }}", 1, "division by zero"),
    ],
)
def test_mistakes_are_found_with_file_and_line(
    template: str, line: int, problem: str, write: Callable[..., Path]
) -> None:
    """Syntax, unknown names, endless inclusion: ``check`` says where, and a bot does not start with it."""
    folder = write(system=template)
    places = [(file, number, words.partition(". ")[0]) for file, number, words, _ in check(folder)]
    assert any(("system.md.j2", line) == place[:2] and place[2].startswith(problem) for place in places), (
        places
    )
    with pytest.raises(PromptError, match=re.escape(f"system.md.j2:{line}: ")):
        prompts(folder)


@pytest.mark.parametrize(
    "template",
    [
        "{{ bot.delete() }}",
        "{{ '{0.x}'.format(bot) }}",
        "{{ '%s'.__mod__(1) }}",
        "{{ bot.name.upper() }}",
        "{{ bot.facts.items() }}",
        "{{ bot.facts.clear() }}",
        "{{ lipsum(n=100000) }}",
        "{{ range(10) }}",
        "{{ dict(a=1) }}",
        "{{ cycler(1) }}",
        "{{ joiner() }}",
        "{% set n = namespace(a=1) %}",
        "{{ now() }}",
        "{{ random() }}",
        "{{ passages | random }}",
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ bot.__class__.__mro__ }}",
        "{{ bot | attr('keys') }}",
        "{{ passages | map(attribute='__class__') | join }}",
        "{{ self._TemplateReference__context }}",
        "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
        "{% call bot() %}{% endcall %}",
        "{% for c in bot.name %}{% endfor %}",
        "{{ bot.name is callable }}",
    ],
)
def test_nothing_can_be_called_or_reached(template: str, write: Callable[..., Path]) -> None:
    """No methods, no functions, no attributes of Python objects, no clock and no chance."""
    assert [] != check(write(system=template))


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * 2000000000 }}",
        "{{ [1] * 2000000000 }}",
        "{{ '%2000000000d' % 1 }}",
        "{{ '%2000000000d' | format(1) }}",
        "{{ 9 ** 999999999 }}",
        "{{ 'a' | center(2000000000) }}",
        "{{ big | replace('', big) }}",
        "{{ big | list | join(big) }}",
        "{% set a = 'aaaaaaaa' %}" + "{% set a = a ~ a %}" * 32 + "{{ a }}",
        "{% set a = 'aaaaaaaa' %}" + "{% set a = a + a %}" * 32 + "{{ a }}",
        "{% set a %}aaaaaaaa{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 32 + "{{ a }}",
        "{% macro m(s, n) %}{{ m(s ~ s, n - 1) if n }}{% endmacro %}{{ m('aaaa', 32) }}",
        "{% for a in big | list %}{{ big }}{% endfor %}",
        "{% set l = [1] %}" + "{% set l = [l, l] %}" * 32 + "{{ l | tojson }}",
    ],
)
def test_a_blow_up_is_stopped_before_it_takes_memory(template: str, write: Callable[..., Path]) -> None:
    """What would become gigabytes fails instead, having taken a few megabytes at most."""
    folder = write(system="{% set big = '" + "x" * 20_000 + "' %}" + template)
    tracemalloc.start()
    try:
        problems = check(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [] != problems
    assert peak < 32 * 1024 * 1024


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in l %}" * 8 + "{% endfor %}" * 8,
        "{% macro m(n) %}{% if n %}{% set a = m(n - 1) ~ m(n - 1) %}{% endif %}{% endmacro %}{{ m(40) }}",
    ],
)
def test_an_endless_template_is_stopped(template: str, write: Callable[..., Path]) -> None:
    """Loops that print nothing run out of time like any other, on the line where they stand."""
    folder = write(system="{% set l = 'abcdefghijklmnop' | list %}\n" + template)
    assert [("system.md.j2", 2, "it takes more than 250 ms", "look for a loop without end")] == check(folder)


def test_an_output_of_256_kib_is_the_most(write: Callable[..., Path]) -> None:
    """The limit counts bytes of UTF-8, and names the line."""
    fits = "{% for a in 'ab' | list %}{{ '" + "é" * 65_536 + "' }}{% endfor %}"
    assert [] == check(write(system=fits))
    problem = ("system.md.j2", 2, "it makes more than 256 KiB", "shorten what it prints")
    assert [problem] == check(write(system=fits + "\n{{ bot.name }}"))


def test_harmless_things_work(write: Callable[..., Path]) -> None:
    """Macros, imports, blocks, loops and filters do what Jinja's documentation says."""
    folder = write(
        _macros="{% macro greet(name) %}Hello {{ name }}{% endmacro %}",
        _base="[{% block body %}base{% endblock %}]",
        system=(
            "{% extends '_base.md.j2' %}{% import '_macros.md.j2' as m %}"
            "{% from '_macros.md.j2' import greet %}{% from '_macros.md.j2' import greet as hail %}"
            "{% block body %}{{ super() }} {{ greet(bot.name) }} {{ hail(1) }} {{ m.greet('Ada') | upper }} "
            "{% for k, v in bot.facts | items %}"
            "{{ loop.index }}/{{ loop.length }} {{ k }}: {{ v }} {% endfor %}"
            "{{ passages | map(attribute='title') | join('; ') }}{{ 7 // 2 + 2 * 3 - 1 }} "
            "{{ 'a' ~ 1 ~ 'b' }} "
            "{{ bot['name'][0:2] }} {{ bot.name | replace('R', 'r') }} {{ bot.facts.x | default('none') }}"
            "{% endblock %}"
        ),
    )
    assert [] == check(folder)
    assert "[base Hello Robin Hello 1 HELLO ADA 1/1 Opening hours: 9 to 17 8 a1b Ro robin none]" == system_of(
        folder
    )


def test_a_failure_on_one_turn_names_file_and_line(write: Callable[..., Path]) -> None:
    """What no sample showed fails that turn with a PromptError."""
    folder = write(system="\n{{ {'': 'stranger', 'Ada Lovelace': 'countess'}[contact.name] }}")
    turn = make_turn(contact=Contact(id="1", external_id="1", name="Eve"))
    with pytest.raises(PromptError, match=r"system\.md\.j2:2: there is no key 'Eve'"):
        prompts(folder).render(turn)


# -- files ---------------------------------------------------------------------------------------


def test_mistakes_in_included_files_are_named_there(write: Callable[..., Path]) -> None:
    """The file and line of a problem are those of the part, not of the template that includes it."""
    folder = write(system="{% include '_part.md.j2' %}", _part="fine\n{{ contact.nme }}")
    assert [("_part.md.j2", 2, "there is no key 'nme'", "did you mean 'name'?")] == check(folder)


def test_every_problem_is_reported_at_once(write: Callable[..., Path]) -> None:
    """Three broken files, three problems, in order; each once however many samples it fails on."""
    folder = write(system="{{ bott.name }}", knowledge="{% frob %}", other="{{ channel.nam }}")
    assert [
        ("knowledge.md.j2", 1, "Encountered unknown tag 'frob'", ""),
        ("other.md.j2", 1, "there is no key 'nam'", "did you mean 'name'?"),
        ("system.md.j2", 1, "there is no variable 'bott'", "did you mean 'bot'?"),
    ] == check(folder)


def test_a_missing_template_is_reported(folder: Path) -> None:
    """Both templates must be there, even if empty."""
    (folder / "system.md.j2").unlink()
    problem = "this template is missing"
    assert [("system.md.j2", 1, problem, "an empty file says nothing")] == check(folder)


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    """The folder itself is named, with the key of bot.yaml."""
    problems = check_templates(tmp_path / "nowhere", "system", [], {})
    assert tmp_path / "nowhere" in [problem.file for problem in problems]
    assert "check prompts.path in bot.yaml" in [problem.hint for problem in problems]


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (b"x" * (256 * 1024 + 1), 1, "it is larger than 256 KiB"),
        (b"one\ntwo\n\xff\xfe", 3, "it is not UTF-8"),
    ],
)
def test_a_file_that_is_no_template_is_reported(
    content: bytes, line: int, problem: str, folder: Path
) -> None:
    """A picture or a dump with the right name is refused before Jinja sees it."""
    (folder / "system.md.j2").write_bytes(content)
    assert [("system.md.j2", line, problem)] == [found[:3] for found in check(folder)]


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither a linked file nor a linked folder leads to what lies elsewhere."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "secret.md.j2").write_text("secret")
    (folder / "link.md.j2").symlink_to(elsewhere / "secret.md.j2")
    (folder / "more").symlink_to(elsewhere)
    (folder / "system.md.j2").write_text("{% include 'more/secret.md.j2' %}")
    assert [
        ("link.md.j2", 1, "it is a link out of the folder"),
        ("system.md.j2", 1, "there is no template 'more/secret.md.j2'"),
    ] == [found[:3] for found in check(folder)]


def test_parts_may_lie_in_folders(write: Callable[..., Path]) -> None:
    """A template is named by its path below the folder; hidden ones are not seen."""
    folder = write(system="{% include 'parts/_tone.md.j2' %}")
    (folder / "parts").mkdir()
    (folder / "parts" / "_tone.md.j2").write_text("Be kind.")
    (folder / ".hidden.md.j2").write_text("{{ broken")
    assert "Be kind." == system_of(folder)


def test_the_check_changes_nothing(folder: Path) -> None:
    """Looking for problems writes nothing."""
    before = sorted((path, path.stat().st_mtime_ns) for path in [folder, *folder.rglob("*")])
    check(folder)
    assert before == sorted((path, path.stat().st_mtime_ns) for path in [folder, *folder.rglob("*")])


def test_a_problem_tells_where_what_and_what_to_do(write: Callable[..., Path]) -> None:
    """The value that ``supportbot check`` prints."""
    folder = write(system="\n{{ bot.nme }}")
    assert [
        TemplateProblem(folder / "system.md.j2", 2, "there is no key 'nme'", "did you mean 'name'?")
    ] == check_templates(folder, "system", ["webhook"], BOT)


# -- versions ------------------------------------------------------------------------------------


def test_an_edit_takes_effect_with_the_next_turn(write: Callable[..., Path]) -> None:
    """Changed, added and replaced files are read again, without a restart."""
    folder = write()
    running = prompts(folder)
    seen = [running.render(make_turn()).words[0].content]
    write(system="Edited.")
    seen.append(running.render(make_turn()).words[0].content)
    write(system__webhook="Added.")
    seen.append(running.render(make_turn()).words[0].content)
    (folder / "new").write_text("Replaced.")
    (folder / "new").rename(folder / "system.webhook.md.j2")
    seen.append(running.render(make_turn()).words[0].content)
    assert ["You are Robin.", "Edited.", "Added.", "Replaced."] == seen


@pytest.mark.parametrize("broken", ["{{ oops", "{{ custmer.name }}", "{% include 'nowhere.md.j2' %}"])
def test_a_broken_edit_keeps_the_last_good_version(broken: str, write: Callable[..., Path]) -> None:
    """One error line, however many turns follow; mended, the new version is used."""
    folder = write()
    running = prompts(folder)
    good = running.render(make_turn())
    write(system=broken)
    with capture_logs() as lines:
        assert [good, good] == [running.render(make_turn()) for _ in range(2)]
    assert ["error"] == [line["log_level"] for line in lines]
    assert str(lines[0]["problem"]).startswith(f"{folder / 'system.md.j2'}:1: ")
    write(system="Mended.")
    assert "Mended." == running.render(make_turn()).words[0].content


def test_a_vanished_folder_keeps_the_last_good_version(folder: Path) -> None:
    """Whatever happens to the files, a running bot has words."""
    running = prompts(folder)
    good = running.render(make_turn())
    shutil.rmtree(folder)
    with capture_logs() as lines:
        assert [good, good] == [running.render(make_turn()) for _ in range(2)]
    assert 1 == len(lines)


def test_unchanged_files_are_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn looks at the files' times, not into them."""
    running = prompts(folder)
    monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("read again"))
    assert "You are Robin." == running.render(make_turn()).words[0].content


def test_the_hash_covers_every_template_that_took_part(write: Callable[..., Path]) -> None:
    """Included, extended and imported sources count; those that were not used do not."""
    folder = write(
        system="{% extends '_base.md.j2' %}{% block b %}{% include '_part.md.j2' %}{% endblock %}",
        knowledge="{% import '_macros.md.j2' as m %}{{ m.hi() }}",
        _base="{% block b %}{% endblock %}",
        _part="part",
        _macros="{% macro hi() %}hi{% endmacro %}",
        _unused="unused",
    )
    running = prompts(folder)
    hashes = [running.render(make_turn()).template_hash]
    for name in ("_base", "_part", "_macros", "knowledge", "_unused"):
        path = folder / f"{name}.md.j2"
        path.write_text(path.read_text() + " ")
        hashes.append(running.render(make_turn()).template_hash)
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in hashes)
    assert 5 == len(set(hashes))
    assert hashes[-2] == hashes[-1]


def test_the_hash_is_the_same_wherever_the_folder_lies(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two machines with the same files store the same hash; time and place do not count."""
    copy = shutil.copytree(folder, tmp_path_factory.mktemp("other") / "prompts")
    os.utime(copy / "system.md.j2", (1, 1))
    one, other = (prompts(place).render(make_turn()).template_hash for place in (folder, copy))
    assert one == other
