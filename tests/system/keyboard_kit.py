"""Keys on a page in Chromium: pressing them, and going to a place by Tab alone."""

from playwright.sync_api import Page


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focused(page: Page, selector: str) -> bool:
    return bool(page.evaluate("(selector) => document.activeElement.matches(selector)", selector))


def tab_to(page: Page, selector: str, most: int = 40) -> None:
    """By Tab alone; what has the focus must be seen, not lie under a bar."""
    for _ in range(most):
        if focused(page, selector):
            break
        page.keyboard.press("Tab")
    assert focused(page, selector), selector
    covered = """() => { const one = document.activeElement, box = one.getBoundingClientRect();
      const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
      return !(at && (one.contains(at) || at.contains(one))); }"""
    assert not page.evaluate(covered), f"{selector} is covered"
