"""The knowledge model: quoting, citing, greeting, handing over, and admitting ignorance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from supportbot.config.texts import TextsSection
from supportbot.knowledge import Knowledge
from supportbot.knowledge.phrases import Phrases
from supportbot.messages import Answer, Author, Contact, Message, Passage, Prompt, Turn, Words
from supportbot.model.excerpt import excerpt
from supportbot.model.knowledge import KnowledgeModel

SHOP = Path(__file__).parent.parent / "knowledge"
QUESTIONS = Path(__file__).parent / "knowledge_questions.yaml"
TEXTS = TextsSection()


class Recording:
    """A sink that keeps the pieces."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    async def append(self, text: str) -> None:
        self.pieces.append(text)

    async def restart(self) -> None:
        self.pieces.clear()


@pytest.fixture(scope="module")
def model() -> KnowledgeModel:
    return KnowledgeModel(Knowledge.load(SHOP), TEXTS, threshold=0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "knowledge"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def phrases() -> Phrases:
    return Phrases.load()


def message(seq: int, text: str, author: Author = "customer") -> Message:
    return Message(id=f"msg_{seq}", seq=seq, author=author, text=text, created_at=seq)


def prompt(question: str, history: tuple[tuple[Author, str], ...] = (), **fields: Any) -> Prompt:
    earlier = tuple(message(seq, text, author) for seq, (author, text) in enumerate(history, 1))
    turn = Turn(
        id="turn_1",
        conversation_id="conv_1",
        tenant="default",
        channel="web",
        external_id="x",
        address={},
        contact=Contact(id="contact_1", external_id="v"),
        fence=1,
        attempt=1,
        messages=(message(len(earlier) + 1, question),),
        history=earlier,
    )
    return Prompt(turn=turn, words=(), **fields)


async def ask(
    model: KnowledgeModel, question: str, *history: tuple[Author, str], language: str = ""
) -> Answer:
    asked = prompt(question, history)
    contact = asked.turn.contact.evolve(language=language)
    return await model.complete(asked.evolve(turn=asked.turn.evolve(contact=contact)), Recording())


# -- answers -----------------------------------------------------------------------------------


async def test_it_quotes_the_passage_and_cites_it(model: KnowledgeModel) -> None:
    """The answer is the passage's text; where it stands is in the citation and not in the text."""
    answer = await ask(model, "How long do I have to return an item?")
    assert "**30 days**" in answer.text
    assert ["knowledge/returns.md#how-long-you-have-to-return-an-item"] == [
        c.source for c in answer.citations
    ]
    assert "knowledge/" not in answer.text
    assert ("knowledge", "stop", "") == (answer.model, answer.stop_reason, answer.handoff)
    assert answer.citations[0].quote[:20] in answer.text


async def test_it_uses_the_passages_it_is_given(model: KnowledgeModel) -> None:
    """The best of the prompt's passages is quoted when it fits well enough."""
    given = (
        Passage(title="A", source="knowledge/a.md", text="Perhaps.", score=0.6),
        Passage(title="B", source="knowledge/b.md", text="Certainly.", score=0.9),
    )
    answer = await model.complete(prompt("anything", passages=given), Recording())
    assert ("Certainly.", "knowledge/b.md") == (answer.text, answer.citations[0].source)


async def test_it_searches_itself_when_those_do_not_fit(model: KnowledgeModel) -> None:
    """Weak passages are not believed."""
    weak = (Passage(title="A", source="knowledge/a.md", text="Perhaps.", score=0.49),)
    answer = await model.complete(prompt("Which payment methods do you take?", passages=weak), Recording())
    assert answer.citations[0].source.startswith("knowledge/payment-methods.md")


async def test_a_follow_up_is_read_with_the_question_before(model: KnowledgeModel) -> None:
    """ "And to France?" is understood from what the customer asked before."""
    history: tuple[tuple[Author, str], ...] = (
        ("customer", "How long does delivery to Germany take?"),
        ("bot", "2 to 3 working days."),
    )
    answer = await ask(model, "and to France?", *history)
    assert "France, Austria, Denmark: 3 to 4" in answer.text


async def test_two_questions_get_two_passages(model: KnowledgeModel) -> None:
    """Each is quoted under its title and cited, and together they are short enough for a chat."""
    answer = await ask(model, "How long do I have to send a lamp back, and what does it cost?")
    assert [
        "knowledge/returns.md#how-long-you-have-to-return-an-item",
        "knowledge/returns.md#what-a-return-costs",
    ] == [citation.source for citation in answer.citations]
    assert answer.text.startswith("**Returning an item: How long you have to return an item**\n\n")
    assert "**30 days**" in answer.text
    assert "€5.95" in answer.text
    assert len(answer.text) <= 1100


async def test_two_articles_that_fit_alike_are_both_quoted(model: KnowledgeModel) -> None:
    """When a second article fits as well, the customer gets both; when it does not, only the best."""
    given = [
        Passage(title=name, source=f"knowledge/{name}.md#{name}", text=f"Text {name}.", score=score)
        for name, score in (("a", 0.9), ("b", 0.88), ("c", 0.87), ("d", 0.5))
    ]
    alike = await model.complete(prompt("hm", passages=tuple(given)), Recording())
    assert "**a**\n\nText a.\n\n**b**\n\nText b." == alike.text
    apart = await model.complete(prompt("hm", passages=(given[0], given[3])), Recording())
    assert "Text a." == apart.text


async def test_it_asks_back_when_something_nearly_fits(folder: Path) -> None:
    """Titles to choose from are offered, and the one that is written is found."""
    (folder / "tea.md").write_text("# Green tea\n\nIt is green.")
    (folder / "coffee.md").write_text("# Coffee\n\nIt is black.")
    model = KnowledgeModel(Knowledge.load(folder), TEXTS, threshold=0.5)
    answer = await ask(model, "your green hovercraft")
    assert (f"{TEXTS.unsure}\n\n- Green tea", ()) == (answer.text, answer.citations)
    chosen = await ask(model, "Green tea")
    assert "It is green." == chosen.text


async def test_every_title_that_may_be_offered_finds_its_article(model: KnowledgeModel) -> None:
    """Who writes the title they were offered gets that article."""
    for path in sorted(SHOP.glob("[!_]*.md")):
        title = path.read_text("utf-8").split("title: ", 1)[1].splitlines()[0].strip('"')
        answer = await ask(model, title)
        assert f"knowledge/{path.name}" in {c.source.partition("#")[0] for c in answer.citations}, title


@pytest.mark.parametrize(
    ("group", "least", "most"),
    [("held_out", 0.72, 0.12), ("second_held_out", 0.74, 0.10), ("fourth_held_out", 0.66, 0.14)],
)
async def test_new_questions_are_answered_right_or_not_at_all(
    model: KnowledgeModel, group: str, least: float, most: float
) -> None:
    """Of the questions that nobody looked at while the search was made, most get the right article quoted."""
    cases = YAML(typ="safe").load(QUESTIONS)[group]["answerable"]
    right = wrong = 0
    for case in cases:
        answer = await ask(model, case["ask"], ("customer", case.get("context", "")))
        quoted = {Path(citation.source.partition("#")[0]).stem for citation in answer.citations}
        wanted = {case["article"]} if isinstance(case["article"], str) else set(case["article"])
        right += bool(quoted & wanted)
        wrong += bool(quoted) and not quoted & wanted
    assert right / len(cases) >= least
    assert wrong / len(cases) <= most


async def test_it_says_when_it_does_not_know(model: KnowledgeModel) -> None:
    """Nothing is quoted when nothing fits."""
    answer = await ask(model, "What will the weather be like tomorrow?")
    assert (TEXTS.unknown, (), "") == (answer.text, answer.citations, answer.handoff)


async def test_after_two_unknowns_a_person_is_asked(model: KnowledgeModel) -> None:
    """Two honest refusals in a row are enough; the third question goes to a person."""
    lost: tuple[Author, str] = ("bot", TEXTS.unknown)
    once = await ask(model, "who won the election?", ("customer", "weather?"), lost)
    twice = await ask(model, "who won the election?", lost, ("customer", "hm?"), lost)
    between = await ask(model, "who won the election?", lost, ("bot", "Here you are."), lost)
    assert ["", "no_answer", ""] == [once.handoff, twice.handoff, between.handoff]
    assert TEXTS.handoff == twice.text
    answered = await ask(model, "How can I pay?", lost, lost)
    assert "" == answered.handoff


@pytest.mark.parametrize("now", ["de", ""])
async def test_who_was_told_so_in_several_languages_was_told_so(now: str) -> None:
    """Their language became known in between, or is not known any more."""
    texts = TextsSection(translations={"de": {"unknown": "Das weiß ich nicht."}})
    model = KnowledgeModel(Knowledge.load(SHOP), texts, threshold=0.5)
    history: tuple[tuple[Author, str], ...] = (("bot", texts.unknown), ("bot", texts.of("de").unknown))
    answer = await ask(model, "who won the election?", *history, language=now)
    assert ("no_answer", texts.of(now).handoff) == (answer.handoff, answer.text)


@pytest.mark.parametrize("question", ["", " ", "😡", "{{7*7}}", "\0", "\ud800", "x" * 1_000_000])
async def test_any_message_gets_an_answer(model: KnowledgeModel, question: str) -> None:
    """Nothing a customer sends is an error, and nothing of it is repeated."""
    assert TEXTS.unknown == (await ask(model, question)).text


async def test_what_a_tool_did_is_for_a_person_to_say(model: KnowledgeModel) -> None:
    """When all models fail after a tool was run, an article would be no answer."""
    asked = prompt("How long do I have to return an item?")
    asked = asked.evolve(words=(Words(role="tool", content="done", tool_call_id="1"),))
    answer = await model.complete(asked, Recording())
    assert (TEXTS.handoff, "no_answer") == (answer.text, answer.handoff)


async def test_the_words_are_streamed_in_a_few_pieces(model: KnowledgeModel) -> None:
    """The pieces together are the answer."""
    live = Recording()
    answer = await model.complete(prompt("What does a return cost?"), live)
    assert answer.text == "".join(live.pieces)
    assert 2 <= len(live.pieces) <= 6


async def test_the_same_prompt_gets_the_same_answer(model: KnowledgeModel) -> None:
    """It is deterministic."""
    assert await ask(model, "How do I wash towels?") == await ask(model, "How do I wash towels?")


async def test_it_has_a_name_and_closes(model: KnowledgeModel) -> None:
    """The name is what bot.yaml and the figures call it."""
    named = KnowledgeModel(Knowledge.load(SHOP), TEXTS, threshold=0.5, name="articles")
    assert "articles" == (await ask(named, "hello")).model
    await named.close()


# -- small talk --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("hi", TEXTS.greeting),
        ("Hello there!", TEXTS.greeting),
        ("Guten Tag", TEXTS.greeting),
        ("¡Hola, buenos días!", TEXTS.greeting),
        ("Thanks a lot :)", TEXTS.thanks),
        ("Vielen Dank für alles", TEXTS.thanks),
        ("merci beaucoup", TEXTS.thanks),
        ("ok thanks, bye", TEXTS.goodbye),
        ("Au revoir", TEXTS.goodbye),
    ],
)
async def test_greetings_are_returned(model: KnowledgeModel, said: str, text: str) -> None:
    """A message that is nothing but a greeting, thanks or a farewell gets one back."""
    answer = await ask(model, said)
    assert (text, (), "") == (answer.text, answer.citations, answer.handoff)


