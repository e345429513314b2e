/* The list of what waits, worst first: which entry is chosen, and which comes next. */

/** The entry to go to: the worst that nobody has taken on; asked again, the one after the chosen one. */
export function nextEntry(entries, chosen) {
  const open = entries.filter((entry) => !entry.taken);
  const list = open.length ? open : entries;
  if (!list.length) return null;
  const place = list.findIndex((entry) => entry.key === chosen);
  return list[(place + 1) % list.length];
}

/** Entries of the list as they stand on the page. */
export function entriesOf(root) {
  return [...root.querySelectorAll('[data-entry]')].map((node) => ({
    key: node.dataset.entry,
    seat: node.dataset.goto ? Number(node.dataset.goto) : null,
    taken: node.classList.contains('is-taken'),
    node,
  }));
}

/** Marks the chosen entry, brings it into sight and returns it. */
export function mark(root, key) {
  let found = null;
  for (const entry of entriesOf(root)) {
    if (entry.key === key) {
      entry.node.setAttribute('aria-current', 'true');
      entry.node.scrollIntoView({ block: 'nearest' });
      found = entry;
    } else entry.node.removeAttribute('aria-current');
  }
  return found;
}
