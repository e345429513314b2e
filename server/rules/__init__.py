"""Domain rules of the host as pure functions: policies, rosters, room files."""
