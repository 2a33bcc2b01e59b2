"""The pytest plug-in: fixtures for people who build channels and bots."""
