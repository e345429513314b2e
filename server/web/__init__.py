"""Pages: one blueprint a subject. They parse, call a service, show or redirect."""