@pytest.mark.parametrize(
    "said", ["hello, where is my parcel", "thanks but it is still broken", "ok", "good plates"]
)
def test_a_greeting_before_a_question_is_no_small_talk(phrases: Phrases, said: str) -> None:
    """What is asked counts."""
    assert phrases.small_talk(said) is None


# -- the wish for a person ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "talk to a person",
        "Can I speak to someone?",
        "I want a human NOW",
        "human please",
        "agent!",
        "why can't I talk to a human?",
        "I need to speak with one of your agents",
        "Please connect me with customer service",
        "Is there a person I can talk to?",
        "I don't want to talk to a bot, I want to talk to a human",
        "My lamp broke. This is useless. Let me talk to your manager!",
        "Ich möchte mit einem Menschen sprechen",
        "Kann ich mit jemandem sprechen?",
        "Mitarbeiter bitte",
        "je veux parler à un conseiller",
        "Puis-je parler à quelqu'un ?",
        "quiero hablar con una persona",
        "necesito un agente, por favor",
    ],
)
async def test_who_asks_for_a_person_gets_one(model: KnowledgeModel, said: str) -> None:
    """The answer says so, and carries the reason."""
    answer = await ask(model, said)
    assert ("customer_asked", TEXTS.handoff, ()) == (answer.handoff, answer.text, answer.citations)


