"""rooms seating staffing sign-in cases and records."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_checkpoints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stream", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("site_key", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_checkpoints")),
    )
    with op.batch_alter_table("audit_checkpoints", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_checkpoints_stream"), ["stream"], unique=False)

    op.create_table(
        "arrangements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seed", sa.String(length=40), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("sittings", sa.JSON(), nullable=False),
        sa.Column("candidates", sa.Integer(), nullable=False),
        sa.Column("inputs_hash", sa.String(length=64), nullable=False),
        sa.Column("result_hash", sa.String(length=64), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name=op.f("fk_arrangements_made_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrangements")),
    )
    op.create_table(
        "staff_profiles",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("employer", sa.String(length=120), nullable=False),
        sa.Column("card_number", sa.String(length=40), nullable=False),
        sa.Column("card_grade", sa.String(length=20), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["changed_by"], ["users.id"], name=op.f("fk_staff_profiles_changed_by_users")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_staff_profiles_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_staff_profiles")),
    )
    op.create_table(
        "staff_recusals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("candidate_index", sa.String(length=64), nullable=False),
        sa.Column("employer", sa.String(length=120), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Integer(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["added_by"], ["users.id"], name=op.f("fk_staff_recusals_added_by_users")),
        sa.ForeignKeyConstraint(
            ["removed_by"], ["users.id"], name=op.f("fk_staff_recusals_removed_by_users")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_staff_recusals_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_recusals")),
    )
    with op.batch_alter_table("staff_recusals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_recusals_user_id"), ["user_id"], unique=False)

    op.create_table(
        "camera_stays",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workstation_id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.String(length=120), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["seat_id"], ["seats.id"], name=op.f("fk_camera_stays_seat_id_seats")),
        sa.ForeignKeyConstraint(
            ["workstation_id"], ["workstations.id"], name=op.f("fk_camera_stays_workstation_id_workstations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera_stays")),
    )
    with op.batch_alter_table("camera_stays", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_camera_stays_workstation_id"), ["workstation_id"], unique=False)

    op.create_table(
        "staff_draws",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sitting_id", sa.Integer(), nullable=False),
        sa.Column("seed", sa.String(length=40), nullable=False),
        sa.Column("inputs", sa.String(length=64), nullable=False),
        sa.Column("shortages", sa.JSON(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drawn_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["drawn_by"], ["users.id"], name=op.f("fk_staff_draws_drawn_by_users")),
        sa.ForeignKeyConstraint(
            ["sitting_id"], ["sittings.id"], name=op.f("fk_staff_draws_sitting_id_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_draws")),
    )
    with op.batch_alter_table("staff_draws", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_draws_sitting_id"), ["sitting_id"], unique=False)

    op.create_table(
        "supervision_marks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sitting_id", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(length=32), nullable=False),
        sa.Column("result", sa.String(length=8), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("marked_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["marked_by"], ["users.id"], name=op.f("fk_supervision_marks_marked_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["sitting_id"], ["sittings.id"], name=op.f("fk_supervision_marks_sitting_id_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_marks")),
    )
    with op.batch_alter_table("supervision_marks", schema=None) as batch_op:
        batch_op.create_index("ix_supervision_marks_item", ["sitting_id", "item"], unique=False)

    op.create_table(
        "supervision_signs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sitting_id", sa.Integer(), nullable=False),
        sa.Column("opinion", sa.String(length=500), nullable=False),
        sa.Column("mark", sa.String(length=16), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["signed_by"], ["users.id"], name=op.f("fk_supervision_signs_signed_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["sitting_id"], ["sittings.id"], name=op.f("fk_supervision_signs_sitting_id_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_signs")),
        sa.UniqueConstraint("sitting_id", name=op.f("uq_supervision_signs_sitting_id")),
    )
    op.create_table(
        "day_prints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sitting_id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("printed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("printed_by", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["printed_by"], ["users.id"], name=op.f("fk_day_prints_printed_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_day_prints_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(
            ["sitting_id"], ["sittings.id"], name=op.f("fk_day_prints_sitting_id_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_day_prints")),
    )
    with op.batch_alter_table("day_prints", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_day_prints_sitting_id"), ["sitting_id"], unique=False)

    op.create_table(
        "dossiers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("with_frames", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("file", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["asked_by"], ["users.id"], name=op.f("fk_dossiers_asked_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_dossiers_room_sitting_id_room_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dossiers")),
    )
    with op.batch_alter_table("dossiers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dossiers_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "duty_signs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_by", sa.Integer(), nullable=True),
        sa.Column("in_reason", sa.String(length=200), nullable=False),
        sa.Column("out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("out_by", sa.Integer(), nullable=True),
        sa.Column("out_reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["in_by"], ["users.id"], name=op.f("fk_duty_signs_in_by_users")),
        sa.ForeignKeyConstraint(["out_by"], ["users.id"], name=op.f("fk_duty_signs_out_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_duty_signs_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_duty_signs_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_signs")),
    )
    with op.batch_alter_table("duty_signs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_duty_signs_room_sitting_id"), ["room_sitting_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_duty_signs_user_id"), ["user_id"], unique=False)

    op.create_table(
        "gate_overrules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("gate", sa.String(length=16), nullable=False),
        sa.Column("finding", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("overruled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("overruled_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["cosigned_by"], ["users.id"], name=op.f("fk_gate_overrules_cosigned_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["overruled_by"], ["users.id"], name=op.f("fk_gate_overrules_overruled_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_gate_overrules_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_overrules")),
    )
    with op.batch_alter_table("gate_overrules", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_gate_overrules_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "gate_stands",
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gates", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_gate_stands_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("room_sitting_id", name=op.f("pk_gate_stands")),
    )
    op.create_table(
        "outages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=8), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_by", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("decision", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.Column("sitting_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["cosigned_by"], ["users.id"], name=op.f("fk_outages_cosigned_by_users")),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_outages_decided_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_outages_room_sitting_id_room_sittings")
        ),
        sa.ForeignKeyConstraint(["sitting_id"], ["sittings.id"], name=op.f("fk_outages_sitting_id_sittings")),
        sa.ForeignKeyConstraint(["told_by"], ["users.id"], name=op.f("fk_outages_told_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outages")),
    )
    with op.batch_alter_table("outages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outages_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "record_annexes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["added_by"], ["users.id"], name=op.f("fk_record_annexes_added_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_record_annexes_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_annexes")),
    )
    with op.batch_alter_table("record_annexes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_record_annexes_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "record_corrections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(length=80), nullable=False),
        sa.Column("old", sa.String(length=1000), nullable=False),
        sa.Column("new", sa.String(length=1000), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name=op.f("fk_record_corrections_made_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_record_corrections_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_corrections")),
    )
    with op.batch_alter_table("record_corrections", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_record_corrections_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "record_signatures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_record_signatures_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_record_signatures_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_signatures")),
        sa.UniqueConstraint(
            "room_sitting_id", "user_id", "content_sha256", name=op.f("uq_record_signatures_room_sitting_id")
        ),
    )
    with op.batch_alter_table("record_signatures", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_record_signatures_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "room_records",
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_by", sa.Integer(), nullable=True),
        sa.Column("checkpoint_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"],
            ["audit_checkpoints.id"],
            name=op.f("fk_room_records_checkpoint_id_audit_checkpoints"),
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_room_records_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(["sealed_by"], ["users.id"], name=op.f("fk_room_records_sealed_by_users")),
        sa.PrimaryKeyConstraint("room_sitting_id", name=op.f("pk_room_records")),
    )
    op.create_table(
        "signins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("registration_id", sa.Integer(), nullable=False),
        sa.Column("standing_for", sa.Integer(), nullable=True),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("result", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("consent", sa.Boolean(), nullable=True),
        sa.Column("face", sa.String(length=12), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("late_minutes", sa.Integer(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.Column("second_id", sa.Integer(), nullable=True),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("decision_reason", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_second", sa.Integer(), nullable=True),
        sa.Column("taken_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_back_by", sa.Integer(), nullable=True),
        sa.Column("taken_back_reason", sa.String(length=200), nullable=False),
        sa.Column("sealed_picture", sa.LargeBinary(), nullable=True),
        sa.Column("has_picture", sa.Boolean(), nullable=False),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_signins_decided_by_users")),
        sa.ForeignKeyConstraint(
            ["decided_second"], ["users.id"], name=op.f("fk_signins_decided_second_users")
        ),
        sa.ForeignKeyConstraint(["operator_id"], ["users.id"], name=op.f("fk_signins_operator_id_users")),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["registrations.id"], name=op.f("fk_signins_registration_id_registrations")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_signins_room_sitting_id_room_sittings")
        ),
        sa.ForeignKeyConstraint(["second_id"], ["users.id"], name=op.f("fk_signins_second_id_users")),
        sa.ForeignKeyConstraint(["taken_back_by"], ["users.id"], name=op.f("fk_signins_taken_back_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signins")),
        sa.UniqueConstraint("standing_for", name=op.f("uq_signins_standing_for")),
    )
    with op.batch_alter_table("signins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signins_registration_id"), ["registration_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_signins_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "site_check_signs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("finding", sa.String(length=64), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=False),
        sa.Column("remarks", sa.String(length=500), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_site_check_signs_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(
            ["signed_by"], ["users.id"], name=op.f("fk_site_check_signs_signed_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_check_signs")),
    )
    with op.batch_alter_table("site_check_signs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_site_check_signs_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "supervision_notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sitting_id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=True),
        sa.Column("finding", sa.Boolean(), nullable=False),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by", sa.Integer(), nullable=True),
        sa.Column("correction", sa.String(length=1000), nullable=False),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["noted_by"], ["users.id"], name=op.f("fk_supervision_notes_noted_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_supervision_notes_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(
            ["sitting_id"], ["sittings.id"], name=op.f("fk_supervision_notes_sitting_id_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_notes")),
    )
    with op.batch_alter_table("supervision_notes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_supervision_notes_sitting_id"), ["sitting_id"], unique=False)

    op.create_table(
        "walk_ins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("registration_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("from_room_sitting_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["users.id"], name=op.f("fk_walk_ins_by_id_users")),
        sa.ForeignKeyConstraint(["cosigned_by"], ["users.id"], name=op.f("fk_walk_ins_cosigned_by_users")),
        sa.ForeignKeyConstraint(
            ["from_room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_walk_ins_from_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["registrations.id"], name=op.f("fk_walk_ins_registration_id_registrations")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_walk_ins_room_sitting_id_room_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_walk_ins")),
    )
    with op.batch_alter_table("walk_ins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_walk_ins_registration_id"), ["registration_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_walk_ins_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "cases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("registration_id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Integer(), nullable=True),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", sa.String(length=1000), nullable=False),
        sa.Column("handling", sa.String(length=400), nullable=False),
        sa.Column("article", sa.String(length=40), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_cases_attempt_id_attempts")),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_cases_batch_id_batches")),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_cases_candidate_id_candidates")
        ),
        sa.ForeignKeyConstraint(["opened_by"], ["users.id"], name=op.f("fk_cases_opened_by_users")),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["registrations.id"], name=op.f("fk_cases_registration_id_registrations")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_cases_room_sitting_id_room_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cases_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cases_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cases_candidate_id"), ["candidate_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cases_outcome"), ["outcome"], unique=False)
        batch_op.create_index(batch_op.f("ix_cases_registration_id"), ["registration_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cases_room_sitting_id"), ["room_sitting_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cases_state"), ["state"], unique=False)

    op.create_table(
        "covers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_covers_attempt_id_attempts")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_covers_room_sitting_id_room_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_covers")),
    )
    with op.batch_alter_table("covers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_covers_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_covers_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "paused_work",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_paused_work_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_paused_work_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paused_work")),
        sa.UniqueConstraint("attempt_id", "since_at", name=op.f("uq_paused_work_attempt_id")),
    )
    with op.batch_alter_table("paused_work", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_paused_work_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_paused_work_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "pauses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=True),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("paused_by", sa.Integer(), nullable=True),
        sa.Column("resumed_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_pauses_attempt_id_attempts")),
        sa.ForeignKeyConstraint(["paused_by"], ["users.id"], name=op.f("fk_pauses_paused_by_users")),
        sa.ForeignKeyConstraint(["resumed_by"], ["users.id"], name=op.f("fk_pauses_resumed_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_pauses_room_sitting_id_room_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pauses")),
    )
    with op.batch_alter_table("pauses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pauses_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "seat_commands",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.Column("once", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_seat_commands_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["cosigned_by"], ["users.id"], name=op.f("fk_seat_commands_cosigned_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_seat_commands_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(["seat_id"], ["seats.id"], name=op.f("fk_seat_commands_seat_id_seats")),
        sa.ForeignKeyConstraint(["sent_by"], ["users.id"], name=op.f("fk_seat_commands_sent_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seat_commands")),
    )
    with op.batch_alter_table("seat_commands", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seat_commands_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_seat_commands_once"), ["once"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_seat_commands_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "seat_losses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("workstation_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_seat_losses_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_seat_losses_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(
            ["workstation_id"], ["workstations.id"], name=op.f("fk_seat_losses_workstation_id_workstations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seat_losses")),
        sa.UniqueConstraint("attempt_id", "ref", name=op.f("uq_seat_losses_attempt_id")),
    )
    with op.batch_alter_table("seat_losses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seat_losses_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_seat_losses_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "case_incidents",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_incidents_case_id_cases")),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_case_incidents_incident_id_incidents")
        ),
        sa.PrimaryKeyConstraint("case_id", "incident_id", name=op.f("pk_case_incidents")),
    )
    op.create_table(
        "case_steps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["by"], ["users.id"], name=op.f("fk_case_steps_by_users")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_steps_case_id_cases")),
        sa.ForeignKeyConstraint(["cosigned_by"], ["users.id"], name=op.f("fk_case_steps_cosigned_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_steps")),
        sa.UniqueConstraint("case_id", "seq", name=op.f("uq_case_steps_case_id")),
    )
    with op.batch_alter_table("case_steps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_steps_case_id"), ["case_id"], unique=False)

    op.create_table(
        "compensations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("minutes", sa.Numeric(precision=7, scale=2), nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("credit_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_compensations_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["cosigned_by"], ["users.id"], name=op.f("fk_compensations_cosigned_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["credit_id"], ["time_credits.id"], name=op.f("fk_compensations_credit_id_time_credits")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_compensations_decided_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_compensations_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compensations")),
        sa.UniqueConstraint("attempt_id", "since_at", name=op.f("uq_compensations_attempt_id")),
    )
    with op.batch_alter_table("compensations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_compensations_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_compensations_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "person_register",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("id_index", sa.String(length=64), nullable=False),
        sa.Column("article", sa.String(length=40), nullable=False),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bars_certificate", sa.Boolean(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_person_register_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_register")),
        sa.UniqueConstraint("case_id", name=op.f("uq_person_register_case_id")),
    )
    with op.batch_alter_table("person_register", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_register_id_index"), ["id_index"], unique=False)

    op.create_table(
        "seat_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("command_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_seat_messages_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["command_id"], ["seat_commands.id"], name=op.f("fk_seat_messages_command_id_seat_commands")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seat_messages")),
    )
    with op.batch_alter_table("seat_messages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seat_messages_attempt_id"), ["attempt_id"], unique=False)

    op.create_table(
        "staff_reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("note", sa.String(length=400), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_by", sa.Integer(), nullable=True),
        sa.Column("witnesses", sa.JSON(), nullable=False),
        sa.Column("escort", sa.String(length=64), nullable=False),
        sa.Column("back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("back_by", sa.Integer(), nullable=True),
        sa.Column("back_check", sa.String(length=12), nullable=False),
        sa.Column("back_note", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_staff_reports_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(["back_by"], ["users.id"], name=op.f("fk_staff_reports_back_by_users")),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_staff_reports_incident_id_incidents")
        ),
        sa.ForeignKeyConstraint(
            ["reported_by"], ["users.id"], name=op.f("fk_staff_reports_reported_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_staff_reports_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_reports")),
        sa.UniqueConstraint("incident_id", name=op.f("uq_staff_reports_incident_id")),
    )
    with op.batch_alter_table("staff_reports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_reports_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_staff_reports_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "report_photos",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["staff_reports.id"], name=op.f("fk_report_photos_report_id_staff_reports")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_photos")),
        sa.UniqueConstraint("report_id", "number", name=op.f("uq_report_photos_report_id")),
    )
    with op.batch_alter_table("report_photos", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_photos_report_id"), ["report_id"], unique=False)

    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("drawn", sa.Boolean(), server_default=sa.text("(false)"), nullable=False)
        )

    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("component_results", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sealed_before_void", sa.LargeBinary(), nullable=True))

    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("drawn_room", sa.Boolean(), server_default=sa.text("(false)"), nullable=False)
        )
        batch_op.add_column(
            sa.Column("own_room", sa.Boolean(), server_default=sa.text("(false)"), nullable=False)
        )
        batch_op.add_column(sa.Column("void_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.alter_column("room_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.create_index(batch_op.f("ix_registrations_room_id"), ["room_id"], unique=False)

    with op.batch_alter_table("room_sittings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("arrangement_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("locked_by", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("lock_overruled", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("void_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_room_sittings_arrangement_id_arrangements"),
            "arrangements",
            ["arrangement_id"],
            ["id"],
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_room_sittings_locked_by_users"), "users", ["locked_by"], ["id"]
        )

    with op.batch_alter_table("rooms", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("plan_version", sa.Integer(), server_default=sa.text("1"), nullable=False)
        )

    with op.batch_alter_table("sittings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("replaces_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_sittings_replaces_id_sittings"), "sittings", ["replaces_id"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("sittings", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_sittings_replaces_id_sittings"), type_="foreignkey")
        batch_op.drop_column("replaces_id")

    with op.batch_alter_table("rooms", schema=None) as batch_op:
        batch_op.drop_column("plan_version")

    with op.batch_alter_table("room_sittings", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_room_sittings_locked_by_users"), type_="foreignkey")
        batch_op.drop_constraint(
            batch_op.f("fk_room_sittings_arrangement_id_arrangements"), type_="foreignkey"
        )
        batch_op.drop_column("void_at")
        batch_op.drop_column("paused_at")
        batch_op.drop_column("lock_overruled")
        batch_op.drop_column("locked_by")
        batch_op.drop_column("locked_at")
        batch_op.drop_column("arrangement_id")

    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_registrations_room_id"))
        batch_op.alter_column("room_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.drop_column("void_at")
        batch_op.drop_column("own_room")
        batch_op.drop_column("drawn_room")

    with op.batch_alter_table("component_results", schema=None) as batch_op:
        batch_op.drop_column("sealed_before_void")

    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.drop_column("paused_at")

    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.drop_column("drawn")

    with op.batch_alter_table("report_photos", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_report_photos_report_id"))

    op.drop_table("report_photos")
    with op.batch_alter_table("staff_reports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_staff_reports_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_staff_reports_attempt_id"))

    op.drop_table("staff_reports")
    with op.batch_alter_table("seat_messages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_seat_messages_attempt_id"))

    op.drop_table("seat_messages")
    with op.batch_alter_table("person_register", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_register_id_index"))

    op.drop_table("person_register")
    with op.batch_alter_table("compensations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_compensations_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_compensations_attempt_id"))

    op.drop_table("compensations")
    with op.batch_alter_table("case_steps", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_case_steps_case_id"))

    op.drop_table("case_steps")
    op.drop_table("case_incidents")
    with op.batch_alter_table("seat_losses", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_seat_losses_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_seat_losses_attempt_id"))

    op.drop_table("seat_losses")
    with op.batch_alter_table("seat_commands", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_seat_commands_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_seat_commands_once"))
        batch_op.drop_index(batch_op.f("ix_seat_commands_attempt_id"))

    op.drop_table("seat_commands")
    with op.batch_alter_table("pauses", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pauses_room_sitting_id"))

    op.drop_table("pauses")
    with op.batch_alter_table("paused_work", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_paused_work_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_paused_work_attempt_id"))

    op.drop_table("paused_work")
    with op.batch_alter_table("covers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_covers_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_covers_attempt_id"))

    op.drop_table("covers")
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cases_state"))
        batch_op.drop_index(batch_op.f("ix_cases_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_cases_registration_id"))
        batch_op.drop_index(batch_op.f("ix_cases_outcome"))
        batch_op.drop_index(batch_op.f("ix_cases_candidate_id"))
        batch_op.drop_index(batch_op.f("ix_cases_batch_id"))
        batch_op.drop_index(batch_op.f("ix_cases_attempt_id"))

    op.drop_table("cases")
    with op.batch_alter_table("walk_ins", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_walk_ins_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_walk_ins_registration_id"))

    op.drop_table("walk_ins")
    with op.batch_alter_table("supervision_notes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_supervision_notes_sitting_id"))

    op.drop_table("supervision_notes")
    with op.batch_alter_table("site_check_signs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_site_check_signs_room_sitting_id"))

    op.drop_table("site_check_signs")
    with op.batch_alter_table("signins", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signins_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_signins_registration_id"))

    op.drop_table("signins")
    op.drop_table("room_records")
    with op.batch_alter_table("record_signatures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_record_signatures_room_sitting_id"))

    op.drop_table("record_signatures")
    with op.batch_alter_table("record_corrections", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_record_corrections_room_sitting_id"))

    op.drop_table("record_corrections")
    with op.batch_alter_table("record_annexes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_record_annexes_room_sitting_id"))

    op.drop_table("record_annexes")
    with op.batch_alter_table("outages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outages_room_sitting_id"))

    op.drop_table("outages")
    op.drop_table("gate_stands")
    with op.batch_alter_table("gate_overrules", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gate_overrules_room_sitting_id"))

    op.drop_table("gate_overrules")
    with op.batch_alter_table("duty_signs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_duty_signs_user_id"))
        batch_op.drop_index(batch_op.f("ix_duty_signs_room_sitting_id"))

    op.drop_table("duty_signs")
    with op.batch_alter_table("dossiers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_dossiers_room_sitting_id"))

    op.drop_table("dossiers")
    with op.batch_alter_table("day_prints", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_day_prints_sitting_id"))

    op.drop_table("day_prints")
    op.drop_table("supervision_signs")
    with op.batch_alter_table("supervision_marks", schema=None) as batch_op:
        batch_op.drop_index("ix_supervision_marks_item")

    op.drop_table("supervision_marks")
    with op.batch_alter_table("staff_draws", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_staff_draws_sitting_id"))

    op.drop_table("staff_draws")
    with op.batch_alter_table("camera_stays", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_camera_stays_workstation_id"))

    op.drop_table("camera_stays")
    with op.batch_alter_table("staff_recusals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_staff_recusals_user_id"))

    op.drop_table("staff_recusals")
    op.drop_table("staff_profiles")
    op.drop_table("arrangements")
    with op.batch_alter_table("audit_checkpoints", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_checkpoints_stream"))

    op.drop_table("audit_checkpoints")
