"""Storing: models by subject, the answer stream, migrations. No rules, no web."""
