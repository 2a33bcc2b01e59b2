"""Values in bot.yaml that are refused, or warned of: secrets, addresses, guards, caps."""

# ruff: noqa: E501  # the lines people read are whole here

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supportbot.config.fields import MIN_SECRET
from tests.bot_folder import BotFolder
from tests.fax import TOKEN, install_fax

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bot(tmp_path: Path) -> BotFolder:
    return BotFolder(tmp_path)


@pytest.fixture(autouse=True)
def _fax_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    install_fax(monkeypatch)


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("a" * (MIN_SECRET - 1), "is shorter than 16 characters, which can be guessed"),
        ("changeme-changeme-changeme", "is still a placeholder"),
        ("CHANGE_ME_CHANGE_ME", "is still a placeholder"),
        ("your-secret-goes-here", "is still a placeholder"),
        ("abababababababababab", "has too few different characters, which can be guessed"),
    ],
)
def test_weak_secrets_are_refused(bot: BotFolder, secret: str, problem: str) -> None:
    """A token that could be guessed is no token; the message does not show it (Y17)."""
    (found,) = bot.problems("server: {admin_token: '${ADMIN}'}", {"ADMIN": secret})
    expected = f"server.admin_token (from ${{ADMIN}}) {problem}: make one with: openssl rand -hex 32"
    assert f"bot.yaml:1:23: {expected}" == found


@pytest.mark.parametrize("key", ["two words", "tab\\there", "line\\nbreak", "caf\\u00e9", ""])
def test_keys_that_fit_no_header_are_refused(bot: BotFolder, key: str) -> None:
    """A model's key may be short, and must be one that can be sent."""
    (found,) = bot.problems(f'model: [{{model: m, base_url: http://localhost/v1, api_key: "{key}"}}]')
    assert found.startswith("bot.yaml:1:60: model[0].api_key ")


def test_a_short_key_for_a_local_server_is_fine(bot: BotFolder) -> None:
    """Local model servers take any key."""
    content = "model: [{model: m, base_url: http://localhost/v1, api_key: '${K}'}]"
    assert [] == bot.warnings(content, {"K": "x"})


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://a/v1", "localhost:11434/v1", "https://", "https:///v1", "http://[::1", "//a/v1",
        "http://a:99999/v1", "https://user:pw@a/v1", "https://a/v1?key=1", "https://a/v1#x", "https://a b/v1",
        "https://a/v1/chat/completions", "javascript:alert(1)", "http://a:0/v1",
    ],
)  # fmt: skip
def test_base_urls_that_are_refused(bot: BotFolder, url: str) -> None:
    """Only an http or https address, without user, query or a call of its own, is an endpoint (Y28)."""
    found = bot.problems(f"model: [{{model: m, base_url: '{url}'}}]")
    assert ["bot.yaml:1:30: model[0].base_url"] == [" ".join(line.split()[:2]) for line in found]


@pytest.mark.parametrize(
    ("host", "warned"),
    [
        ("localhost", False), ("127.0.0.1", False), ("[::1]", False), ("10.1.2.3", False), ("192.168.0.9", False),
        ("ollama", False), ("gpu.internal", False), ("box.local", False), ("api.example.com", True), ("8.8.8.8", True),
        ("[2606:4700::1]", True),
    ],
)  # fmt: skip
def test_plain_http_to_strangers_is_warned_of(bot: BotFolder, host: str, warned: bool) -> None:
    """``http://`` is for one's own machine and network; elsewhere everybody on the way reads along (Y28)."""
    warning = (
        "bot.yaml:1:30: model[0].base_url sends customers' words and the key unencrypted to another machine: "
        "use https://"
    )
    found = bot.warnings(f"model: [{{model: m, base_url: 'http://{host}/v1'}}]")
    assert ([warning] if warned else []) == found


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            "spending: {currency: euro}",
            "currency does not have the form it must have: it holds: What the prices are in: three letters",
        ),
        ("triage: {topics: {Returns!: sending back}}", "is not a name that works: use a-z, 0-9, - and _"),
    ],
)
def test_no_pattern_is_shown(bot: BotFolder, content: str, says: str) -> None:
    """Whoever writes bot.yaml reads words, not the expressions of whoever wrote the program."""
    (problem,) = bot.problems(content)
    assert says in problem
    assert "pattern" not in problem


_ONE = "model: [{name: m-a, model: m, base_url: 'https://a.example.com/v1'}]\n"


