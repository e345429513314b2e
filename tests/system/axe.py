"""axe-core over a page in the browser: what a machine can find of WCAG 2.2 AA and good practice."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
GRAVE = ("serious", "critical")
RUN = """async ([source, rules]) => {
  if (!window.axe) (0, eval)(source);
  const found = await axe.run(document, { resultTypes: ["violations"], runOnly: rules });
  return found.violations.map(({ id, impact, help, nodes }) =>
    ({ id, impact, help, nodes: nodes.map((node) => [node.target.join(" "), node.failureSummary]) }));
}"""


def violations(page: Page, rules: tuple[str, ...] = (), impacts: tuple[str, ...] = GRAVE) -> list[Any]:
    """What is wrong with the page as it stands; `rules` limits the look to some rules by their names."""
    assert SOURCE.exists(), "axe-core is missing: npm ci"
    only = {"type": "rule" if rules else "tag", "values": list(rules or TAGS)}
    found = page.evaluate(RUN, [SOURCE.read_text(), only])
    return [one for one in found if one["impact"] in impacts]
