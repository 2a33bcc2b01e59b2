"""Who a visitor is: said by the site with a signed token, seen by nobody else, forgotten at logout."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import jwt

from tests.widget.stage import IDENTITY_SECRET

if TYPE_CHECKING:
    from tests.widget.stage import Stage, Visitor


def _signed(person: str) -> str:
    claims = {"sub": person, "aud": "supportbot", "exp": int(time.time()) + 600, "name": person.title()}
    return jwt.encode(claims, IDENTITY_SECRET, algorithm="HS256", headers={"kid": "one"})


async def _identify(visitor: Visitor, token: str) -> None:
    await visitor.page.evaluate("token => SupportBot.identify({token})", token)


async def test_the_same_person_elsewhere_and_another_one_here(here: Stage) -> None:
    """A person sees their conversation on another device; who uses the browser next does not, nor after a reset."""
    here.model.answer = "Noted."
    alice = await here.visitor()
    await _identify(alice, _signed("alice"))
    await alice.open()
    await alice.write("My secret wish")
    await alice.sees("Noted.")
    elsewhere = await here.visitor()
    await _identify(elsewhere, _signed("alice"))
    await elsewhere.open()
    await elsewhere.sees("My secret wish")
    # Bob comes to Alice's browser; she did not log out.
    await _identify(alice, _signed("bob"))
    await alice.chat.get_by_text("My secret wish").wait_for(state="hidden")
    await alice.write("I am Bob")
    await alice.has("I am Bob", "Noted.")
    await alice.page.reload()
    await alice.open()
    await alice.has("I am Bob", "Noted.")
    await alice.page.evaluate("SupportBot.reset()")
    await alice.chat.get_by_text("I am Bob").wait_for(state="hidden")
    await alice.page.reload()
    await alice.open()
    await alice.has()
    assert [] == await alice.page.frames[1].evaluate("Object.keys(localStorage)")
    await elsewhere.has("My secret wish", "Noted.")


async def test_a_bad_token_changes_nothing(here: Stage) -> None:
    """A token that is not good is told as an error, by a code that says what to do, and the conversation stays."""
    here.model.answer = "Noted."
    visitor = await here.visitor()
    await visitor.page.evaluate("SupportBot.on('error', ({code}) => (window.code = code))")
    await visitor.open()
    await visitor.write("Hello")
    await visitor.sees("Noted.")
    await _identify(visitor, jwt.encode({"sub": "alice"}, "x" * 40, algorithm="HS256"))
    await visitor.page.wait_for_function("window.code")
    assert "bad_identity" == await visitor.page.evaluate("window.code")
    over = {"sub": "alice", "aud": "supportbot", "exp": 1}
    await visitor.page.evaluate("window.code = ''")
    await _identify(visitor, jwt.encode(over, IDENTITY_SECRET, algorithm="HS256"))
    await visitor.page.wait_for_function("window.code")
    assert "identity_expired" == await visitor.page.evaluate("window.code")
    assert ["Hello", "Noted."] == (await visitor.texts())[1:]


async def test_commands_given_before_the_script_is_there(here: Stage) -> None:
    """The queue and the documented stand-in both take commands before the script has loaded."""
    here.site.before = """<script>
      window.SupportBot = new Proxy([], {get: (queue, name) => name in queue ? queue[name] : (...rest) => queue.push([name, ...rest])});
      SupportBot.on("ready", () => (window.ready = true));
      SupportBot.on("open", () => (window.opened = true));
      SupportBot.open();
    </script>"""
    visitor = await here.visitor()
    await visitor.box.wait_for()
    await visitor.page.wait_for_function("window.ready && window.opened")
    here.site.before = "<script>window.SupportBot = [['open']];</script>"
    visitor = await here.visitor()
    await visitor.box.wait_for()
    await visitor.page.evaluate("SupportBot.toggle()")
    await visitor.box.wait_for(state="hidden")
