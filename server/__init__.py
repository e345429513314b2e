"""Who may do it, and the record: the room server."""
