"""bot.yaml as a whole: what ``load`` gives, what ``check`` finds (rows Y02 and Y16 to Y28)."""

# ruff: noqa: E501  # the lines people read are whole here

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from supportbot import channel, config
from supportbot.channel import Capabilities, ChannelConfig
from supportbot.config.fields import MIN_SECRET
from supportbot.errors import ChannelDependencyMissing, ConfigError
from tests.bot_folder import BotFolder

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "Zq8vT3wLr5nXp2KsB7"


class Site(BaseModel):
    """A part of the fax channel's section."""

    token: SecretStr
    folder: Path = Path("site")


class FaxConfig(ChannelConfig):
    """What a stranger's channel might want to know."""

    number: str = ""
    token: SecretStr | None = None
    pages: int = Field(10, ge=1)
    folder: Path = Path("faxes")
    site: Site | None = None
    sites: dict[str, Site] = Field(default_factory=dict)
    either: int | str = 0
    trouble: str = ""

    @field_validator("token")
    @classmethod
    def _bot_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith("xoxb-"):
            raise ValueError(f"must begin with xoxb-, not {value.get_secret_value()}: copy the bot's token")
        return value

    @model_validator(mode="after")
    def _needs_number(self) -> FaxConfig:
        if self.trouble:
            raise {"bug": KeyError(TOKEN), "section": ValueError(f"nothing fits {self.trouble}")}[
                self.trouble
            ]
        if self.token and not self.number:
            raise ValueError("number is missing: a token alone dials nobody")
        return self


class Fax:
    """A channel by a stranger."""

    Config: ClassVar[type[ChannelConfig]] = FaxConfig
    capabilities: ClassVar[Capabilities] = Capabilities()


@pytest.fixture
def bot(tmp_path: Path) -> BotFolder:
    return BotFolder(tmp_path)


@pytest.fixture(autouse=True)
def _fax_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install channels that are only here, beside those that come with the project."""
    load = channel.load_channel

    def load_channel(name: str) -> Any:
        special: dict[str, Callable[[], Any]] = {
            "fax": lambda: Fax,
            "bare": lambda: _raise(ChannelDependencyMissing(name="bare", module="bare_sdk")),
            "broken": lambda: _raise(RuntimeError(TOKEN)),
        }
        return special.get(name, lambda: load(name))()

    monkeypatch.setattr(channel, "load_channel", load_channel)
    monkeypatch.setattr(channel, "known_channels", lambda: ["bare", "broken", "fax", "terminal", "webhook"])


def _raise(error: Exception) -> None:
    raise error


def test_load_gives_the_whole_configuration(bot: BotFolder) -> None:
    """``load`` resolves every relative path against the file and reads each channel by its own Config (Y22)."""
    loaded = bot.load(
        """\
bot: {name: Fern}
channels:
  web: {type: webhook}
  office: {type: fax, number: "12", site: {token: '${T}'}}
""",
        {"T": TOKEN},
    )
    assert (bot.file, bot.root) == (loaded.path, loaded.root)
    assert "Fern" == loaded.config.bot.name
    assert (bot.root / "knowledge", bot.root / "prompts") == (
        loaded.config.knowledge.path,
        loaded.config.prompts.path,
    )
    assert f"sqlite:///{bot.root}/data/bot.db" == loaded.database == loaded.config.database
    assert ["web", "office"] == list(loaded.channels)
    office = loaded.channels["office"]
    assert isinstance(office, FaxConfig)
    assert office.site
    assert (bot.root / "faxes", bot.root / "site") == (office.folder, office.site.folder)
    assert loaded.config.channels == loaded.channels


def test_paths_do_not_depend_on_where_the_program_starts(
    bot: BotFolder, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another folder, and with a relative name of the file, everything is found where it is (Y22)."""
    bot.file.write_text("database: sqlite:///bot.db\n", "utf-8")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert f"sqlite:///{bot.root}/bot.db" == config.load(bot.file, {}).database
    monkeypatch.chdir(bot.root / "prompts")
    loaded = config.load(Path("../bot.yaml"), {})
    assert (f"sqlite:///{bot.root}/bot.db", bot.root) == (loaded.database, loaded.root)


