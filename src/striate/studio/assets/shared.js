// What all modules of the studio share: bytes, colors, numbers, messages. Whatever a file says is
// text to these modules: nothing is ever set as HTML.

const RED_BLUE = [
  [5, 48, 97], [33, 102, 172], [67, 147, 195], [146, 197, 222], [209, 229, 240], [247, 247, 247],
  [253, 219, 199], [244, 165, 130], [214, 96, 77], [178, 24, 43], [103, 0, 31],
];
const DARK = [
  [150, 205, 255], [95, 175, 250], [58, 140, 225], [38, 92, 160], [26, 52, 88], [18, 20, 26],
  [84, 42, 22], [150, 72, 30], [214, 105, 44], [246, 150, 76], [255, 205, 160],
];

const isDark = () => document.body.classList.contains("body--dark");

// One color per byte, 128 for zero: blue below, red above, as in the figures.
function palette() {
  const stops = isDark() ? DARK : RED_BLUE;
  const table = new Uint32Array(256);
  for (let k = 0; k < 256; k++) {
    const at = Math.min(Math.max((k - 1) / 254, 0), 1) * 10;
    const low = Math.min(Math.floor(at), 9), part = at - low;
    const [r, g, b] = [0, 1, 2].map((c) =>
      Math.round(stops[low][c] + (stops[low + 1][c] - stops[low][c]) * part));
    table[k] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const floatsOf = (text) => new Float32Array(bytesOf(text).buffer);

function toBase64(bytes) {
  let text = "";
  for (const each of bytes) text += String.fromCharCode(each);
  return btoa(text);
}

function element(tag, name, text, parent) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined && text !== null) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

function button(text, act, parent, name = "") {
  const made = element("button", name, text, parent);
  made.type = "button";
  made.onclick = act;
  return made;
}

// A number in few letters; the whole one is in the element's data-value.
function short(value, digits = 6) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4 ? value.toExponential(digits - 1) : value.toPrecision(digits);
  return text.includes("e") || !text.includes(".") ? text : text.replace(/\.?0+$/, "");
}

function numberCell(tag, value, digits, parent, name = "") {
  const made = element(tag, `number ${name}`, short(value, digits), parent);
  made.dataset.value = String(value);
  return made;
}

// Widgets of one page, or of one cell of a notebook, tell each other what the reader wants.
const tell = (group, kind, detail) =>
  window.dispatchEvent(new CustomEvent(`striate-${kind}-${group}`, { detail }));

function hear(group, kind, act) {
  const name = `striate-${kind}-${group}`;
  const heard = (event) => act(event.detail);
  window.addEventListener(name, heard);
  return () => window.removeEventListener(name, heard);
}

const ask = (group, what, from) => tell(group, "wish", { kind: "ask", what, from });

// The name of a cell: conv2[3,4,5], fc1[7], loss.
function nameOf(map, lead, row, column) {
  if (map.bare) return `${map.name}${map.suffix}`;
  const width = map.shape[map.shape.length - 1];
  const index = map.flat ? [row * width + column, ...(map.tail || [])] : [...lead, row, column];
  return `${map.name}[${index.join(",")}]${map.suffix}`;
}

function paint(canvas, cells, colors) {
  const image = new ImageData(canvas.width, canvas.height);
  const out = new Uint32Array(image.data.buffer);
  for (let k = 0; k < out.length; k++) out[k] = colors[cells[k]];
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function onTheme(act) {
  const watcher = new MutationObserver(act);
  watcher.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  return () => watcher.disconnect();
}
