/* A page that shows a running job comes again, with what the job left, as soon as the job has ended. */

document.addEventListener('htmx:afterSwap', () => {
  if (!document.querySelector('[hx-trigger]')) location.reload();
});