def test_the_environment_of_the_process_is_the_default(
    bot: BotFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an ``environ`` of its own, ``load`` reads the process's."""
    monkeypatch.setenv("SUPPORTBOT_TEST_NAME", "Fern")
    bot.file.write_text("bot: {name: '${SUPPORTBOT_TEST_NAME}'}\n", "utf-8")
    assert "Fern" == config.load(bot.file).config.bot.name


def test_load_raises_all_problems_at_once(bot: BotFolder) -> None:
    """The error's message is every problem, one a line."""
    with pytest.raises(ConfigError) as caught:
        bot.load("chanels: {}\nlog: {level: loud}\n")
    assert (
        f"{bot.file}:1:1: chanels is not a known key: did you mean 'channels'?\n"
        f"{bot.file}:2:14: log.level cannot be 'loud': write 'debug', 'info', 'warning' or 'error'"
    ) == str(caught.value)


def test_secrets_are_in_no_representation(bot: BotFolder) -> None:
    """Neither repr nor str of what was loaded holds a secret, a database's password or an extra field."""
    loaded = bot.load(
        """\
database: postgresql+psycopg://bot:${T}@db/bot
server: {admin_token: "${T}"}
model: [{model: m, base_url: https://m.example/v1, api_key: "${T}", extra: {key: "${T}"}}]
channels:
  office: {type: fax, token: "xoxb-${T}", number: "1", sites: {a: {token: "${T}"}}}
""",
        {"T": TOKEN},
    )
    assert TOKEN not in f"{loaded!r} {loaded} {loaded.config!r} {loaded.config.model} {loaded.channels}"


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        # Y02: unknown keys
        ("chanels: {}", ["1:1: chanels is not a known key: did you mean 'channels'?"]),
        ("log: {levle: info}", ["1:7: log.levle is not a known key: did you mean 'level'?"]),
        ("log: {colour: x}", ["1:7: log.colour is not a known key: known here: level, format"]),
        ("model: [{modle: x, base_url: http://localhost}]", [
            "1:9: model[0].model is missing: add it (The model's id, as the endpoint names it)",
            "1:10: model[0].modle is not a known key: did you mean 'model'?",
        ]),
        # kinds of values
        ("log:", ["1:1: log is empty and must be a mapping: write its keys below it, indented, or leave the key out"]),
        ("log: []", ["1:1: log must be a mapping, not a list: write its keys below it, indented"]),
        ("model: {model: x}", ["1:1: model must be a list, not a mapping: write one entry a line, each after '- '"]),
        ("bot: {name: }", ["1:7: bot.name is empty and must be text: write text, or leave the key out"]),
        ("bot: {name: [a]}", ["1:7: bot.name must be text, not a list: write text"]),
        ("bot: {name: ''}", ["1:13: bot.name is empty: write something, or leave the key out"]),
        ("bot: {language: a b}", [
            "1:17: bot.language is not a language tag: write one as in BCP 47, such as en or pt-BR",
        ]),
        ("texts: {failed: ' '}", [
            "1:17: texts.failed is empty: write what the customer is to read, or leave the key out",
        ]),
        ("server: {port: 1.5}", ["1:16: server.port must be a whole number: write a whole number"]),
        ("server: {port: '80'}", ["1:16: server.port must be a whole number, and is text: leave the quotes out"]),
        ("server: {port: 70000}", ["1:16: server.port is too large: the most is 65535"]),
        ("turns: {lease: 0}", ["1:16: turns.lease is too small: the least is 1.0"]),
        ("server: {trusted_proxies: ['10.0.0.0/8', '10.0.0.1/8']}", [
            "1:42: server.trusted_proxies[1] is not a network: write one such as 10.0.0.0/8, or a single address",
        ]),
        ("model: [{dialect: lama, model: x, base_url: http://localhost}]", [
            "1:19: model[0].dialect cannot be 'lama': did you mean 'llama'?",
        ]),
        # contradictions
        ("model: [{model: x}]", [
            "1:9: model[0].base_url is missing: the openai dialect needs it, such as http://localhost:11434/v1",
        ]),
        ("model: [{dialect: llama, model: x}]", [
            "1:9: model[0].api_key is missing: Meta's Llama API needs it, such as ${LLAMA_API_KEY}",
        ]),
        ("model: [{model: x, base_url: http://localhost/v1, max_tokens: 9000}]", [
            ("1:9: model[0].context_tokens leaves no room for a prompt: it must be larger than max_tokens "
            "by 640 or more"),
        ]),
        ("memory: {pin: ['JP-[0-9]+', '(a{1,9}){1,9}', '(JP', 'JP-\\d{6}', '[+*]\\*?', 'x{2,}']}", [
            r"1:16: memory.pin[0] repeats something without end, or a group: say how often, as in [A-Z]{2,4}-\d{6}",
            r"1:29: memory.pin[1] repeats something without end, or a group: say how often, as in [A-Z]{2,4}-\d{6}",
            "1:46: memory.pin[2] is not a regular expression: missing ), unterminated subpattern",
            r"1:76: memory.pin[5] repeats something without end, or a group: say how often, as in [A-Z]{2,4}-\d{6}",
        ]),
        ("model: [{model: x, base_url: http://a}, {model: z, name: x, base_url: http://b}]", [
            "1:1: model has two entries of one name: give each its own with 'name'",
        ]),
        ("model: [{model: x, base_url: http://a, extra: {messages: []}}]", [
            "1:40: model[0].extra may not hold 'messages': SupportBot sets that field itself",
        ]),
        # Y19: reachable without a token
        ("server: {host: 0.0.0.0}", [
            ("1:1: server.admin_token is missing, and server.host can be reached from other machines: "
            "set it, such as ${SUPPORTBOT_ADMIN_TOKEN}, or listen on 127.0.0.1"),
        ]),
        # Y23: memory
        ("database: 'sqlite:///:memory:'\nworkers: 4", [
            ("1:11: database would keep messages in memory, where a restart loses what was acknowledged: "
            "name a file, such as sqlite:///data/bot.db"),
            ("2:1: workers is not a known key: known here: bot, texts, model, knowledge, prompts, memory, triage, "
            "moderation, tools, database, encryption_keys, spending, turns, deliveries, server, log, channels"),
        ]),
        ("database: sqlite://", [
            ("1:11: database would keep messages in memory, where a restart loses what was acknowledged: "
            "name a file, such as sqlite:///data/bot.db"),
        ]),
        ("database: sqlite://bot.db", [
            "1:11: database needs three slashes: write sqlite:///path, or sqlite:////path for an absolute one",
        ]),
        ("database: sqlite:///bot.db?mode=ro", [
            "1:11: database takes no options: leave out '?' and what follows",
        ]),
        ("database: sqlite:///prompts", ["1:11: database is a folder: name a file, such as sqlite:///data/bot.db"]),
        ("database: postgres://a/b", ["1:11: database names another driver: begin with postgresql+psycopg://"]),
        ("database: postgresql+psycopg://u:p@h", [
            ("1:11: database is not a complete URL: write postgresql+psycopg://user:password@host/name, "
            "special characters of the password as %XX"),
        ]),
        ("database: mysql://h/n", [
            ("1:11: database is not a database SupportBot can use: write sqlite:///path, "
            "or postgresql+psycopg://user:password@host/name"),
        ]),
        # channels
        ("channels: {web: {type: webhok}}", [
            "1:24: channels.web.type is 'webhok', which is not installed: did you mean 'webhook'?",
        ]),
        ("channels: {web: {type: pigeon}}", [
            ("1:24: channels.web.type is 'pigeon', which is not installed: known here: bare, broken, fax, terminal, "
            "webhook; or install the package that brings it"),
        ]),
        ("channels: {web: {}}", [
            ("1:12: channels.web.type is missing: add it "
            "(Which kind of channel this is: terminal, webhook, or one you installed)"),
        ]),
        ("channels: {web: {type: 1}}", [
            '1:24: channels.web.type must be text, and 1 without quotes is a number: put it in quotes: "1"',
        ]),
        ("channels: {web: webhook}", [
            "1:17: channels.web must be a mapping: write its keys below it, indented",
        ]),
        ("channels: {Web: {type: webhook}}", [
            "1:12: channels.Web is not a name that works: use a-z, 0-9, - and _, and begin with a letter",
        ]),
        ("channels: {b: {type: bare}}", [
            ("1:22: channels.b.type cannot be used: channel 'bare' needs 'bare_sdk', which is not installed: "
            "Install its extra: pip install 'supportbot-framework[bare]'."),
        ]),
        ("channels: {b: {type: broken}}", [
            "1:22: channels.b.type cannot be loaded (RuntimeError): reinstall the package that brings it",
        ]),
        ("channels: {f: {type: fax, nmber: x}}", [
            "1:27: channels.f.nmber is not a known key: did you mean 'number'?",
        ]),
        ("channels: {f: {type: fax, number: 010, sites: {a: {token: 0777}}}}", [
            ("1:35: channels.f.number is 010, a number with a leading zero, which some YAML readers take for octal: "
            "leave the zero out, or put it in quotes if text is meant"),
            ("1:59: channels.f.sites.a.token is a number with a leading zero, which some YAML readers take for octal: "
            "leave the zero out, or put it in quotes if text is meant"),
        ]),
        ("channels:\n  f:\n    type: fax\n    either: [1]", [
            "4:5: channels.f.either must be a whole number, not a list: write a whole number after the ':'",
        ]),
        ("channels:\n  f:\n    type: fax\n    trouble: bug", [
            ("2:3: channels.f cannot be read by the channel's own Config, which failed with KeyError: "
            "tell the authors of the channel"),
        ]),
        ("channels:\n  f:\n    type: fax\n    trouble: section", [
            "2:3: channels.f nothing fits section: correct it",
        ]),
        # Y20: origins, by the webhook channel's own Config
        ("channels: {w: {type: webhook, visitors: {allowed_origins: ['*']}}}", [
            ("1:60: channels.w.visitors.allowed_origins[0] must be one exact origin such as https://www.example.com: "
            "lower case, no *, no path, no slash at the end"),
        ]),
    ],
)  # fmt: skip
def test_what_check_finds(bot: BotFolder, content: str, problems: list[str]) -> None:
    """Each mistake is told at its place, with what to do, and nothing else is."""
    assert [f"bot.yaml:{problem}" for problem in problems] == bot.problems(content)


