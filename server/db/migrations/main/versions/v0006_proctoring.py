"""proctoring."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "room_camera_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.Column("secret_index", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_room_camera_codes_created_by_users")
        ),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_room_camera_codes_room_id_rooms")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_camera_codes")),
        sa.UniqueConstraint("secret_index", name=op.f("uq_room_camera_codes_secret_index")),
    )
    with op.batch_alter_table("room_camera_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_room_camera_codes_room_id"), ["room_id"], unique=False)

    op.create_table(
        "room_cameras",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("hostname", sa.String(length=120), nullable=False),
        sa.Column("software", sa.String(length=40), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("paired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paired_by", sa.Integer(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["paired_by"], ["users.id"], name=op.f("fk_room_cameras_paired_by_users")),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_room_cameras_room_id_rooms")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_cameras")),
    )
    with op.batch_alter_table("room_cameras", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_room_cameras_room_id"), ["room_id"], unique=False)

    op.create_table(
        "room_camera_calibrations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("matrix", sa.JSON(), nullable=False),
        sa.Column("residual", sa.Double(), nullable=False),
        sa.Column("samples", sa.JSON(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("left_out", sa.JSON(), nullable=False),
        sa.Column("how", sa.String(length=12), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["camera_id"],
            ["room_cameras.id"],
            name=op.f("fk_room_camera_calibrations_camera_id_room_cameras"),
        ),
        sa.ForeignKeyConstraint(
            ["made_by"], ["users.id"], name=op.f("fk_room_camera_calibrations_made_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_camera_calibrations")),
    )
    with op.batch_alter_table("room_camera_calibrations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_room_camera_calibrations_camera_id"), ["camera_id"], unique=False
        )

    op.create_table(
        "camera_spans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("workstation_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("checks", sa.String(length=40), nullable=False),
        sa.Column("unavailable", sa.JSON(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["seat_id"], ["seats.id"], name=op.f("fk_camera_spans_seat_id_seats")),
        sa.ForeignKeyConstraint(
            ["workstation_id"], ["workstations.id"], name=op.f("fk_camera_spans_workstation_id_workstations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera_spans")),
    )
    with op.batch_alter_table("camera_spans", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_camera_spans_seat_id"), ["seat_id"], unique=False)

    op.create_table(
        "muted_checks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("muted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reviewed", sa.Integer(), nullable=False),
        sa.Column("dismissed", sa.Integer(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("target", sa.Double(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Integer(), nullable=True),
        sa.Column("lift_reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["lifted_by"], ["users.id"], name=op.f("fk_muted_checks_lifted_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_muted_checks_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_muted_checks")),
        sa.UniqueConstraint("room_sitting_id", "kind", name=op.f("uq_muted_checks_room_sitting_id")),
    )
    op.create_table(
        "room_camera_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("samples", sa.JSON(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["room_cameras.id"], name=op.f("fk_room_camera_runs_camera_id_room_cameras")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_room_camera_runs_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_camera_runs")),
        sa.UniqueConstraint("room_sitting_id", "camera_id", name=op.f("uq_room_camera_runs_room_sitting_id")),
    )
    with op.batch_alter_table("room_camera_runs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_room_camera_runs_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "consents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("how", sa.String(length=12), nullable=False),
        sa.Column("text_version", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("second_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_consents_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(["by_id"], ["users.id"], name=op.f("fk_consents_by_id_users")),
        sa.ForeignKeyConstraint(["second_id"], ["users.id"], name=op.f("fk_consents_second_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consents_attempt_id"), ["attempt_id"], unique=False)

    op.create_table(
        "legal_holds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("placed_by", sa.Integer(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Integer(), nullable=True),
        sa.Column("lifted_second", sa.Integer(), nullable=True),
        sa.Column("lift_reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_legal_holds_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(["lifted_by"], ["users.id"], name=op.f("fk_legal_holds_lifted_by_users")),
        sa.ForeignKeyConstraint(
            ["lifted_second"], ["users.id"], name=op.f("fk_legal_holds_lifted_second_users")
        ),
        sa.ForeignKeyConstraint(["placed_by"], ["users.id"], name=op.f("fk_legal_holds_placed_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_legal_holds_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_holds")),
    )
    with op.batch_alter_table("legal_holds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_legal_holds_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_legal_holds_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "look_batches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("workstation_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("boot_id", sa.String(length=64), nullable=False),
        sa.Column("since_ns", sa.BigInteger(), nullable=False),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_look_batches_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_look_batches_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(["seat_id"], ["seats.id"], name=op.f("fk_look_batches_seat_id_seats")),
        sa.ForeignKeyConstraint(
            ["workstation_id"], ["workstations.id"], name=op.f("fk_look_batches_workstation_id_workstations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_look_batches")),
        sa.UniqueConstraint("attempt_id", "name", name=op.f("uq_look_batches_attempt_id")),
    )
    with op.batch_alter_table("look_batches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_look_batches_keep_until"), ["keep_until"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_look_batches_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "face_probes",
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("sealed_probe", sa.LargeBinary(), nullable=True),
        sa.Column("model", sa.String(length=60), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_face_probes_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_face_probes_incident_id_incidents")
        ),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_face_probes")),
    )
    with op.batch_alter_table("face_probes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_face_probes_attempt_id"), ["attempt_id"], unique=False)

    op.create_table(
        "room_camera_frames",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("moment", sa.String(length=8), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("file", sa.String(length=80), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["room_cameras.id"], name=op.f("fk_room_camera_frames_camera_id_room_cameras")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_room_camera_frames_incident_id_incidents")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_room_camera_frames_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_camera_frames")),
    )
    with op.batch_alter_table("room_camera_frames", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_room_camera_frames_incident_id"), ["incident_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_room_camera_frames_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    with op.batch_alter_table("enrolments", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("challenge", sa.String(length=12), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(sa.Column("challenge_note", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("liveness", sa.Double(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("enrolments", schema=None) as batch_op:
        batch_op.drop_column("liveness")
        batch_op.drop_column("challenge_note")
        batch_op.drop_column("challenge")

    with op.batch_alter_table("room_camera_frames", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_room_camera_frames_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_room_camera_frames_incident_id"))

    op.drop_table("room_camera_frames")
    with op.batch_alter_table("face_probes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_face_probes_attempt_id"))

    op.drop_table("face_probes")
    with op.batch_alter_table("look_batches", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_look_batches_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_look_batches_keep_until"))

    op.drop_table("look_batches")
    with op.batch_alter_table("legal_holds", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_legal_holds_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_legal_holds_attempt_id"))

    op.drop_table("legal_holds")
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consents_attempt_id"))

    op.drop_table("consents")
    with op.batch_alter_table("room_camera_runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_room_camera_runs_room_sitting_id"))

    op.drop_table("room_camera_runs")
    op.drop_table("muted_checks")
    with op.batch_alter_table("camera_spans", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_camera_spans_seat_id"))

    op.drop_table("camera_spans")
    with op.batch_alter_table("room_camera_calibrations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_room_camera_calibrations_camera_id"))

    op.drop_table("room_camera_calibrations")
    with op.batch_alter_table("room_cameras", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_room_cameras_room_id"))

    op.drop_table("room_cameras")
    with op.batch_alter_table("room_camera_codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_room_camera_codes_room_id"))

    op.drop_table("room_camera_codes")
