"""answer current."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FILL = """
INSERT INTO answer_current (attempt, item, journal, seq, kind)
SELECT attempt, item, journal, seq, kind FROM (
  SELECT attempt, item, journal, seq, kind,
    row_number() OVER (PARTITION BY attempt, item ORDER BY journal DESC, seq DESC) AS place
  FROM answer_events WHERE kind IN ('answer', 'clear')
) AS last
WHERE place = 1
"""


def upgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("answer_current"):  # made at start by a program without this
        op.execute("DELETE FROM answer_current")
    else:
        op.create_table(
            "answer_current",
            sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column("item", sa.String(length=64), nullable=False),
            sa.Column("journal", sa.Integer(), nullable=False),
            sa.Column("seq", sa.Integer(), nullable=False),
            sa.Column("kind", sa.String(length=16), nullable=False),
            sa.PrimaryKeyConstraint("attempt", "item", name=op.f("pk_answer_current")),
        )
    op.execute(FILL)


def downgrade() -> None:
    op.drop_table("answer_current")
