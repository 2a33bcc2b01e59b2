"""The articles the bot may quote, and the search over them. No model and no service is needed.

articles   Markdown files -> articles and their sections
front_matter  the YAML at the head of an article
language   words, stop words and synonyms
index      one SQLite FTS5 table in memory
spelling   the word that was probably meant
phrases    greetings, and the wish for a person
terms      a customer's words -> what to look for
search     what to look for -> passages with an honest score
"""

from supportbot.knowledge.search import Knowledge

__all__ = ["Knowledge"]
