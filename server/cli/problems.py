"""Problems of input files as sentences of the command line."""

from itembank.problems import Problem
from server.cli.words import _
from server.errors import fill, sentence


def problem_text(problem: Problem) -> str:
    """One problem in the terminal's language, its place first."""
    text = fill(_(sentence(problem.code)), problem.params)
    return f"{problem.place}：{text}" if problem.place and problem.place not in text else text
