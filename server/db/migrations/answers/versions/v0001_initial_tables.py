"""initial tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "answer_aside",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("journal", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("received_ns", sa.BigInteger(), nullable=False),
        sa.Column("workstation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer_aside")),
        sa.UniqueConstraint("attempt", "journal", "seq", "hash", name="uq_answer_aside_place"),
    )
    with op.batch_alter_table("answer_aside", schema=None) as batch_op:
        batch_op.create_index("ix_answer_aside_attempt", ["attempt"], unique=False)

    op.create_table(
        "answer_events",
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("journal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("item", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("boot_id", sa.String(length=64), nullable=False),
        sa.Column("boot_ns", sa.BigInteger(), nullable=False),
        sa.Column("prev", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("received_ns", sa.BigInteger(), nullable=False),
        sa.Column("workstation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("attempt", "journal", "seq", name=op.f("pk_answer_events")),
    )


def downgrade() -> None:
    op.drop_table("answer_events")
    with op.batch_alter_table("answer_aside", schema=None) as batch_op:
        batch_op.drop_index("ix_answer_aside_attempt")

    op.drop_table("answer_aside")
