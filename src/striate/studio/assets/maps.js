// The layers as columns of maps. The pointer shows what a cell sees in every earlier layer.

function render({ model, el }) {
  el.classList.add("striate", "striate-maps");
  const group = model.get("group"), words = model.get("words");
  const status = element("div", "status", words.hint, el);
  const columns = element("div", "columns", null, el);
  let shown = [], signature = "";

  function draw() {
    const layers = model.get("layers") || [];
    const now = JSON.stringify(layers.map((l) => [l.name, l.suffix, l.shape, l.labels]));
    if (now !== signature) build(layers);
    signature = now;
    const colors = palette();
    layers.forEach((layer, k) => fill(shown[k], layer, colors));
    tell(group, "drawn", {});
  }

  function build(layers) {
    shown = layers.map((layer) => {
      const section = element("section", "layer");
      section.dataset.layer = layer.name;
      const head = element("header", "", null, section);
      element("h3", "", layer.name + layer.suffix, head);
      element("p", "", layer.text, head);
      const grid = element("div", layer.flat ? "maps flat" : "maps", null, section);
      if (layer.across) {
        grid.classList.add("kernels");
        grid.style.gridTemplateColumns = `repeat(${layer.across}, max-content)`;
      }
      const maps = Array.from({ length: layer.shape[0] }, (_, k) => oneMap(layer, k, grid));
      const hidden = layer.whole[0] - layer.shape[0];
      if (hidden > 0)
        button(`+${hidden}: ${words.more}`, () =>
          tell(group, "wish", { kind: "open", layer: layer.title }), section, "more");
      const scale = element("p", "scale", "", section);
      return { section, maps, scale, layer };
    });
    columns.replaceChildren(...shown.map((each) => each.section));
  }

  function oneMap(layer, k, grid) {
    const [, height, width] = layer.shape;
    const row = element("div", "map", null, grid);
    const canvas = element("canvas", "", null, row);
    canvas.width = width;
    canvas.height = height;
    const few = layer.flat && layer.labels !== undefined && layer.numbers.length;
    const large = layer.across ? 34 : layer.shape[0] === 1 && !layer.flat ? 112 : 56;
    const side = few ? 20 : Math.max(1, (layer.flat ? 112 : large) / Math.max(width, height));
    canvas.style.width = `${width * side}px`;
    canvas.style.height = `${height * side}px`;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "button");
    canvas.setAttribute("aria-label", nameOf(layer, layer.lead[k], 0, 0));
    const frame = element("div", "frame", null, row);
    const made = { canvas, frame, row, list: few ? element("ol", "units", null, row) : null };
    const cell = (event) => {
      const box = canvas.getBoundingClientRect();
      const r = Math.min(height - 1, Math.max(0, Math.floor(((event.clientY - box.top) * height) / box.height)));
      const c = Math.min(width - 1, Math.max(0, Math.floor(((event.clientX - box.left) * width) / box.width)));
      return [r * layer.step, c * layer.step];
    };
    const exists = (r, c) => !layer.flat || r * width + c < layer.count;
    canvas.onclick = (event) => {
      const [r, c] = cell(event);
      if (exists(r, c)) ask(group, nameOf(layer, layer.lead[k], r, c), "map");
    };
    canvas.onpointermove = (event) => {
      const [r, c] = cell(event);
      if (!exists(r, c)) return;
      status.textContent = nameOf(layer, layer.lead[k], r, c);
      if (!layer.flat) showField(layer.title, r, c);
    };
    canvas.onpointerleave = hideField;
    canvas.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      const r = Math.floor(height / 2) * layer.step, c = Math.floor(width / 2) * layer.step;
      ask(group, nameOf(layer, layer.lead[k], layer.flat ? 0 : r, layer.flat ? 0 : c), "map");
    };
    return made;
  }

  function fill(column, layer, colors) {
    column.layer = layer;
    const cells = bytesOf(layer.cells), area = layer.shape[1] * layer.shape[2];
    column.maps.forEach((map, k) => {
      paint(map.canvas, cells.subarray(k * area, (k + 1) * area), colors);
      if (map.list) units(map.list, layer);
    });
    column.scale.textContent = `± ${short(layer.peak, 3)}`;
  }

  function units(list, layer) {
    const rows = layer.numbers.map((value, k) => {
      const row = element("li", "");
      const link = button(layer.labels[k] ?? String(k), () =>
        ask(group, nameOf(layer, [], k, 0), "map"), row, "link");
      link.dataset.what = nameOf(layer, [], k, 0);
      numberCell("span", value, 4, row);
      return row;
    });
    list.replaceChildren(...rows);
  }

  // Regions by node: rows and columns that the cell can depend on, or all of them.
  function regionsOf(node, row, column) {
    const reads = model.get("reads") || {}, found = { [node]: [[row, row], [column, column]] };
    for (const name of Object.keys(reads).reverse()) {
      const region = found[name];
      if (region === undefined) continue;
      for (const read of reads[name]) {
        const seen = region === "all" || read.all ? "all" : read.point ? region
          : region.map(([low, high], axis) => {
              const [kernel, stride, dilation, before] = read.windows[axis] || [1, 1, 1, 0];
              return [low * stride - before, high * stride - before + (kernel - 1) * dilation];
            });
        const known = found[read.from];
        found[read.from] = known === undefined ? seen : known === "all" || seen === "all" ? "all"
          : seen.map(([low, high], axis) =>
              [Math.min(low, known[axis][0]), Math.max(high, known[axis][1])]);
      }
    }
    return found;
  }

  function showField(node, row, column) {
    const regions = regionsOf(node, row, column);
    for (const { layer, maps } of shown) {
      const region = layer.flat || layer.name !== layer.title ? undefined : regions[layer.title];
      for (const { canvas, frame } of maps) {
        frame.style.display = region === undefined ? "none" : "block";
        if (region !== undefined) place(frame, canvas, layer, region);
      }
    }
  }

  function place(frame, canvas, layer, region) {
    const [, height, width] = layer.whole;
    const [rows, cols] = region === "all" ? [[0, height - 1], [0, width - 1]] : region;
    const clip = (value, most) => Math.min(Math.max(value, 0), most);
    const [top, bottom] = [clip(rows[0], height), clip(rows[1] + 1, height)];
    const [left, right] = [clip(cols[0], width), clip(cols[1] + 1, width)];
    frame.style.top = `${(top / height) * canvas.offsetHeight}px`;
    frame.style.height = `${((bottom - top) / height) * canvas.offsetHeight}px`;
    frame.style.left = `${(left / width) * canvas.offsetWidth}px`;
    frame.style.width = `${((right - left) / width) * canvas.offsetWidth}px`;
  }

  function hideField() {
    for (const { maps } of shown) for (const { frame } of maps) frame.style.display = "none";
  }

  model.on("change:layers", draw);
  const leave = onTheme(draw);
  draw();
  return leave;
}

export default { render };
