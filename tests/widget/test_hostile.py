"""What others write stays text, what others send is not believed, and who may not frame the chat does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from tests.widget.site import Site
from tests.widget.vectors import VECTORS

if TYPE_CHECKING:
    from tests.widget.stage import Stage, Visitor

_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective + " " + event.blockedURI));
window.ran = 0;
window.xss = () => window.ran++;
"""
_ELEMENTS = """() => {
  const wrong = [];
  for (const element of document.querySelectorAll("*")) {
    for (const {name, value} of element.attributes) {
      if (name.startsWith("on") || name === "srcdoc" || name === "action" || name === "formaction") wrong.push(name);
      if (["href", "src", "srcset", "data", "poster"].includes(name) &&
          !/^(https?:\\/\\/|mailto:|tel:|blob:|chat\\.(js|css)\\?v=|icon\\.svg$)/.test(value)) wrong.push(`${name}=${value}`);
    }
  }
  const inside = [...document.querySelectorAll(".lines *")].map((element) => element.localName);
  return [wrong, [...new Set(inside)].sort()];
}"""
_MAY_BE_THERE = {
    "a",
    "blockquote",
    "br",
    "button",
    "code",
    "del",
    "details",
    "div",
    "em",
    "h2",
    "hr",
    "i",
    "img",
    "input",
    "li",
    "ol",
    "p",
    "path",
    "pre",
    "small",
    "span",
    "strong",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "time",
    "tr",
    "ul",
}
_TOKEN = "JSON.parse(Object.entries(localStorage).find(([key]) => key.endsWith(':session'))[1]).token"


async def _token(visitor: Visitor) -> str:
    return str(await visitor.page.frames[1].evaluate(_TOKEN))


async def test_nothing_anybody_writes_becomes_more_than_text(here: Stage) -> None:
    """More than 200 vectors, as words of the customer, of the model word by word, of the page's title and a name."""
    assert 200 <= len(VECTORS)
    here.model.echoes = True
    here.site.title = VECTORS[0]
    context = await here.browsers.open()
    await context.add_init_script(_WATCH)
    visitor = await here.visitor(context)
    dialogs: list[str] = []
    visitor.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    for vector in VECTORS[:50]:
        await visitor.page.evaluate("name => SupportBot.setUser({name})", vector[:200])
    await visitor.open()
    await visitor.write(VECTORS[0])
    await visitor.chat.locator(".row.bot .meta").wait_for()
    url, headers = f"{here.base}conversation/messages", {"Authorization": f"Bearer {await _token(visitor)}"}
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as http:
        for number, vector in enumerate(VECTORS[1:]):
            await http.post(url, json={"client_id": f"v{number}", "text": vector.replace("\x01", "")})
            await here.model.answered(number + 2)
    bot = visitor.chat.locator(".row.bot .bubble")
    await bot.nth(len(VECTORS)).wait_for()  # the greeting is one too
    frame = visitor.page.frames[1]
    wrong, elements = await frame.evaluate(_ELEMENTS)
    assert [] == wrong
    assert set() == set(elements) - _MAY_BE_THERE
    for where in visitor.page.frames:
        assert [] == await where.evaluate("window.violations")
        assert 0 == await where.evaluate("window.ran")
    assert [] == dialogs
    assert here.origins() == set(visitor.requests)
    assert [] == visitor.errors
    # A press on every link that is left runs nothing either: they lead elsewhere, to a page that knows nothing of this.
    links = await frame.evaluate(
        "[...document.querySelectorAll('.lines a')].map((a) => [a.protocol, a.target, a.rel])"
    )
    assert links
    assert {"_blank"} == {target for _, target, _ in links}
    assert {"https:", "http:", "mailto:"} >= {protocol for protocol, _, _ in links}
    assert all("noopener" in rel for _, _, rel in links)


async def test_messages_from_elsewhere_are_not_believed(here: Stage) -> None:
    """Another frame of the page can neither reset the chat, nor close it, nor speak for it."""
    here.model.answer = "Hello."
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("Hi")
    await visitor.sees("Hello.")
    await visitor.page.evaluate(
        """async () => {
          window.heard = [];
          for (const name of ["message", "unread", "handoff", "error", "close"]) SupportBot.on(name, () => heard.push(name));
          const frame = document.createElement("iframe");
          frame.srcdoc = `<script>
            const chat = [...Array(parent.length).keys()].map((at) => parent[at]).filter((other) => other !== self);
            for (const to of [...chat, parent]) {
              for (const supportbot of ["reset", "close", "identify", "user", "ready", "session"]) {
                to.postMessage({supportbot, token: "x", kept: false, name: "x", email: ""}, "*");
              }
              to.postMessage({supportbot: "event", name: "unread", detail: {count: 5}}, "*");
            }
            parent.postMessage("done", "*");
          </script>`;
          const done = new Promise((resolve) => addEventListener("message", ({data}) => data === "done" && resolve()));
          document.body.append(frame);
          await done;
        }"""
    )
    await visitor.write("Still there?")
    await visitor.chat.locator(".row.bot .meta").nth(1).wait_for()
    assert ["Hi", "Hello.", "Still there?", "Hello."] == (await visitor.texts())[1:]
    assert {"message"} == set(await visitor.page.evaluate("heard"))


async def test_a_site_that_is_not_on_the_list_gets_no_chat(here: Stage) -> None:
    """The browser refuses to show the frame, and the site is told why."""
    async with Site() as stranger:
        stranger.bot = here.base
        context = await here.browsers.open()
        page = await context.new_page()
        async with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            await page.goto(f"{stranger.origin}/")
            await page.evaluate("SupportBot.on('error', ({code}) => (window.code = code))")
            await page.evaluate("SupportBot.open()")
        await page.wait_for_function("window.code")
        assert "not_framed" == await page.evaluate("window.code")
        assert 1 == len(page.frames), "nobody sees the browser's broken page"


async def test_a_strict_site_needs_three_lines_of_policy(here: Stage) -> None:
    """A site whose own policy allows the bot's script and frame shows launcher and chat as they are."""
    here.site.policy = (
        f"default-src 'none'; script-src {here.program.url}; frame-src {here.program.url}; "
        "style-src 'unsafe-inline'; img-src data:"
    )
    visitor = await here.visitor()
    await visitor.open()
    assert [] == visitor.errors
    assert "rgb(15, 118, 110)" == await visitor.launcher.evaluate(
        "(button) => getComputedStyle(button).backgroundColor"
    )
    # The site's own style says "button { transform: rotate(3deg) }" and more: it stays outside.
    assert "none" == await visitor.launcher.evaluate("(button) => getComputedStyle(button).rotate")
    assert "0px" != await visitor.launcher.evaluate("(button) => getComputedStyle(button).borderRadius")
