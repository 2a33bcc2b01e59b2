"""E-mail: raw mail becomes a classified, threaded, trimmed form, and an answer becomes a mail."""
