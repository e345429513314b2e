"""Run by Alembic: uses the connection and history that `server.db.migrate` hands over."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator

from server.db.migrate import options


def render(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    """Writes our own column types as the plain types beneath: a version must not change with the code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


history = context.config.attributes["history"]
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=history.metadata,
    render_item=render,
    render_as_batch=True,
    **options(history),
)
with context.begin_transaction():
    context.run_migrations()
