"""Long work in child processes with limits, progress and cancel (design D19)."""
