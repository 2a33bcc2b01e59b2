"""A conversation becomes the words the model reads: Jinja templates and what was said.

>>> prompts = Prompts(Path("prompts"), history_tokens=4000, bot={"name": "Robin"})  # doctest: +SKIP
>>> prompts.render(turn, passages).words  # doctest: +SKIP
"""

from supportbot.prompt.check import TemplateProblem, check_templates
from supportbot.prompt.render import Prompts

__all__ = ["Prompts", "TemplateProblem", "check_templates"]