def test_everything_is_told_at_once(bot: BotFolder) -> None:
    """Mistakes in different sections, in a channel's, in files and templates come in one report, in order."""
    (bot.root / "prompts" / "system.md.j2").write_text("You are\n{{ bto.name }}\n", "utf-8")
    content = """\
chanels: {}
server: {port: x}
knowledge: {path: articles}
channels:
  f: {type: fax, pages: 0}
model:
  - {model: a, base_url: "ftp://a", api_key: "${K}"}
"""
    found = bot.problems(content)
    assert [
        "bot.yaml:1:1", "bot.yaml:2:16", "bot.yaml:3:19", "bot.yaml:5:25", "bot.yaml:7:26", "bot.yaml:7:46",
        "prompts/system.md.j2:2:1",
    ] == [line.partition(": ")[0] for line in found]  # fmt: skip
    assert "bto" in found[-1]


def test_a_channel_s_own_rules_point_at_their_line(bot: BotFolder) -> None:
    """What a Config's validators say stands at the key, also when a rule about the whole section names it (Y16)."""
    content = """\
channels:
  one:
    type: fax
    token: ${XAPP}
    pages: 0
  two:
    number: ""
    type: fax
    token: ${XOXB}
"""
    found = bot.problems(content, {"XAPP": f"xapp-{TOKEN}", "XOXB": f"xoxb-{TOKEN}"})
    assert [
        "bot.yaml:4:12: channels.one.token (from ${XAPP}) must begin with xoxb-, not …: copy the bot's token",
        "bot.yaml:5:12: channels.one.pages is too small: the least is 1",
        "bot.yaml:7:13: channels.two.number is missing: a token alone dials nobody",
    ] == found


