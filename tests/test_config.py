"""bot.yaml as a whole: what ``load`` gives, what ``check`` finds (rows Y02 and Y16 to Y28)."""

# ruff: noqa: E501  # the lines people read are whole here

from __future__ import annotations

from pathlib import Path

import pytest

from supportbot import config
from supportbot.errors import ConfigError
from tests.bot_folder import BotFolder
from tests.fax import TOKEN, FaxConfig, install_fax


@pytest.fixture
def bot(tmp_path: Path) -> BotFolder:
    return BotFolder(tmp_path)


@pytest.fixture(autouse=True)
def _fax_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    install_fax(monkeypatch)


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
        *(
            (f"database: 'postgresql+psycopg://bot:{password}@db/name'", [
                ("1:11: database has a password with special characters: write them as %XX, "
                "so '@' as %40, '/' as %2F and '#' as %23"),
            ])
            for password in ("pa@ss", "pa/ss", "pa#ss")
        ),
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
            "Install its extra; for a channel of SupportBot's own, in your clone: pip install '.[bare]'."),
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
