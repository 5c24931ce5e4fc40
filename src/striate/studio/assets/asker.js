// What the reader wants: a drawing, a test picture, a file, another view, a question by name.
// Every wish of every module goes through here, so that a page sends back no more than this.

const NEXT = { values: "gradients", gradients: "kernels", kernels: "values" };

function render({ model, el }) {
  el.classList.add("striate", "striate-asker");
  const group = model.get("group"), words = model.get("words"), start = model.get("start");
  const [height, width] = model.get("size");
  let count = 0, view = start.view, every = false;

  function wish(detail) {
    model.set("wish", { ...detail, number: ++count });
    model.save_changes();
  }
  const heard = hear(group, "wish", wish);

  // --- the pad -------------------------------------------------------------------------------
  const long = 224, scale = long / Math.max(height, width);
  const pad = element("canvas", "pad", null, el);
  pad.width = Math.round(width * scale);
  pad.height = Math.round(height * scale);
  pad.setAttribute("aria-label", words.draw);
  const pen = pad.getContext("2d", { willReadFrequently: true });
  const small = document.createElement("canvas");
  small.width = width;
  small.height = height;
  const fine = small.getContext("2d", { willReadFrequently: true });
  let isDown = false, last = null, waits = false, isDrawing = false;

  function wipe() {
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, pad.width, pad.height);
  }
  const place = (event) => {
    const box = pad.getBoundingClientRect();
    return [((event.clientX - box.left) * pad.width) / box.width,
      ((event.clientY - box.top) * pad.height) / box.height];
  };
  pad.onpointerdown = (event) => {
    if (!isDrawing) wipe();
    isDrawing = isDown = true;
    last = place(event);
    pad.setPointerCapture(event.pointerId);
  };
  pad.onpointermove = (event) => {
    if (!isDown) return;
    const now = place(event);
    pen.strokeStyle = "#fff";
    pen.lineWidth = long / 13;
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...now);
    pen.stroke();
    last = now;
    send(false);
  };
  pad.onpointerup = () => {
    isDown = false;
    send(true);
  };

  // One drawing at a time is on its way: the next one starts when its maps have come.
  let isOut = false, next = null;
  function send(isLast) {
    if (waits && !isLast) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      if (isOut) { next = isLast || next; return; }
      isOut = true;
      next = null;
      fine.imageSmoothingQuality = "high";
      fine.drawImage(pad, 0, 0, width, height);
      const data = fine.getImageData(0, 0, width, height).data;
      const bytes = Uint8Array.from({ length: width * height }, (_, k) => data[4 * k]);
      choice.value = "";
      wish({ kind: "pixels", pixels: toBase64(bytes), last: isLast, sent: performance.now() });
    });
  }
  const drawn = hear(group, "drawn", () => {
    const sent = (model.get("picture") || {}).sent;
    if (sent) el.dataset.ms = (performance.now() - sent).toFixed(1);
    isOut = false;
    if (next !== null) send(next);
  });

  function show() {
    const { pixels, channels, name } = model.get("picture") || {};
    if (!pixels) return;
    const bytes = bytesOf(pixels), area = width * height, image = new ImageData(width, height);
    for (let k = 0; k < area; k++) {
      for (let c = 0; c < 3; c++)
        image.data[4 * k + c] = bytes[(channels === 3 ? c : 0) * area + k];
      image.data[4 * k + 3] = 255;
    }
    fine.putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, pad.width, pad.height);
    isDrawing = false;
    if (name) choice.value = name.split("#")[1];
    remember({ picture: name || null });
  }

  // --- pictures ------------------------------------------------------------------------------
  const tools = element("div", "tools", null, el);
  button(words.clear, () => { wipe(); isDrawing = true; send(true); }, tools);
  const sets = model.get("sets");
  const row = element("label", "row", words.test, tools);
  const set = element("select", "", null, row);
  for (const each of sets) element("option", "", each, set).value = each;
  const choice = element("input", "", null, row);
  choice.type = "number";
  choice.min = "0";
  choice.value = "0";
  choice.name = "test";
  set.name = "set";
  const choose = () => {
    if (choice.value !== "") wish({ kind: "picture", picture: `${set.value}#${choice.value}` });
  };
  choice.onchange = choose;
  set.onchange = choose;
  const files = element("label", "row file", words.file, tools);
  const file = element("input", "", null, files);
  file.type = "file";
  file.accept = "image/*";
  const post = (content) => {
    if (content) fetch(`picture/${group}`, { method: "POST", body: content }).then(async (answer) => {
      if (!answer.ok) say(await answer.text());
    });
  };
  file.onchange = () => post(file.files[0]);
  const over = (event) => event.preventDefault();
  const dropped = (event) => { event.preventDefault(); post(event.dataTransfer.files[0]); };
  const pasted = (event) => post(event.clipboardData.files[0]);
  document.addEventListener("dragover", over);
  document.addEventListener("drop", dropped);
  document.addEventListener("paste", pasted);

  // --- views, questions ----------------------------------------------------------------------
  const views = element("div", "views", null, el);
  views.setAttribute("role", "radiogroup");
  const buttons = Object.keys(NEXT).map((each) => {
    const made = button(words[each], () => turn(each), views);
    made.dataset.view = each;
    made.setAttribute("role", "radio");
    return made;
  });
  const all = element("label", "row", null, el);
  const box = element("input", "", null, all);
  box.type = "checkbox";
  box.onchange = () => { every = box.checked; turn(view); };
  all.append(words.every);
  function turn(other) {
    view = other;
    mark();
    remember({ view });
    wish({ kind: "view", view, every });
  }
  function mark() {
    for (const each of buttons) each.setAttribute("aria-checked", String(each.dataset.view === view));
  }
  mark();
  const form = element("form", "row", null, el);
  const question = element("input", "", null, form);
  question.placeholder = "conv2[3,4,5]";
  question.name = "question";
  question.setAttribute("aria-label", words.ask);
  element("button", "", words.go, form);
  form.onsubmit = (event) => {
    event.preventDefault();
    ask(group, question.value, "map");
  };
  for (const what of start.shortcuts)
    button(what, () => ask(group, what, "map"), form, "link").dataset.what = what;
  const error = element("pre", "error", "", el);
  error.setAttribute("role", "alert");
  const say = (text) => { error.textContent = text || ""; };

  // --- language and theme --------------------------------------------------------------------
  const foot = element("div", "foot", null, el);
  const other = start.lang === "zh" ? ["en", "English"] : ["zh", "中文"];
  button(other[1], () => {
    remember({ lang: other[0] });
    window.location.reload();
  }, foot).dataset.lang = other[0];
  button(`${words.light} / ${words.dark}`, () => tell(group, "wish", { kind: "theme", dark: !isDark() }), foot);

  function remember(values) {
    const address = new URL(window.location.href);
    address.searchParams.delete("token");
    for (const [key, value] of Object.entries(values))
      if (value === null) address.searchParams.delete(key);
      else address.searchParams.set(key, value);
    window.history.replaceState(window.history.state, "", address.href);
  }
  const keys = (event) => {
    if (event.ctrlKey || event.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    if (event.key === "/") { event.preventDefault(); question.focus(); }
    if (event.key === "v") turn(NEXT[view]);
    if (event.key === "n") { choice.value = String(Number(choice.value) + 1); choose(); }
    if (event.key === "p") { choice.value = String(Math.max(0, Number(choice.value) - 1)); choose(); }
  };
  window.addEventListener("keydown", keys);
  wipe();
  show();
  model.on("change:picture", show);
  model.on("change:said", () => { say((model.get("said") || {}).text); isOut = false; });
  return () => {
    heard();
    drawn();
    window.removeEventListener("keydown", keys);
    document.removeEventListener("dragover", over);
    document.removeEventListener("drop", dropped);
    document.removeEventListener("paste", pasted);
  };
}

export default { render };
