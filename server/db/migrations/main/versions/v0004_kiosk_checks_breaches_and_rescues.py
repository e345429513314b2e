"""kiosk checks breaches and rescues."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "seb_rooms",
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("sealed_settings", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_quit_password", sa.LargeBinary(), nullable=True),
        sa.Column("config_key", sa.String(length=64), nullable=False),
        sa.Column("exam_keys", sa.JSON(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_seb_rooms_room_id_rooms")),
        sa.ForeignKeyConstraint(["set_by"], ["users.id"], name=op.f("fk_seb_rooms_set_by_users")),
        sa.PrimaryKeyConstraint("room_id", name=op.f("pk_seb_rooms")),
    )
    op.create_table(
        "announcements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said_by", sa.Integer(), nullable=True),
        sa.Column("once", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_announcements_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(["said_by"], ["users.id"], name=op.f("fk_announcements_said_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
        sa.UniqueConstraint("room_sitting_id", "once", name=op.f("uq_announcements_room_sitting_id")),
    )
    with op.batch_alter_table("announcements", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_announcements_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "canary_packages",
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("paper_key", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_canary_packages_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("room_sitting_id", name=op.f("pk_canary_packages")),
    )
    op.create_table(
        "check_overrules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("finding", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("overruled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("overruled_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["overruled_by"], ["users.id"], name=op.f("fk_check_overrules_overruled_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_check_overrules_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(["seat_id"], ["seats.id"], name=op.f("fk_check_overrules_seat_id_seats")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_overrules")),
    )
    with op.batch_alter_table("check_overrules", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_check_overrules_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "kiosk_orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("workstation_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("signature", sa.String(length=88), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["issued_by"], ["users.id"], name=op.f("fk_kiosk_orders_issued_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_kiosk_orders_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(
            ["workstation_id"], ["workstations.id"], name=op.f("fk_kiosk_orders_workstation_id_workstations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kiosk_orders")),
        sa.UniqueConstraint("nonce", name=op.f("uq_kiosk_orders_nonce")),
    )
    with op.batch_alter_table("kiosk_orders", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_kiosk_orders_room_sitting_id"), ["room_sitting_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_kiosk_orders_workstation_id"), ["workstation_id"], unique=False)

    op.create_table(
        "room_pins",
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("sealed_pin", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.String(length=44), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("cost", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_room_pins_room_sitting_id_room_sittings")
        ),
        sa.PrimaryKeyConstraint("room_sitting_id", name=op.f("pk_room_pins")),
        sa.UniqueConstraint("uid", name=op.f("uq_room_pins_uid")),
    )
    op.create_table(
        "seat_checks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("workstation_id", sa.Integer(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("results", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_seat_checks_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(["seat_id"], ["seats.id"], name=op.f("fk_seat_checks_seat_id_seats")),
        sa.ForeignKeyConstraint(
            ["workstation_id"], ["workstations.id"], name=op.f("fk_seat_checks_workstation_id_workstations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seat_checks")),
        sa.UniqueConstraint("room_sitting_id", "seat_id", name=op.f("uq_seat_checks_room_sitting_id")),
    )
    with op.batch_alter_table("seat_checks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seat_checks_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "attempt_merges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("old_journal", sa.Integer(), nullable=False),
        sa.Column("new_journal", sa.Integer(), nullable=False),
        sa.Column("upto", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_attempt_merges_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["cosigned_by"], ["users.id"], name=op.f("fk_attempt_merges_cosigned_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["users.id"], name=op.f("fk_attempt_merges_decided_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt_merges")),
        sa.UniqueConstraint("attempt_id", "old_journal", name=op.f("uq_attempt_merges_attempt_id")),
    )
    with op.batch_alter_table("attempt_merges", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attempt_merges_attempt_id"), ["attempt_id"], unique=False)

    op.create_table(
        "breaches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("workstation_id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=True),
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.String(length=80), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("froze", sa.Boolean(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_breaches_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_breaches_incident_id_incidents")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_breaches_room_sitting_id_room_sittings")
        ),
        sa.ForeignKeyConstraint(["seat_id"], ["seats.id"], name=op.f("fk_breaches_seat_id_seats")),
        sa.ForeignKeyConstraint(
            ["workstation_id"], ["workstations.id"], name=op.f("fk_breaches_workstation_id_workstations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breaches")),
        sa.UniqueConstraint("workstation_id", "ref", name=op.f("uq_breaches_workstation_id")),
    )
    with op.batch_alter_table("breaches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_breaches_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_breaches_room_sitting_id"), ["room_sitting_id"], unique=False)

    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hand_raised_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("hand_reason", sa.String(length=12), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("frozen_why", sa.String(length=32), nullable=True))

    with op.batch_alter_table("link_gaps", schema=None) as batch_op:
        batch_op.add_column(sa.Column("clear_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("extra_percent", sa.Numeric(precision=5, scale=2), nullable=True))
        batch_op.add_column(sa.Column("extra_minutes", sa.Numeric(precision=7, scale=2), nullable=True))
        batch_op.add_column(
            sa.Column("large_print", sa.Boolean(), server_default=sa.text("(false)"), nullable=False)
        )
        batch_op.add_column(
            sa.Column(
                "accommodation_note", sa.String(length=200), server_default=sa.text("('')"), nullable=False
            )
        )


def downgrade() -> None:
    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.drop_column("accommodation_note")
        batch_op.drop_column("large_print")
        batch_op.drop_column("extra_minutes")
        batch_op.drop_column("extra_percent")

    with op.batch_alter_table("link_gaps", schema=None) as batch_op:
        batch_op.drop_column("clear_at")

    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.drop_column("frozen_why")
        batch_op.drop_column("frozen_at")
        batch_op.drop_column("hand_reason")
        batch_op.drop_column("hand_raised_at")

    with op.batch_alter_table("breaches", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_breaches_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_breaches_attempt_id"))

    op.drop_table("breaches")
    with op.batch_alter_table("attempt_merges", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attempt_merges_attempt_id"))

    op.drop_table("attempt_merges")
    with op.batch_alter_table("seat_checks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_seat_checks_room_sitting_id"))

    op.drop_table("seat_checks")
    op.drop_table("room_pins")
    with op.batch_alter_table("kiosk_orders", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_kiosk_orders_workstation_id"))
        batch_op.drop_index(batch_op.f("ix_kiosk_orders_room_sitting_id"))

    op.drop_table("kiosk_orders")
    with op.batch_alter_table("check_overrules", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_check_overrules_room_sitting_id"))

    op.drop_table("check_overrules")
    op.drop_table("canary_packages")
    with op.batch_alter_table("announcements", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_announcements_room_sitting_id"))

    op.drop_table("announcements")
    op.drop_table("seb_rooms")
