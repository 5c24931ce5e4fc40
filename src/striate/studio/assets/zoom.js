// One map from near: numbers in the cells where they fit; arrows move, Enter asks.

function render({ model, el }) {
  el.classList.add("striate", "striate-zoom");
  const group = model.get("group"), words = model.get("words");
  const head = element("header", "", null, el);
  const title = element("h3", "", "", head);
  let factor = 1, at = [0, 0], plane = {}, numbers = new Float32Array(0), side = 16;
  const nearer = (by) => () => { factor = Math.min(Math.max(factor * by, 0.25), 16); draw(true); };
  button("+", nearer(1.5), head, "step").title = words.nearer;
  button("−", nearer(1 / 1.5), head, "step").title = words.farther;
  const frame = element("div", "near", null, el);
  const canvas = element("canvas", "", null, frame);
  canvas.tabIndex = 0;

  function take() {
    plane = model.get("plane") || {};
    el.classList.toggle("empty", !plane.shape);
    if (!plane.shape) return;
    numbers = floatsOf(plane.numbers);
    at = plane.at;
    draw(true);
  }

  function draw(moves) {
    if (!plane.shape) return;
    const [height, width] = plane.shape;
    const room = plane.flat ? 40 : Math.max(4, Math.floor(400 / Math.max(height, width)));
    side = Math.round(Math.min(room * factor, 12000 / Math.max(height, width)));
    const ratio = Math.min(window.devicePixelRatio || 1, 8000 / (side * Math.max(height, width)));
    canvas.width = Math.round(width * side * ratio);
    canvas.height = Math.round(height * side * ratio);
    canvas.style.width = `${width * side}px`;
    canvas.style.height = `${height * side}px`;
    const pen = canvas.getContext("2d"), colors = palette();
    pen.scale(ratio, ratio);
    pen.font = `${Math.min(12, side / 4.2)}px ui-monospace, "DejaVu Sans Mono", monospace`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (let r = 0; r < height; r++) for (let c = 0; c < width; c++) cell(pen, colors, r, c);
    pen.strokeStyle = getComputedStyle(el).getPropertyValue("--mark");
    pen.lineWidth = 3;
    pen.strokeRect(at[1] * side + 1.5, at[0] * side + 1.5, side - 3, side - 3);
    title.textContent = name();
    if (moves) frame.scrollTo(at[1] * side - 200, at[0] * side - 200);
  }

  function cell(pen, colors, r, c) {
    const value = numbers[r * plane.shape[1] + c];
    const part = plane.peak ? Math.min(Math.max(value / plane.peak, -1), 1) : 0;
    const color = colors[Math.round((part || 0) * 127 + 128)];
    const [red, green, blue] = [color & 255, (color >> 8) & 255, (color >> 16) & 255];
    pen.fillStyle = `rgb(${red},${green},${blue})`;
    pen.fillRect(c * side, r * side, side, side);
    if (side < 26) return;
    pen.fillStyle = 0.3 * red + 0.59 * green + 0.11 * blue > 128 ? "#111" : "#f4f4f4";
    pen.fillText(short(value, 3), (c + 0.5) * side, (r + 0.5) * side);
  }

  const name = () => nameOf(plane, plane.lead, at[0], at[1]);

  canvas.onclick = (event) => {
    const box = canvas.getBoundingClientRect();
    at = [Math.floor((event.clientY - box.top) / side), Math.floor((event.clientX - box.left) / side)];
    draw(false);
    ask(group, name(), "map");
  };
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  canvas.onkeydown = (event) => {
    if (event.key === "Enter") ask(group, name(), "map");
    if (event.key === "+") nearer(1.5)();
    if (event.key === "-") nearer(1 / 1.5)();
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    at = at.map((place, axis) => Math.min(Math.max(place + step[axis], 0), plane.shape[axis] - 1));
    draw(true);
  };
  model.on("change:plane", take);
  const leave = onTheme(() => draw(false));
  take();
  return leave;
}

export default { render };