@pytest.mark.parametrize(
    "said",
    [
        "the person who delivered it was rude",
        "can I talk to the person who packed it",
        "I don't want to talk to a person",
        "I spoke to a person yesterday and he promised a refund",
        "do I need a person at home to receive the parcel?",
        "can I get an agent discount",
        "I need to add a person to the order",
        "how many people fit around the table",
        "your staff was rude",
        "How do I contact customer service?",
        "Ich habe gestern mit einem Mitarbeiter gesprochen",
        "La personne qui a livré était impolie",
    ],
)
def test_who_only_mentions_a_person_does_not(phrases: Phrases, said: str) -> None:
    """A person talked about is not a person asked for."""
    assert not phrases.asks_for_person(said)


@pytest.mark.parametrize("text", ["talk to " * 200_000, "a" * 1_000_000, "mit einem " * 100_000])
def test_long_messages_are_read_in_part(phrases: Phrases, text: str) -> None:
    """A megabyte costs no more than a page."""
    assert not phrases.asks_for_person(text)
    assert phrases.small_talk(text) is None


# -- excerpts ----------------------------------------------------------------------------------

SENTENCES = " ".join(
    f"This is sentence number {word}." for word in ["one", "two", "three", "four", "five", "six", "seven"]
)


def test_a_short_passage_is_quoted_whole() -> None:
    """Nothing is cut without need."""
    assert "One.\n\n- a\n- b" == excerpt(" One.\n\n- a\n- b\n", "b", 600)


