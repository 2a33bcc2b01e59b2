"""A trial of the promise: a throwaway bot, its traffic, all that can go wrong, and an audit at the end.

``supportbot chaos`` holds it (docs/chaos.md); the project's own acceptance tests are made of the same parts.
Nothing else of SupportBot imports this package.
"""