@pytest.mark.parametrize("token", ["'${T}'", "'ab${T}'", TOKEN, f"'{TOKEN}'"])
def test_a_secret_in_a_stranger_s_words_is_not_shown(bot: BotFolder, token: str) -> None:
    """A validator that puts the value into its message gives nothing away."""
    (found,) = bot.problems(f"channels: {{f: {{type: fax, number: '1', token: {token}}}}}", {"T": TOKEN})
    assert "must begin with xoxb-, not …: copy the bot's token" in found
    assert TOKEN not in found


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


class TestFiles:
    """Folders and files that bot.yaml names (Y25)."""

    def test_missing_folders(self, bot: BotFolder) -> None:
        """A folder that is not there, or is a file, is told at the key that names it."""
        (bot.root / "page.md").write_text("x", "utf-8")
        assert [
            (
                "bot.yaml:1:19: knowledge.path is 'articles', which does not exist: "
                "make that folder; paths begin at bot.yaml"
            ),
            "bot.yaml:2:17: prompts.path is 'page.md', which is not a folder: name the folder that holds the files",
        ] == bot.problems("knowledge: {path: articles}\nprompts: {path: page.md}\n")

    def test_defaults_that_are_missing(self, bot: BotFolder) -> None:
        """What is not in the file is told at its beginning."""
        shutil.rmtree(bot.root / "knowledge")
        assert [
            (
                "bot.yaml:1:1: knowledge.path is 'knowledge', which does not exist: "
                "make that folder; paths begin at bot.yaml"
            ),
        ] == bot.problems("bot: {}\n")

    @pytest.mark.parametrize("path", ["..", "../prompts", "/", "prompts/../..", "link"])
    def test_prompts_stay_below_the_file(self, bot: BotFolder, path: str) -> None:
        """Templates are read below the folder of bot.yaml alone, links followed."""
        (bot.root / "link").symlink_to("/")
        assert [
            "bot.yaml:1:17: prompts.path leads out of the folder of bot.yaml: move the templates below it"
        ] == bot.problems(f"prompts: {{path: '{path}'}}")

    @pytest.mark.parametrize("name", ["../secret", "a/b", "", "a.b", "x" * 200])
    def test_a_template_s_name_is_no_path(self, bot: BotFolder, name: str) -> None:
        """A template is named, not reached for."""
        (found,) = bot.problems(f"prompts: {{system: '{name}'}}")
        assert found.startswith("bot.yaml:1:19: prompts.system is not a template's name: ")

    @pytest.mark.parametrize(
        ("kind", "problem"),
        [
            ("missing", "needs mine.md.j2, which is not in prompts/: write it, or name another"),
            ("folder", "needs mine.md.j2, which is not a file: name a file"),
            (
                "large",
                "needs mine.md.j2, which is larger than 256 KiB: a prompt is a page of words; shorten it",
            ),
            ("link", "needs mine.md.j2, which is a link out of its folder: copy the file there"),
        ],
    )
    def test_the_system_prompt_must_be_a_file(self, bot: BotFolder, kind: str, problem: str) -> None:
        """A system prompt that is missing, a folder, huge or elsewhere is told where it is named."""
        template = bot.root / "prompts" / "mine.md.j2"
        outside = bot.root / "outside.md.j2"
        outside.write_text("x", "utf-8")
        match kind:
            case "folder":
                template.mkdir()
            case "large":
                template.write_text("x" * 300_000, "utf-8")
            case "link":
                template.symlink_to(outside)
        assert [f"bot.yaml:1:19: prompts.system {problem}"] == bot.problems("prompts: {system: mine}")

    def test_a_broken_template(self, bot: BotFolder) -> None:
        """A template that cannot be rendered is told by its own file and line."""
        (bot.root / "prompts" / "system.md.j2").write_text("a\nb\n{% if %}\n", "utf-8")
        (found,) = bot.problems("bot: {}")
        assert found.startswith("prompts/system.md.j2:3:1: ")


def test_broken_articles_are_named_with_the_rest(tmp_path: Path) -> None:
    """The bot would not start with them, so ``check`` says so: each file, and what to do."""
    bot = BotFolder(tmp_path)
    (bot.root / "knowledge" / "a.md").write_text("---\ntitel: A\n---\nHi.\n", "utf-8")
    (bot.root / "knowledge" / "b.md").write_bytes(b"\xff")
    assert [
        "knowledge/a.md:1:1: unknown key 'titel' in the front matter: title, topic and also are known",
        "knowledge/b.md:1:1: is not UTF-8 (byte 0): save it as UTF-8",
    ] == bot.problems("bot: {name: Robin}\n")


def test_a_bot_that_knows_nothing_is_warned_of(tmp_path: Path) -> None:
    """An empty folder works, and answers nothing."""
    bot = BotFolder(tmp_path)
    (bot.root / "knowledge" / "hours.md").unlink()
    assert [
        "bot.yaml:1:1: knowledge.path holds no articles: write some: without them the bot knows nothing"
    ] == bot.warnings("bot: {name: Robin}\n")


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