@pytest.mark.parametrize("name", ["m-a", "knowledge"])
def test_a_guard_has_a_name_of_its_own(bot: BotFolder, name: str) -> None:
    """Else its failures would be shown as a model's."""
    guard = f"{{name: {name}, model: g, base_url: 'https://b.example.com/v1'}}"
    (problem,) = bot.problems(f"{_ONE}moderation: {{guard: {guard}, input: {{}}}}")
    assert f"moderation.guard.name is '{name}'" in problem
    assert [] == bot.problems(f"{_ONE}moderation: {{guard: {guard.replace(name, 'other')}, input: {{}}}}")


def test_a_model_called_as_the_guard_is_without_a_name_is_refused(bot: BotFolder) -> None:
    """Its name is moderation then."""
    guard = "{model: g, base_url: 'https://b.example.com/v1'}"
    models = _ONE.replace("m-a", "moderation")
    (problem,) = bot.problems(f"{models}moderation: {{guard: {guard}, input: {{}}}}")
    assert "moderation.guard.name is 'moderation'" in problem


def test_a_guard_that_judges_nothing_or_in_the_open_is_warned_of(bot: BotFolder) -> None:
    """Both work, and neither is what somebody wants."""
    idle = bot.warnings("moderation: {guard: {model: g, base_url: 'http://b.example.com/v1'}}")
    assert ["moderation.guard judges nothing", "moderation.guard.base_url sends customers' words"] == [
        line.split(": ", 1)[1].split(": ")[0].split(" and the key")[0] for line in idle
    ]
    assert [] == bot.warnings("moderation: {guard: {model: g, base_url: 'http://10.0.0.1/v1'}, output: {}}")


def test_a_cap_of_money_without_a_price_is_warned_of(bot: BotFolder) -> None:
    """It can never be reached."""
    spending = "spending: {day: {cost: 5}}\n"
    assert ["spending.day.cost is never reached"] == [
        line.split(": ")[1] for line in bot.warnings(_ONE + spending)
    ]
    priced = _ONE.replace("model: m,", "model: m, price: {input: 1, output: 2},")
    assert [] == bot.warnings(priced + spending)
    assert [] == bot.warnings(_ONE + "spending: {day: {tokens: 5000}}\n")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_token(bot: BotFolder, host: str) -> None:
    """Listening on this machine alone is safe without a token."""
    assert [] == bot.problems(f"server: {{host: '{host}'}}")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "bot.example.com", "localhost.example.com"])
def test_listening_outside_needs_a_token(bot: BotFolder, host: str) -> None:
    """What others can reach is refused without a token, and fine with one (Y19)."""
    assert "server.admin_token is missing" in bot.problems(f"server: {{host: '{host}'}}")[0]
    assert [] == bot.problems(f"server: {{host: '{host}', admin_token: '${{T}}'}}", {"T": TOKEN})


def test_a_secret_in_the_file_is_warned_of(bot: BotFolder) -> None:
    """A secret belongs into the environment; the warning does not repeat it."""
    content = (
        f"server:\n  admin_token: {TOKEN}\nchannels:\n  f: {{type: fax, number: '1', token: xoxb-{TOKEN}}}\n"
    )
    assert [
        "bot.yaml:2:16: server.admin_token is a secret written into the file: give it as ${NAME}",
        "bot.yaml:4:38: channels.f.token is a secret written into the file: give it as ${NAME}",
    ] == bot.warnings(content)


def test_an_unknown_type_from_outside_is_not_shown(bot: BotFolder) -> None:
    """What a variable holds is not repeated, whichever key it stands at."""
    found = bot.problems("channels: {f: {type: '${T}'}}\nlog: {level: '${T}'}", {"T": TOKEN})
    assert TOKEN not in "\n".join(found)
    assert "bot.yaml:1:22: channels.f.type (from ${T}) names a kind, which is not installed" in found[0]
    assert "bot.yaml:2:14: log.level (from ${T}) is none of the values it may have" in found[1]


_SUPPORT = "support: {type: email, address: a@b.example, imap: {host: localhost}, password: x}"


@pytest.mark.parametrize(
    ("mailbox", "others", "problems"),
    [
        ("support", f", {_SUPPORT}", []),
        ("suport", f", {_SUPPORT}", ["names no channel: name one that can: support"]),
        ("support", "", ["names no channel: add one of type: email"]),
        ("web", f", {_SUPPORT}", ["names a channel that cannot write first: name one that can: support"]),
    ],
)
def test_a_follow_up_names_a_mailbox(bot: BotFolder, mailbox: str, others: str, problems: list[str]) -> None:
    """It must be there, and be able to write to somebody who never wrote to it."""
    found = bot.problems(f"channels: {{web: {{type: webhook, follow_up: {{mailbox: {mailbox}}}}}{others}}}")
    where = "bot.yaml:1:54: channels.web.follow_up.mailbox"
    assert [f"{where} {problem}" for problem in problems] == found
