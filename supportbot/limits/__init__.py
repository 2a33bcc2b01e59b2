"""Limits that hold for the whole service, however many processes it has."""
