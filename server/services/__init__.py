"""Use cases: each takes (session, actor, ..., now), never commits, never knows HTTP."""
