"""Which text about face comparison candidates are shown: the words are the page's, the name is kept."""

VERSION = "2026-12"
"""`client/ui/consent-texts.js` names the same; it grows whenever what is asked changes."""
