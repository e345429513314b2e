"""One seat: the kiosk agent and the candidate page it serves."""