def test_an_excerpt_is_whole_sentences_that_fit_the_question() -> None:
    """It begins and ends with a sentence, and holds the one asked for."""
    cut = excerpt(SENTENCES + " A cat sleeps here. " + SENTENCES, "where does the cat sleep", 120)
    assert "A cat sleeps here." in cut
    assert len(cut) <= 120
    assert cut.startswith(("This", "A cat"))
    assert cut.endswith(".")


def test_numbers_and_abbreviations_do_not_end_a_sentence() -> None:
    """A price stays in one piece."""
    text = "Delivery costs €4.95 in Belgium. " + "Other words follow here. " * 10
    assert excerpt(text, "delivery Belgium", 40).startswith("Delivery costs €4.95 in Belgium.")


def test_a_list_keeps_its_introduction_and_its_items_whole() -> None:
    """No item is cut in two, and the line before a list stays with it."""
    items = "\n".join(f"- item {n} with some words\n  and a second line" for n in range(6))
    cut = excerpt("Something else entirely. " * 5 + f"\n\nBring these:\n\n{items}", "what do I bring", 160)
    assert "Bring these:\n\n- item 0 with some words\n  and a second line" in cut
    assert cut.endswith("and a second line")


@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_code_fences_stay_balanced(fence: str) -> None:
    """A block of code is taken whole, and closed when it must be cut."""
    code = f"{fence}sh\n" + "run this command\n" * 30 + fence
    cut = excerpt(f"Some words before the code. \n\n{code}", "run command", 200)
    assert cut.startswith(f"{fence}sh\nrun this command")
    assert cut.endswith(f"\n{fence}")
    assert len(cut) <= 200


def test_a_word_without_end_is_cut() -> None:
    """What has no sentence is still short enough."""
    cut = excerpt("x" * 5000, "x", 100)
    assert len(cut) <= 100
    assert cut.endswith("…")
