"""Readers of question-bank files: one per format, all yielding raw items with their places."""
