"""The website widget in a real browser, on a real website, before the real program."""
