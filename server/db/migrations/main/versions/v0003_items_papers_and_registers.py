"""items papers and registers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vault_keys",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("master", sa.String(length=16), nullable=False),
        sa.Column("wrapped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("next_master", sa.String(length=16), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_vault_keys")),
    )
    op.create_table(
        "import_mappings",
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_import_mappings_created_by_users")
        ),
        sa.PrimaryKeyConstraint("template", name=op.f("pk_import_mappings")),
    )
    op.create_table(
        "bank_media",
        sa.Column("bank_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("mime", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["bank_id"], ["banks.id"], name=op.f("fk_bank_media_bank_id_banks")),
        sa.PrimaryKeyConstraint("bank_id", "sha256", name=op.f("pk_bank_media")),
    )
    op.create_table(
        "bank_rotations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bank_id", sa.Integer(), nullable=False),
        sa.Column("from_suite", sa.String(length=8), nullable=False),
        sa.Column("to_suite", sa.String(length=8), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("broken", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["bank_id"], ["banks.id"], name=op.f("fk_bank_rotations_bank_id_banks")),
        sa.ForeignKeyConstraint(
            ["cosigned_by"], ["users.id"], name=op.f("fk_bank_rotations_cosigned_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["started_by"], ["users.id"], name=op.f("fk_bank_rotations_started_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_rotations")),
    )
    with op.batch_alter_table("bank_rotations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bank_rotations_bank_id"), ["bank_id"], unique=False)

    op.create_table(
        "import_media",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("mime", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["bank_imports.id"], name=op.f("fk_import_media_import_id_bank_imports")
        ),
        sa.PrimaryKeyConstraint("import_id", "sha256", name=op.f("pk_import_media")),
    )
    op.create_table(
        "item_versions",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=False),
        sa.Column("content_index", sa.String(length=64), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=True),
        sa.Column("place", sa.String(length=80), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("reviewer_id", sa.Integer(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_item_versions_author_id_users")),
        sa.ForeignKeyConstraint(
            ["import_id"], ["bank_imports.id"], name=op.f("fk_item_versions_import_id_bank_imports")
        ),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_item_versions_item_id_items")),
        sa.ForeignKeyConstraint(
            ["reviewer_id"], ["users.id"], name=op.f("fk_item_versions_reviewer_id_users")
        ),
        sa.PrimaryKeyConstraint("item_id", "version", name=op.f("pk_item_versions")),
    )
    op.create_table(
        "entered_marks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("item_uid", sa.String(length=80), nullable=False),
        sa.Column("points", sa.Numeric(precision=6, scale=3), nullable=False),
        sa.Column("most", sa.Numeric(precision=6, scale=3), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("response_index", sa.String(length=64), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_by", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Integer(), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_entered_marks_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["users.id"], name=op.f("fk_entered_marks_confirmed_by_users")
        ),
        sa.ForeignKeyConstraint(["entered_by"], ["users.id"], name=op.f("fk_entered_marks_entered_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entered_marks")),
    )
    with op.batch_alter_table("entered_marks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_entered_marks_attempt_id"), ["attempt_id"], unique=False)

    op.create_table(
        "paper_prints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("package_id", sa.Integer(), nullable=True),
        sa.Column("paper_set_id", sa.Integer(), nullable=False),
        sa.Column("room_sitting_id", sa.Integer(), nullable=False),
        sa.Column("form", sa.String(length=4), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("document", sa.String(length=8), server_default=sa.text("'paper'"), nullable=False),
        sa.Column("seats", sa.JSON(), nullable=True),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("sheet_size", sa.String(length=4), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("printed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("printed_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.Column("issued", sa.Integer(), nullable=True),
        sa.Column("spare", sa.Integer(), nullable=True),
        sa.Column("returned", sa.Integer(), nullable=True),
        sa.Column("register_note", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["cosigned_by"], ["users.id"], name=op.f("fk_paper_prints_cosigned_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["package_id"], ["packages.id"], name=op.f("fk_paper_prints_package_id_packages")
        ),
        sa.ForeignKeyConstraint(
            ["paper_set_id"], ["paper_sets.id"], name=op.f("fk_paper_prints_paper_set_id_paper_sets")
        ),
        sa.ForeignKeyConstraint(["printed_by"], ["users.id"], name=op.f("fk_paper_prints_printed_by_users")),
        sa.ForeignKeyConstraint(
            ["room_sitting_id"],
            ["room_sittings.id"],
            name=op.f("fk_paper_prints_room_sitting_id_room_sittings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_prints")),
    )
    with op.batch_alter_table("paper_prints", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_paper_prints_room_sitting_id"), ["room_sitting_id"], unique=False
        )

    with op.batch_alter_table("bank_imports", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sealed_file", sa.LargeBinary(), nullable=True))
        batch_op.add_column(
            sa.Column("format", sa.String(length=40), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(
            sa.Column("encoding", sa.String(length=16), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(sa.Column("mapping", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("seconds", sa.Float(), nullable=True))

    with op.batch_alter_table("banks", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("suite", sa.String(length=8), server_default=sa.text("'intl'"), nullable=False)
        )
        batch_op.add_column(sa.Column("next_key", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("key_made_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("blueprints", schema=None) as batch_op:
        batch_op.add_column(sa.Column("family", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("approved_by", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_blueprints_approved_by_users"), "users", ["approved_by"], ["id"]
        )

    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("stem_index", sa.String(length=64), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(
            sa.Column("path", sa.String(length=200), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(
            sa.Column("enemy", sa.String(length=40), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(sa.Column("seconds", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(
            sa.Column("flaw", sa.String(length=32), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(
            sa.Column("sample", sa.Boolean(), server_default=sa.text("(false)"), nullable=False)
        )
        batch_op.add_column(sa.Column("author_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("reviewer_id", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column("status_note", sa.String(length=200), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("facility", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("discrimination", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("answered", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.create_foreign_key(batch_op.f("fk_items_author_id_users"), "users", ["author_id"], ["id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_items_reviewer_id_users"), "users", ["reviewer_id"], ["id"]
        )

    with op.batch_alter_table("package_custodians", schema=None) as batch_op:
        batch_op.add_column(sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("spare", sa.Boolean(), server_default=sa.text("(false)"), nullable=False)
        )
        batch_op.add_column(
            sa.Column("min_version", sa.String(length=20), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(sa.Column("swapped_in", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("delivery_checked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("code_issued", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("destroyed", sa.JSON(), nullable=True))

    with op.batch_alter_table("paper_sets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rules", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("pool_facts", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("paper_sets", schema=None) as batch_op:
        batch_op.drop_column("pool_facts")
        batch_op.drop_column("rules")

    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.drop_column("destroyed")
        batch_op.drop_column("code_issued")
        batch_op.drop_column("delivery_checked_at")
        batch_op.drop_column("swapped_in")
        batch_op.drop_column("min_version")
        batch_op.drop_column("spare")

    with op.batch_alter_table("package_custodians", schema=None) as batch_op:
        batch_op.drop_column("proved_at")

    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_items_reviewer_id_users"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_items_author_id_users"), type_="foreignkey")
        batch_op.drop_column("answered")
        batch_op.drop_column("discrimination")
        batch_op.drop_column("facility")
        batch_op.drop_column("last_used_at")
        batch_op.drop_column("changed_at")
        batch_op.drop_column("status_note")
        batch_op.drop_column("reviewer_id")
        batch_op.drop_column("author_id")
        batch_op.drop_column("sample")
        batch_op.drop_column("flaw")
        batch_op.drop_column("seconds")
        batch_op.drop_column("enemy")
        batch_op.drop_column("path")
        batch_op.drop_column("stem_index")

    with op.batch_alter_table("blueprints", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_blueprints_approved_by_users"), type_="foreignkey")
        batch_op.drop_column("approved_by")
        batch_op.drop_column("approved_at")
        batch_op.drop_column("family")

    with op.batch_alter_table("banks", schema=None) as batch_op:
        batch_op.drop_column("key_made_at")
        batch_op.drop_column("next_key")
        batch_op.drop_column("suite")

    with op.batch_alter_table("bank_imports", schema=None) as batch_op:
        batch_op.drop_column("seconds")
        batch_op.drop_column("mapping")
        batch_op.drop_column("encoding")
        batch_op.drop_column("format")
        batch_op.drop_column("sealed_file")

    with op.batch_alter_table("paper_prints", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_paper_prints_room_sitting_id"))

    op.drop_table("paper_prints")
    with op.batch_alter_table("entered_marks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_entered_marks_attempt_id"))

    op.drop_table("entered_marks")
    op.drop_table("item_versions")
    op.drop_table("import_media")
    with op.batch_alter_table("bank_rotations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_bank_rotations_bank_id"))

    op.drop_table("bank_rotations")
    op.drop_table("bank_media")
    op.drop_table("import_mappings")
    op.drop_table("vault_keys")
