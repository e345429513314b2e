"""scale."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "peer_rows",
        sa.Column("peer", sa.String(length=32), nullable=False),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("theirs", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("own", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("peer", "place", "theirs", name=op.f("pk_peer_rows")),
    )
    with op.batch_alter_table("peer_rows", schema=None) as batch_op:
        batch_op.create_index("ix_peer_rows_own", ["peer", "place", "own"], unique=False)

    op.create_table(
        "seat_words",
        sa.Column("workstation_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.String(length=16), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workstation_id", "worker", name=op.f("pk_seat_words")),
    )
    with op.batch_alter_table("seat_words", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seat_words_told_at"), ["told_at"], unique=False)

    op.create_table(
        "server_epochs",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("taken_by", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_server_epochs")),
    )
    op.create_table(
        "exam_sites",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("letter_key", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contact_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.JSON(), nullable=True),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["cosigned_by"], ["users.id"], name=op.f("fk_exam_sites_cosigned_by_users")),
        sa.ForeignKeyConstraint(
            ["registered_by"], ["users.id"], name=op.f("fk_exam_sites_registered_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exam_sites")),
        sa.UniqueConstraint("code", name=op.f("uq_exam_sites_code")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_exam_sites_fingerprint")),
    )
    op.create_table(
        "site_authority",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("letter_key", sa.LargeBinary(), nullable=False),
        sa.Column("ca_pem", sa.String(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_by", sa.Integer(), nullable=True),
        sa.Column("cosigned_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["accepted_by"], ["users.id"], name=op.f("fk_site_authority_accepted_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["cosigned_by"], ["users.id"], name=op.f("fk_site_authority_cosigned_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_authority")),
    )
    op.create_table(
        "standby_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secret_index", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_standby_codes_created_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standby_codes")),
        sa.UniqueConstraint("secret_index", name=op.f("uq_standby_codes_secret_index")),
    )
    op.create_table(
        "standby_servers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("token_index", sa.String(length=64), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("paired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paired_by", sa.Integer(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["paired_by"], ["users.id"], name=op.f("fk_standby_servers_paired_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standby_servers")),
        sa.UniqueConstraint("token_index", name=op.f("uq_standby_servers_token_index")),
    )
    op.create_table(
        "site_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("incoming", sa.Boolean(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("about", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Integer(), nullable=True),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("wrong", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["done_by"], ["users.id"], name=op.f("fk_site_files_done_by_users")),
        sa.ForeignKeyConstraint(
            ["site_id"], ["exam_sites.id"], name=op.f("fk_site_files_site_id_exam_sites")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_files")),
        sa.UniqueConstraint("uid", name=op.f("uq_site_files_uid")),
    )
    with op.batch_alter_table("site_files", schema=None) as batch_op:
        batch_op.create_index("ix_site_files_about", ["about", "number"], unique=False)
        batch_op.create_index(batch_op.f("ix_site_files_site_id"), ["site_id"], unique=False)

    op.create_table(
        "site_rooms",
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_site_rooms_room_id_rooms")),
        sa.ForeignKeyConstraint(
            ["site_id"], ["exam_sites.id"], name=op.f("fk_site_rooms_site_id_exam_sites")
        ),
        sa.PrimaryKeyConstraint("room_id", name=op.f("pk_site_rooms")),
    )
    with op.batch_alter_table("site_rooms", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_site_rooms_site_id"), ["site_id"], unique=False)

    op.create_table(
        "site_file_parts",
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["site_files.id"], name=op.f("fk_site_file_parts_file_id_site_files")
        ),
        sa.PrimaryKeyConstraint("file_id", "number", name=op.f("pk_site_file_parts")),
    )
    op.create_table(
        "site_sittings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("sitting_id", sa.Integer(), nullable=False),
        sa.Column("site", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent", sa.JSON(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("documents", sa.LargeBinary(), nullable=True),
        sa.Column("chains", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["sitting_id"], ["sittings.id"], name=op.f("fk_site_sittings_sitting_id_sittings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_sittings")),
        sa.UniqueConstraint("sitting_id", "site", name=op.f("uq_site_sittings_sitting_id")),
        sa.UniqueConstraint("uid", name=op.f("uq_site_sittings_uid")),
    )
    with op.batch_alter_table("site_sittings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_site_sittings_sitting_id"), ["sitting_id"], unique=False)

    op.create_table(
        "attempt_origins",
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_attempt_origins_attempt_id_attempts")
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["exam_sites.id"], name=op.f("fk_attempt_origins_site_id_exam_sites")
        ),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt_origins")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("worker", sa.String(length=16), server_default=sa.text("('')"), nullable=False)
        )
        batch_op.add_column(
            sa.Column("unwanted", sa.Boolean(), server_default=sa.text("(false)"), nullable=False)
        )

    with op.batch_alter_table("package_custodians", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("share_name", sa.String(length=64), server_default=sa.text("('')"), nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("package_custodians", schema=None) as batch_op:
        batch_op.drop_column("share_name")

    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_column("unwanted")
        batch_op.drop_column("worker")

    op.drop_table("attempt_origins")
    with op.batch_alter_table("site_sittings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_site_sittings_sitting_id"))

    op.drop_table("site_sittings")
    op.drop_table("site_file_parts")
    with op.batch_alter_table("site_rooms", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_site_rooms_site_id"))

    op.drop_table("site_rooms")
    with op.batch_alter_table("site_files", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_site_files_site_id"))
        batch_op.drop_index("ix_site_files_about")

    op.drop_table("site_files")
    op.drop_table("standby_servers")
    op.drop_table("standby_codes")
    op.drop_table("site_authority")
    op.drop_table("exam_sites")
    op.drop_table("server_epochs")
    with op.batch_alter_table("seat_words", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_seat_words_told_at"))

    op.drop_table("seat_words")
    with op.batch_alter_table("peer_rows", schema=None) as batch_op:
        batch_op.drop_index("ix_peer_rows_own")

    op.drop_table("peer_rows")
