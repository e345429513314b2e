"""assessment."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calendar_years",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("holidays", sa.JSON(), nullable=False),
        sa.Column("worked", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Integer(), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["replaced_by"], ["users.id"], name=op.f("fk_calendar_years_replaced_by_users")
        ),
        sa.ForeignKeyConstraint(["set_by"], ["users.id"], name=op.f("fk_calendar_years_set_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_years")),
    )
    with op.batch_alter_table("calendar_years", schema=None) as batch_op:
        batch_op.create_index("ix_calendar_years_year", ["year"], unique=False)

    op.create_table(
        "guard_licences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("sealed_number", sa.LargeBinary(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by", sa.Integer(), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_guard_licences_candidate_id_candidates")
        ),
        sa.ForeignKeyConstraint(["noted_by"], ["users.id"], name=op.f("fk_guard_licences_noted_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guard_licences")),
    )
    with op.batch_alter_table("guard_licences", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_guard_licences_candidate_id"), ["candidate_id"], unique=False)

    op.create_table(
        "scoring_devices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.String(length=120), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_scoring_devices_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scoring_devices")),
    )
    with op.batch_alter_table("scoring_devices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_scoring_devices_user_id"), ["user_id"], unique=False)

    op.create_table(
        "stations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=8), nullable=False),
        sa.Column("equipment", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_stations_room_id_rooms")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stations")),
        sa.UniqueConstraint("room_id", "number", name=op.f("uq_stations_room_id")),
    )
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stations_room_id"), ["room_id"], unique=False)

    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("component", sa.String(length=16), nullable=False),
        sa.Column("old_revision", sa.Integer(), nullable=False),
        sa.Column("old_status", sa.String(length=16), nullable=False),
        sa.Column("old_score", sa.Numeric(precision=8, scale=3), nullable=True),
        sa.Column("new_status", sa.String(length=16), nullable=False),
        sa.Column("new_score", sa.Numeric(precision=8, scale=3), nullable=True),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("evidence", sa.String(length=400), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.Integer(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_corrections_batch_id_batches")),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_corrections_candidate_id_candidates")
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["users.id"], name=op.f("fk_corrections_proposed_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
    )
    with op.batch_alter_table("corrections", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_corrections_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_corrections_candidate_id"), ["candidate_id"], unique=False)

    op.create_table(
        "exemptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("component", sa.String(length=16), nullable=False),
        sa.Column("licence_id", sa.Integer(), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("anchor", sa.Date(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Integer(), nullable=True),
        sa.Column("revoked_reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_exemptions_batch_id_batches")),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_exemptions_candidate_id_candidates")
        ),
        sa.ForeignKeyConstraint(["cosigned_by"], ["users.id"], name=op.f("fk_exemptions_cosigned_by_users")),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_exemptions_decided_by_users")),
        sa.ForeignKeyConstraint(
            ["licence_id"], ["guard_licences.id"], name=op.f("fk_exemptions_licence_id_guard_licences")
        ),
        sa.ForeignKeyConstraint(["revoked_by"], ["users.id"], name=op.f("fk_exemptions_revoked_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exemptions")),
    )
    with op.batch_alter_table("exemptions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exemptions_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_exemptions_candidate_id"), ["candidate_id"], unique=False)

    op.create_table(
        "publicity_lists",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=43), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("candidates", sa.Integer(), nullable=False),
        sa.Column("published_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("final_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("report_due", sa.Date(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name=op.f("fk_publicity_lists_batch_id_batches")
        ),
        sa.ForeignKeyConstraint(
            ["cosigned_by"], ["users.id"], name=op.f("fk_publicity_lists_cosigned_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["published_by"], ["users.id"], name=op.f("fk_publicity_lists_published_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publicity_lists")),
        sa.UniqueConstraint("batch_id", "number", name=op.f("uq_publicity_lists_batch_id")),
        sa.UniqueConstraint("token", name=op.f("uq_publicity_lists_token")),
    )
    with op.batch_alter_table("publicity_lists", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_publicity_lists_batch_id"), ["batch_id"], unique=False)

    op.create_table(
        "results",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("component", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("score", sa.Numeric(precision=8, scale=3), nullable=True),
        sa.Column("origin", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("approvals", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_by", sa.Integer(), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_results_batch_id_batches")),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_results_candidate_id_candidates")
        ),
        sa.ForeignKeyConstraint(["checked_by"], ["users.id"], name=op.f("fk_results_checked_by_users")),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name=op.f("fk_results_made_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_results")),
        sa.UniqueConstraint(
            "batch_id", "candidate_id", "component", "revision", name=op.f("uq_results_batch_id")
        ),
    )
    with op.batch_alter_table("results", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_results_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_results_candidate_id"), ["candidate_id"], unique=False)

    op.create_table(
        "sheet_templates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("bank_id", sa.Integer(), nullable=False),
        sa.Column("component", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("minutes", sa.Numeric(precision=7, scale=2), nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["users.id"], name=op.f("fk_sheet_templates_approved_by_users")
        ),
        sa.ForeignKeyConstraint(["bank_id"], ["banks.id"], name=op.f("fk_sheet_templates_bank_id_banks")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_sheet_templates_created_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet_templates")),
        sa.UniqueConstraint("uid", "version", name=op.f("uq_sheet_templates_uid")),
    )
    with op.batch_alter_table("sheet_templates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sheet_templates_bank_id"), ["bank_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sheet_templates_uid"), ["uid"], unique=False)

    op.create_table(
        "correction_votes",
        sa.Column("correction_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["corrections.id"], name=op.f("fk_correction_votes_correction_id_corrections")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_correction_votes_user_id_users")),
        sa.PrimaryKeyConstraint("correction_id", "user_id", name=op.f("pk_correction_votes")),
    )
    op.create_table(
        "key_fixes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("paper_set_id", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(length=64), nullable=False),
        sa.Column("item_uid", sa.String(length=64), nullable=False),
        sa.Column("item_version", sa.Integer(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("effect", sa.String(length=8), nullable=False),
        sa.Column("sealed_entries", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("evidence", sa.String(length=400), nullable=False),
        sa.Column("preview", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.Integer(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["paper_set_id"], ["paper_sets.id"], name=op.f("fk_key_fixes_paper_set_id_paper_sets")
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["users.id"], name=op.f("fk_key_fixes_proposed_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_fixes")),
    )
    with op.batch_alter_table("key_fixes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_key_fixes_paper_set_id"), ["paper_set_id"], unique=False)

    op.create_table(
        "publicity_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("results", sa.JSON(), nullable=False),
        sa.Column("final_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finalised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_why", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name=op.f("fk_publicity_entries_batch_id_batches")
        ),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_publicity_entries_candidate_id_candidates")
        ),
        sa.ForeignKeyConstraint(
            ["list_id"], ["publicity_lists.id"], name=op.f("fk_publicity_entries_list_id_publicity_lists")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publicity_entries")),
        sa.UniqueConstraint("list_id", "candidate_id", name=op.f("uq_publicity_entries_list_id")),
    )
    with op.batch_alter_table("publicity_entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_publicity_entries_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_publicity_entries_candidate_id"), ["candidate_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_publicity_entries_list_id"), ["list_id"], unique=False)

    op.create_table(
        "rechecks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("component", sa.String(length=16), nullable=False),
        sa.Column("grounds", sa.String(length=12), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_by", sa.Integer(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("answer", sa.String(length=400), nullable=False),
        sa.Column("sums", sa.JSON(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.Column("correction_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["answered_by"], ["users.id"], name=op.f("fk_rechecks_answered_by_users")),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_rechecks_batch_id_batches")),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_rechecks_candidate_id_candidates")
        ),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["corrections.id"], name=op.f("fk_rechecks_correction_id_corrections")
        ),
        sa.ForeignKeyConstraint(["cosigned_by"], ["users.id"], name=op.f("fk_rechecks_cosigned_by_users")),
        sa.ForeignKeyConstraint(["received_by"], ["users.id"], name=op.f("fk_rechecks_received_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rechecks")),
    )
    with op.batch_alter_table("rechecks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rechecks_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rechecks_candidate_id"), ["candidate_id"], unique=False)

    op.create_table(
        "key_fix_votes",
        sa.Column("key_fix_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_fix_id"], ["key_fixes.id"], name=op.f("fk_key_fix_votes_key_fix_id_key_fixes")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_key_fix_votes_user_id_users")),
        sa.PrimaryKeyConstraint("key_fix_id", "user_id", name=op.f("pk_key_fix_votes")),
    )
    op.create_table(
        "objections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_by", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.Column("correction_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_objections_batch_id_batches")),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_objections_candidate_id_candidates")
        ),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["corrections.id"], name=op.f("fk_objections_correction_id_corrections")
        ),
        sa.ForeignKeyConstraint(["cosigned_by"], ["users.id"], name=op.f("fk_objections_cosigned_by_users")),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_objections_decided_by_users")),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["publicity_entries.id"], name=op.f("fk_objections_entry_id_publicity_entries")
        ),
        sa.ForeignKeyConstraint(["received_by"], ["users.id"], name=op.f("fk_objections_received_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objections")),
    )
    with op.batch_alter_table("objections", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_objections_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_objections_candidate_id"), ["candidate_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_objections_entry_id"), ["entry_id"], unique=False)

    op.create_table(
        "review_plans",
        sa.Column("sitting_id", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["set_by"], ["users.id"], name=op.f("fk_review_plans_set_by_users")),
        sa.ForeignKeyConstraint(
            ["sitting_id"], ["sittings.id"], name=op.f("fk_review_plans_sitting_id_sittings")
        ),
        sa.PrimaryKeyConstraint("sitting_id", name=op.f("pk_review_plans")),
    )
    op.create_table(
        "order_draws",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("seed", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drawn_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["drawn_by"], ["users.id"], name=op.f("fk_order_draws_drawn_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_order_draws_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_draws")),
    )
    with op.batch_alter_table("order_draws", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_draws_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "panel_reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("opinion", sa.String(length=2000), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("signatures", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name=op.f("fk_panel_reports_made_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_panel_reports_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_panel_reports")),
        sa.UniqueConstraint("room_sitting_id", "revision", name=op.f("uq_panel_reports_room_sitting_id")),
    )
    with op.batch_alter_table("panel_reports", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_panel_reports_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "review_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("registration_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("mime", sa.String(length=80), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("characters", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uploaded_by", sa.Integer(), nullable=True),
        sa.Column("late", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.Integer(), nullable=True),
        sa.Column("accepted_reason", sa.String(length=200), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Integer(), nullable=True),
        sa.Column("withdrawn_reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["accepted_by"], ["users.id"], name=op.f("fk_review_files_accepted_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name=op.f("fk_review_files_registration_id_registrations"),
        ),
        sa.ForeignKeyConstraint(
            ["uploaded_by"], ["users.id"], name=op.f("fk_review_files_uploaded_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["withdrawn_by"], ["users.id"], name=op.f("fk_review_files_withdrawn_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_files")),
        sa.UniqueConstraint(
            "registration_id", "kind", "version", name=op.f("uq_review_files_registration_id")
        ),
    )
    with op.batch_alter_table("review_files", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_review_files_registration_id"), ["registration_id"], unique=False
        )

    op.create_table(
        "review_works",
        sa.Column("registration_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("similarity", sa.Numeric(precision=5, scale=2), nullable=True),
        sa.Column("similarity_source", sa.String(length=80), nullable=False),
        sa.Column("similarity_sha256", sa.String(length=64), nullable=False),
        sa.Column("similarity_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("similarity_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name=op.f("fk_review_works_registration_id_registrations"),
        ),
        sa.ForeignKeyConstraint(
            ["similarity_by"], ["users.id"], name=op.f("fk_review_works_similarity_by_users")
        ),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("pk_review_works")),
    )
    op.create_table(
        "scan_uploads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uploaded_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_scan_uploads_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(
            ["uploaded_by"], ["users.id"], name=op.f("fk_scan_uploads_uploaded_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scan_uploads")),
    )
    with op.batch_alter_table("scan_uploads", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_scan_uploads_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    op.create_table(
        "script_markers",
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("named_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["named_by"], ["users.id"], name=op.f("fk_script_markers_named_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_script_markers_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_script_markers_user_id_users")),
        sa.PrimaryKeyConstraint("room_sitting_id", "user_id", name=op.f("pk_script_markers")),
    )
    op.create_table(
        "turns",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("registration_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("station_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("panel", sa.JSON(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overtime_seconds", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["registrations.id"], name=op.f("fk_turns_registration_id_registrations")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_turns_room_sitting_id_room_sittings")
        ),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_turns_station_id_stations")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turns")),
        sa.UniqueConstraint("registration_id", name=op.f("uq_turns_registration_id")),
        sa.UniqueConstraint("room_sitting_id", "code", name="uq_turns_code"),
        sa.UniqueConstraint("room_sitting_id", "number", name=op.f("uq_turns_room_sitting_id")),
    )
    with op.batch_alter_table("turns", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_turns_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "defence_questions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("turn_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by", sa.Integer(), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["users.id"], name=op.f("fk_defence_questions_asked_by_users")),
        sa.ForeignKeyConstraint(["noted_by"], ["users.id"], name=op.f("fk_defence_questions_noted_by_users")),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name=op.f("fk_defence_questions_turn_id_turns")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_defence_questions")),
    )
    with op.batch_alter_table("defence_questions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_defence_questions_turn_id"), ["turn_id"], unique=False)

    op.create_table(
        "defence_shorts",
        sa.Column("turn_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("allowed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("allowed_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["allowed_by"], ["users.id"], name=op.f("fk_defence_shorts_allowed_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["cosigned_by"], ["users.id"], name=op.f("fk_defence_shorts_cosigned_by_users")
        ),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name=op.f("fk_defence_shorts_turn_id_turns")),
        sa.PrimaryKeyConstraint("turn_id", name=op.f("pk_defence_shorts")),
    )
    op.create_table(
        "panel_scores",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("turn_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("score", sa.Numeric(precision=8, scale=3), nullable=True),
        sa.Column("vetoed", sa.Boolean(), nullable=False),
        sa.Column("spread", sa.Numeric(precision=8, scale=3), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Integer(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_by", sa.Integer(), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["checked_by"], ["users.id"], name=op.f("fk_panel_scores_checked_by_users")),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["users.id"], name=op.f("fk_panel_scores_confirmed_by_users")
        ),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name=op.f("fk_panel_scores_made_by_users")),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name=op.f("fk_panel_scores_turn_id_turns")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_panel_scores")),
        sa.UniqueConstraint("turn_id", "revision", name=op.f("uq_panel_scores_turn_id")),
    )
    with op.batch_alter_table("panel_scores", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_panel_scores_turn_id"), ["turn_id"], unique=False)

    op.create_table(
        "past_marks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("registration_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("component", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("total", sa.Numeric(precision=8, scale=3), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("not_counted", sa.Integer(), nullable=False),
        sa.Column("sealed_marks", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_before_void", sa.LargeBinary(), nullable=True),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_by", sa.Integer(), nullable=True),
        sa.Column("key_fix_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_past_marks_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["key_fix_id"], ["key_fixes.id"], name=op.f("fk_past_marks_key_fix_id_key_fixes")
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name=op.f("fk_past_marks_registration_id_registrations"),
        ),
        sa.ForeignKeyConstraint(["replaced_by"], ["users.id"], name=op.f("fk_past_marks_replaced_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_past_marks_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_past_marks")),
    )
    with op.batch_alter_table("past_marks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_past_marks_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_past_marks_registration_id"), ["registration_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_past_marks_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "score_sheets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("turn_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lock", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name=op.f("fk_score_sheets_turn_id_turns")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_score_sheets_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_sheets")),
        sa.UniqueConstraint("turn_id", "user_id", name=op.f("uq_score_sheets_turn_id")),
        sa.UniqueConstraint("uid", name=op.f("uq_score_sheets_uid")),
    )
    with op.batch_alter_table("score_sheets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_score_sheets_turn_id"), ["turn_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_score_sheets_user_id"), ["user_id"], unique=False)

    op.create_table(
        "score_photos",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sheet_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(length=40), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["sheet_id"], ["score_sheets.id"], name=op.f("fk_score_photos_sheet_id_score_sheets")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_photos")),
        sa.UniqueConstraint("sheet_id", "sha256", name=op.f("uq_score_photos_sheet_id")),
    )
    with op.batch_alter_table("score_photos", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_score_photos_sheet_id"), ["sheet_id"], unique=False)

    op.create_table(
        "score_records",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sheet_id", sa.Integer(), nullable=False),
        sa.Column("journal", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("prev", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("forked", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("refused", sa.String(length=40), server_default=sa.text("('')"), nullable=False),
        sa.Column("stamped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["sheet_id"], ["score_sheets.id"], name=op.f("fk_score_records_sheet_id_score_sheets")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_records")),
        sa.UniqueConstraint("sheet_id", "journal", "seq", "hash", name=op.f("uq_score_records_sheet_id")),
    )
    with op.batch_alter_table("score_records", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_score_records_sheet_id"), ["sheet_id"], unique=False)

    op.create_table(
        "scripts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("points", sa.Numeric(precision=6, scale=3), nullable=True),
        sa.Column("settled", sa.JSON(), nullable=True),
        sa.Column("mark_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_scripts_attempt_id_attempts")),
        sa.ForeignKeyConstraint(
            ["mark_id"], ["entered_marks.id"], name=op.f("fk_scripts_mark_id_entered_marks")
        ),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"], ["room_sittings.id"], name=op.f("fk_scripts_room_sitting_id_room_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scripts")),
        sa.UniqueConstraint("attempt_id", name=op.f("uq_scripts_attempt_id")),
        sa.UniqueConstraint("room_sitting_id", "code", name=op.f("uq_scripts_room_sitting_id")),
    )
    with op.batch_alter_table("scripts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_scripts_room_sitting_id"), ["room_sitting_id"], unique=False)

    op.create_table(
        "sheet_journals",
        sa.Column("sheet_id", sa.Integer(), nullable=False),
        sa.Column("journal", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["scoring_devices.id"], name=op.f("fk_sheet_journals_device_id_scoring_devices")
        ),
        sa.ForeignKeyConstraint(
            ["sheet_id"], ["score_sheets.id"], name=op.f("fk_sheet_journals_sheet_id_score_sheets")
        ),
        sa.PrimaryKeyConstraint("sheet_id", "journal", name=op.f("pk_sheet_journals")),
    )
    op.create_table(
        "scan_pages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("upload_id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("script_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=120), nullable=False),
        sa.Column("matched_by", sa.String(length=8), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sealed_stamp", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_head", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=False),
        sa.Column("set_aside_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_scan_pages_room_sitting_id_room_sittings"),
        ),
        sa.ForeignKeyConstraint(["script_id"], ["scripts.id"], name=op.f("fk_scan_pages_script_id_scripts")),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["scan_uploads.id"], name=op.f("fk_scan_pages_upload_id_scan_uploads")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scan_pages")),
        sa.UniqueConstraint("room_sitting_id", "sha256", name=op.f("uq_scan_pages_room_sitting_id")),
    )
    with op.batch_alter_table("scan_pages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_scan_pages_room_sitting_id"), ["room_sitting_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_scan_pages_script_id"), ["script_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_scan_pages_upload_id"), ["upload_id"], unique=False)

    op.create_table(
        "script_objectives",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("script_id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("points", sa.Numeric(precision=6, scale=3), nullable=False),
        sa.Column("typed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("typed_by", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Integer(), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["users.id"], name=op.f("fk_script_objectives_confirmed_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["script_id"], ["scripts.id"], name=op.f("fk_script_objectives_script_id_scripts")
        ),
        sa.ForeignKeyConstraint(["typed_by"], ["users.id"], name=op.f("fk_script_objectives_typed_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_script_objectives")),
    )
    with op.batch_alter_table("script_objectives", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_script_objectives_script_id"), ["script_id"], unique=False)

    op.create_table(
        "script_readings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("script_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("total", sa.Numeric(precision=6, scale=3), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("allotted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("allotted_by", sa.Integer(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Integer(), nullable=True),
        sa.Column("withdrawn_reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["allotted_by"], ["users.id"], name=op.f("fk_script_readings_allotted_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["script_id"], ["scripts.id"], name=op.f("fk_script_readings_script_id_scripts")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_script_readings_user_id_users")),
        sa.ForeignKeyConstraint(
            ["withdrawn_by"], ["users.id"], name=op.f("fk_script_readings_withdrawn_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_script_readings")),
    )
    with op.batch_alter_table("script_readings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_script_readings_script_id"), ["script_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_script_readings_user_id"), ["user_id"], unique=False)

    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("leader", sa.Boolean(), server_default=sa.text("(false)"), nullable=False)
        )

    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("template_id", sa.Integer(), nullable=True))
        batch_op.alter_column("paper_set_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.create_foreign_key(
            batch_op.f("fk_packages_template_id_sheet_templates"), "sheet_templates", ["template_id"], ["id"]
        )

    with op.batch_alter_table("sittings", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("method", sa.String(length=16), server_default=sa.text("'computer'"), nullable=False)
        )
        batch_op.add_column(
            sa.Column("retake", sa.Boolean(), server_default=sa.text("(false)"), nullable=False)
        )
        batch_op.add_column(sa.Column("template_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_sittings_template_id_sheet_templates"), "sheet_templates", ["template_id"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("sittings", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_sittings_template_id_sheet_templates"), type_="foreignkey")
        batch_op.drop_column("template_id")
        batch_op.drop_column("retake")
        batch_op.drop_column("method")

    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_packages_template_id_sheet_templates"), type_="foreignkey")
        batch_op.alter_column("paper_set_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.drop_column("template_id")

    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.drop_column("leader")

    with op.batch_alter_table("script_readings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_script_readings_user_id"))
        batch_op.drop_index(batch_op.f("ix_script_readings_script_id"))

    op.drop_table("script_readings")
    with op.batch_alter_table("script_objectives", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_script_objectives_script_id"))

    op.drop_table("script_objectives")
    with op.batch_alter_table("scan_pages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_scan_pages_upload_id"))
        batch_op.drop_index(batch_op.f("ix_scan_pages_script_id"))
        batch_op.drop_index(batch_op.f("ix_scan_pages_room_sitting_id"))

    op.drop_table("scan_pages")
    op.drop_table("sheet_journals")
    with op.batch_alter_table("scripts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_scripts_room_sitting_id"))

    op.drop_table("scripts")
    with op.batch_alter_table("score_records", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_score_records_sheet_id"))

    op.drop_table("score_records")
    with op.batch_alter_table("score_photos", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_score_photos_sheet_id"))

    op.drop_table("score_photos")
    with op.batch_alter_table("score_sheets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_score_sheets_user_id"))
        batch_op.drop_index(batch_op.f("ix_score_sheets_turn_id"))

    op.drop_table("score_sheets")
    with op.batch_alter_table("past_marks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_past_marks_room_sitting_id"))
        batch_op.drop_index(batch_op.f("ix_past_marks_registration_id"))
        batch_op.drop_index(batch_op.f("ix_past_marks_attempt_id"))

    op.drop_table("past_marks")
    with op.batch_alter_table("panel_scores", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_panel_scores_turn_id"))

    op.drop_table("panel_scores")
    op.drop_table("defence_shorts")
    with op.batch_alter_table("defence_questions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_defence_questions_turn_id"))

    op.drop_table("defence_questions")
    with op.batch_alter_table("turns", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_turns_room_sitting_id"))

    op.drop_table("turns")
    op.drop_table("script_markers")
    with op.batch_alter_table("scan_uploads", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_scan_uploads_room_sitting_id"))

    op.drop_table("scan_uploads")
    op.drop_table("review_works")
    with op.batch_alter_table("review_files", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_review_files_registration_id"))

    op.drop_table("review_files")
    with op.batch_alter_table("panel_reports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_panel_reports_room_sitting_id"))

    op.drop_table("panel_reports")
    with op.batch_alter_table("order_draws", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_draws_room_sitting_id"))

    op.drop_table("order_draws")
    op.drop_table("review_plans")
    with op.batch_alter_table("objections", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_objections_entry_id"))
        batch_op.drop_index(batch_op.f("ix_objections_candidate_id"))
        batch_op.drop_index(batch_op.f("ix_objections_batch_id"))

    op.drop_table("objections")
    op.drop_table("key_fix_votes")
    with op.batch_alter_table("rechecks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rechecks_candidate_id"))
        batch_op.drop_index(batch_op.f("ix_rechecks_batch_id"))

    op.drop_table("rechecks")
    with op.batch_alter_table("publicity_entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_publicity_entries_list_id"))
        batch_op.drop_index(batch_op.f("ix_publicity_entries_candidate_id"))
        batch_op.drop_index(batch_op.f("ix_publicity_entries_batch_id"))

    op.drop_table("publicity_entries")
    with op.batch_alter_table("key_fixes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_key_fixes_paper_set_id"))

    op.drop_table("key_fixes")
    op.drop_table("correction_votes")
    with op.batch_alter_table("sheet_templates", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sheet_templates_uid"))
        batch_op.drop_index(batch_op.f("ix_sheet_templates_bank_id"))

    op.drop_table("sheet_templates")
    with op.batch_alter_table("results", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_results_candidate_id"))
        batch_op.drop_index(batch_op.f("ix_results_batch_id"))

    op.drop_table("results")
    with op.batch_alter_table("publicity_lists", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_publicity_lists_batch_id"))

    op.drop_table("publicity_lists")
    with op.batch_alter_table("exemptions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exemptions_candidate_id"))
        batch_op.drop_index(batch_op.f("ix_exemptions_batch_id"))

    op.drop_table("exemptions")
    with op.batch_alter_table("corrections", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_corrections_candidate_id"))
        batch_op.drop_index(batch_op.f("ix_corrections_batch_id"))

    op.drop_table("corrections")
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stations_room_id"))

    op.drop_table("stations")
    with op.batch_alter_table("scoring_devices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_scoring_devices_user_id"))

    op.drop_table("scoring_devices")
    with op.batch_alter_table("guard_licences", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_guard_licences_candidate_id"))

    op.drop_table("guard_licences")
    with op.batch_alter_table("calendar_years", schema=None) as batch_op:
        batch_op.drop_index("ix_calendar_years_year")

    op.drop_table("calendar_years")
