// The page of seat commands: choosing seats by row or all at once, and how far each command has come.

const form = document.getElementById('commands');
const boxes = () => [...form.querySelectorAll('input[name="seats"]:not(:disabled)')];
const EVERY = 2000;

function count() {
  const chosen = document.getElementById('chosen');
  if (chosen) chosen.textContent = String(boxes().filter((box) => box.checked).length);
}

/** Ticks all of these boxes, or none when all were ticked. */
function turn(some) {
  const on = some.some((box) => !box.checked);
  for (const box of some) box.checked = on;
  const scope = form.querySelector('input[name="scope"][value="seats"]');
  if (scope) scope.checked = true;
  count();
}

form.addEventListener('click', (event) => {
  const row = event.target.closest('[data-pick-row]');
  if (row) turn(boxes().filter((box) => box.dataset.row === row.dataset.pickRow));
});
form.addEventListener('change', (event) => {
  if (event.target.id === 'all') for (const box of boxes()) box.checked = event.target.checked;
  count();
});

async function refresh() {
  try {
    const answer = await fetch(form.dataset.state, { headers: { Accept: 'application/json' } });
    if (!answer.ok) return;
    for (const [seat, told] of Object.entries(await answer.json())) {
      const cell = form.querySelector(`[data-command="${seat}"]`);
      if (cell && cell.dataset.told !== told.html) {
        cell.dataset.told = told.html;
        cell.innerHTML = told.html;
      }
    }
  } catch {
    // asked again
  }
}

count();
setInterval(() => document.hidden || refresh(), EVERY);
