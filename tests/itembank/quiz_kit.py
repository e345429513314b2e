"""Questions of Moodle's XML as it is found."""

from html import escape


def question(kind: str, stem: str, more: str = "", form: str = "html", name: str = "题") -> str:
    return (
        f'<question type="{kind}"><name><text>{escape(name)}</text></name>'
        f'<questiontext format="{form}"><text>{escape(stem)}</text></questiontext>{more}</question>'
    )


def quiz(*questions: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><quiz>{"".join(questions)}</quiz>'


def answer(text: str, fraction: str = "0", more: str = "", form: str = "html") -> str:
    return f'<answer fraction="{fraction}" format="{form}"><text>{escape(text)}</text>{more}</answer>'


def several(*answers: str, single: str = "false", more: str = "") -> str:
    return question("multichoice", "选", f"<single>{single}</single>{more}{''.join(answers)}", "plain_text")
