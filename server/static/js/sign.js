// A signature drawn on a screen: lines of points in a field of 320 x 120, sent as JSON in a hidden input.
const WIDTH = 320;
const HEIGHT = 120;
const MOST = 3900; // points; the server takes 4000

export function within(event, box) {
  const x = Math.round(((event.clientX - box.left) / box.width) * WIDTH);
  const y = Math.round(((event.clientY - box.top) / box.height) * HEIGHT);
  return [Math.min(Math.max(x, 0), WIDTH), Math.min(Math.max(y, 0), HEIGHT)];
}

function pad(field) {
  const canvas = field.querySelector("canvas");
  const input = field.querySelector("input[name=strokes]");
  const pen = canvas.getContext("2d");
  let strokes = [];
  let drawing = false;
  pen.scale(canvas.width / WIDTH, canvas.height / HEIGHT);
  pen.lineWidth = 2;
  pen.lineCap = "round";

  const count = () => strokes.reduce((sum, stroke) => sum + stroke.length, 0);
  const keep = () => { input.value = JSON.stringify(strokes); };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    drawing = true;
    strokes.push([within(event, canvas.getBoundingClientRect())]);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drawing || count() >= MOST) return;
    const stroke = strokes[strokes.length - 1];
    const [fromX, fromY] = stroke[stroke.length - 1];
    const [x, y] = within(event, canvas.getBoundingClientRect());
    if (x === fromX && y === fromY) return;
    stroke.push([x, y]);
    pen.beginPath();
    pen.moveTo(fromX, fromY);
    pen.lineTo(x, y);
    pen.stroke();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => { drawing = false; keep(); });
  }
  field.querySelector("[data-clear]").addEventListener("click", () => {
    strokes = [];
    pen.clearRect(0, 0, WIDTH, HEIGHT);
    keep();
  });
}

if (typeof document !== "undefined") {
  for (const field of document.querySelectorAll("[data-signature]")) {
    const form = field.closest("form");
    form.querySelector("[data-sign-choice]").hidden = false;
    pad(field);
    form.addEventListener("change", () => { field.hidden = form.elements.method.value !== "screen"; });
  }
}
