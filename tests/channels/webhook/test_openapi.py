"""The OpenAPI document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from supportbot.messages import Citation
from supportbot.testing.host import FakeCore
from supportbot_webhook import WebhookChannel, WebhookConfig
from tests.channels.webhook.driver import SECRET, program_message, running

if TYPE_CHECKING:
    from tests.channels.webhook.driver import Answer, Site, Visitor


async def _document(site: Site) -> Any:
    answer = await site.ask("GET", "/openapi.json")
    assert (200, "application/json") == (answer.status, answer.headers["Content-Type"])
    return answer.body


async def test_the_document_is_valid(site: Site) -> None:
    """Against the OpenAPI 3.1 specification."""
    document = await _document(site)
    validate(document)
    assert "3.1.0" == document["openapi"]
    assert [{"url": "/channels/web"}] == document["servers"]


@pytest.mark.parametrize(
    "section", [{}, {"secrets": [SECRET]}, {"secrets": [SECRET], "visitors": {"enabled": False}}]
)
async def test_the_document_has_every_route_and_no_other(section: dict[str, Any]) -> None:
    """What is switched off is not described; what is described is there."""
    core = FakeCore("web")
    channel = WebhookChannel(WebhookConfig.model_validate({"type": "webhook"} | section), core.host)
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in channel.app(core.accept).router.routes()
        if route.resource is not None and route.resource.canonical  # without the page's slash: sent on
    }
    async with running(**({"secrets": []} | section)) as site:
        paths = (await _document(site))["paths"]
    assert routes == {(method, path) for path, methods in paths.items() for method in methods}


async def test_answers_are_as_the_document_says(site: Site, visitor: Visitor) -> None:
    """Real answers, every field of them, against the document's schemas."""
    document = await _document(site)
    posted = await visitor.say("Hello")
    _check(document, "post", "/conversation/messages", posted)
    cited = Citation(title="Orders", source="knowledge/orders.md")
    site.core.reply(visitor.conversation, "Good day", citations=(cited,))
    _check(document, "get", "/conversation/messages", await visitor.read())
    _check(document, "post", "/sessions", await site.ask("POST", "/sessions", json={}))
    _check(document, "post", "/messages", await site.pass_on(program_message(), webhook_id="evt_1"))
    site.core.reply("ticket-1", "Good day")
    replayed = await site.pass_on(program_message(), webhook_id="evt_1", query="?wait=5")
    _check(document, "post", "/messages", replayed)
    _check(document, "get", "/conversation/messages", await visitor.read(after="x"))
    _check(document, "post", "/messages", await site.pass_on("{"))


def _check(document: Any, method: str, path: str, answer: Answer) -> None:
    response = document["paths"][path][method]["responses"][str(answer.status)]
    schema = response["content"]["application/json"]["schema"]
    validator = Draft202012Validator(_closed(schema | {"components": document["components"]}))
    assert [] == [error.message for error in validator.iter_errors(answer.body)]


def _closed(schema: Any) -> Any:
    """The same schema, taking no field it does not name: an answer must not hold more than is described."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    return closed | {"additionalProperties": False} if "properties" in closed else closed


async def test_every_operation_says_what_it_may_answer(site: Site) -> None:
    """Each has a summary, and the refusals every route shares."""
    document = await _document(site)
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"].endswith(".")
            assert {"429", "503"} <= set(operation["responses"])


async def test_the_document_names_no_version_of_anything_else(site: Site) -> None:
    """W44: it tells how to use the API, not what it is made of."""
    assert not re.search(r"aiohttp|python/", str(await _document(site)), re.IGNORECASE)
