"""cameras enrolments evidence captures warnings."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "captures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.JSON(), nullable=False),
        sa.Column("recheck", sa.String(length=12), nullable=False),
        sa.Column("recheck_note", sa.JSON(), nullable=False),
        sa.Column("rechecked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_captures_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_captures_room_sitting_id_room_sittings")
        ),
        sa.ForeignKeyConstraint(["seat_id"], ["seats.id"], name=op.f("fk_captures_seat_id_seats")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_captures")),
        sa.UniqueConstraint("attempt_id", "number", name=op.f("uq_captures_attempt_id")),
    )
    with op.batch_alter_table("captures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_captures_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_captures_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "enrolments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("workstation_id", sa.Integer(), nullable=False),
        sa.Column("sealed_template", sa.LargeBinary(), nullable=True),
        sa.Column("likeness", sa.String(length=16), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("spread", sa.Double(), nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_enrolments_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["workstation_id"], ["workstations.id"], name=op.f("fk_enrolments_workstation_id_workstations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
    )
    with op.batch_alter_table("enrolments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_enrolments_attempt_id"), ["attempt_id"], unique=False)

    op.create_table(
        "evidence_frames",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("workstation_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=True),
        sa.Column("capture_id", sa.Integer(), nullable=True),
        sa.Column("moment", sa.String(length=8), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("file", sa.String(length=80), nullable=False),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_evidence_frames_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["capture_id"], ["captures.id"], name=op.f("fk_evidence_frames_capture_id_captures")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_evidence_frames_incident_id_incidents")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_evidence_frames_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(["seat_id"], ["seats.id"], name=op.f("fk_evidence_frames_seat_id_seats")),
        sa.ForeignKeyConstraint(
            ["workstation_id"],
            ["workstations.id"],
            name=op.f("fk_evidence_frames_workstation_id_workstations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_frames")),
        sa.UniqueConstraint(
            "workstation_id",
            "sha256",
            "purpose",
            "incident_id",
            "capture_id",
            name=op.f("uq_evidence_frames_workstation_id"),
        ),
    )
    with op.batch_alter_table("evidence_frames", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_evidence_frames_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_evidence_frames_capture_id"), ["capture_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_evidence_frames_incident_id"), ["incident_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_evidence_frames_room_sitting_id"), ["room_sitting_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_evidence_frames_sha256"), ["sha256"], unique=False)

    op.create_table(
        "warnings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_by", sa.Integer(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_warnings_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(["given_by"], ["users.id"], name=op.f("fk_warnings_given_by_users")),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_warnings_incident_id_incidents")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_warnings_room_sitting_id_room_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warnings")),
    )
    with op.batch_alter_table("warnings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warnings_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_warnings_room_sitting_id"), ["room_sitting_id"], unique=False)

    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("episode", sa.String(length=32), server_default=sa.text("''"), nullable=False)
        )
        batch_op.create_index(batch_op.f("ix_incidents_episode"), ["episode"], unique=False)

    with op.batch_alter_table("room_sittings", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("capture_seed", sa.String(length=40), server_default=sa.text("''"), nullable=False)
        )
        batch_op.add_column(sa.Column("cameras_overruled", sa.JSON(), nullable=True))

    with op.batch_alter_table("seats", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("camera", sa.String(length=120), server_default=sa.text("''"), nullable=False)
        )

    with op.batch_alter_table("time_credits", schema=None) as batch_op:
        batch_op.add_column(sa.Column("once", sa.String(length=32), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_time_credits_once"), ["once"])

    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cosigned_by", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_packages_cosigned_by_users"), "users", ["cosigned_by"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_packages_cosigned_by_users"), type_="foreignkey")
        batch_op.drop_column("cosigned_by")

    with op.batch_alter_table("time_credits", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_time_credits_once"), type_="unique")
        batch_op.drop_column("once")

    with op.batch_alter_table("seats", schema=None) as batch_op:
        batch_op.drop_column("camera")

    with op.batch_alter_table("room_sittings", schema=None) as batch_op:
        batch_op.drop_column("cameras_overruled")
        batch_op.drop_column("capture_seed")

    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_incidents_episode"))
        batch_op.drop_column("episode")

    with op.batch_alter_table("warnings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warnings_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_warnings_attempt_id"))

    op.drop_table("warnings")
    with op.batch_alter_table("evidence_frames", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_evidence_frames_sha256"))
        batch_op.drop_index(batch_op.f("ix_evidence_frames_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_evidence_frames_incident_id"))
        batch_op.drop_index(batch_op.f("ix_evidence_frames_capture_id"))
        batch_op.drop_index(batch_op.f("ix_evidence_frames_attempt_id"))

    op.drop_table("evidence_frames")
    with op.batch_alter_table("enrolments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_enrolments_attempt_id"))

    op.drop_table("enrolments")
    with op.batch_alter_table("captures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_captures_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_captures_attempt_id"))

    op.drop_table("captures")
