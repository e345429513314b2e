"""Years of the working-day calendar that the institution has entered itself."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class CalendarYear(Base):
    """One year: `holidays` and `worked` as ISO days or ranges "first/last". It stands before what ships.

    Append-only: the row without `replaced_at` is in force, a year that was withdrawn has none.
    """

    __tablename__ = "calendar_years"
    __table_args__ = (Index("ix_calendar_years_year", "year"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    year: Mapped[int]
    holidays: Mapped[list[str]] = mapped_column(JSON)
    worked: Mapped[list[str]] = mapped_column(JSON)
    source: Mapped[str] = mapped_column(String(200))
    set_at: Mapped[datetime] = mapped_column(Moment)
    set_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    replaced_at: Mapped[datetime | None] = mapped_column(Moment)
    replaced_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
