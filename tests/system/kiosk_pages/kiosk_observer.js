// Tells the test what happened to the page: the paths it asks for are its log.

const tell = (name) => fetch(`/seen/${name}`, { keepalive: true }).catch(() => {});

for (const name of ["blur", "pagehide", "resize", "beforeprint"]) addEventListener(name, () => tell(name));
document.addEventListener("visibilitychange", () => tell(`visibility-${document.visibilityState}`));
document.addEventListener("fullscreenchange", () => tell("fullscreen"));
tell("loaded");

// The page is calm once its first answer is on the server and both of its places say so.
let shown = 0;
const looking = setInterval(() => {
  const kept = document.querySelector(".question-saved .good") && document.querySelector('[data-saving="server"]');
  shown = kept ? shown + 1 : 0;
  if (shown < 3) return;
  clearInterval(looking);
  tell("calm");
}, 100);
