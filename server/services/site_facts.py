"""Who holds the exam and where, as papers name it."""

from dataclasses import dataclass

from server.settings import Settings


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """The institution, the site's name and its address; "" for what was not set."""

    institution: str = ""
    site: str = ""
    address: str = ""


def site_facts(settings: Settings) -> SiteFacts:
    """What the settings say of institution and site."""
    return SiteFacts(settings.institution, settings.site, settings.site_address)
