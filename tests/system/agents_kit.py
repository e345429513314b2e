"""Agents that tests kill and start again."""

from server.cli.rehearse.fleet import POLITE, Agent, Fleet


def restart_agent(fleet: Fleet, agent: Agent) -> None:
    """Starts an agent that has ended again, in its folder."""
    agent.process = fleet.start(f"seat-{agent.seat}", agent.arguments, python=POLITE)
