// Why a number is what it is: products, sum and residual; each factor is a link, and a trail of
// links says how the reader came here.

function render({ model, el }) {
  el.classList.add("striate", "striate-walk");
  const group = model.get("group"), words = model.get("words");
  const trailRow = element("nav", "trail", null, el);
  const body = element("div", "answer", null, el);
  let trail = [], from = "map";

  const heard = hear(group, "wish", (wish) => { if (wish.kind === "ask") from = wish.from; });

  function take() {
    const answer = model.get("answer") || {};
    if (!answer.what) return;
    const known = trail.indexOf(answer.what);
    if (known >= 0) trail = trail.slice(0, known + 1);
    else trail = from === "factor" ? [...trail, answer.what] : [answer.what];
    from = "factor";
    draw(answer);
    remember(answer.what);
  }

  function draw(answer) {
    trailRow.replaceChildren();
    trail.forEach((what, k) => {
      if (k) element("span", "arrow", "→", trailRow);
      const crumb = button(what, () => ask(group, what, "factor"), trailRow, "crumb");
      if (what === answer.what) crumb.setAttribute("aria-current", "step");
    });
    const copy = button(words.copy, () => {
      navigator.clipboard?.writeText(link(answer.what));
      copy.textContent = words.copied;
    }, trailRow, "copy");
    copy.dataset.link = link(answer.what);
    body.replaceChildren();
    element("p", "formula", `${answer.what} = ${answer.formula}`, body);
    sums(answer);
    table(answer);
    for (const each of answer.arguments) argument(each);
    notes(answer);
  }

  function sums(answer) {
    const row = element("dl", "sums", null, body);
    const pairs = [[words.sum, answer.value, 9, "sum"], [words.stored, answer.stored, 9, "stored"],
      [words.residual, answer.residual, 2, "residual"]];
    for (const [label, value, digits, name] of pairs) {
      element("dt", "", label, row);
      numberCell("dd", value, digits, row, name);
    }
    if (answer.target) {
      element("dt", "", words.target, row);
      element("dd", "target", answer.target, row);
    }
  }

  function table(answer) {
    const made = element("table", "products", null, body);
    const head = element("tr", "", null, element("thead", "", null, made));
    element("th", "", words.term, head);
    element("th", "", `${words.factors} (${answer.products} ${words.products})`, head);
    const rows = element("tbody", "", null, made);
    const largest = [...answer.terms].sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
    const most = Math.max(...largest.map((term) => Math.abs(term.value)), 0) || 1;
    for (const term of largest) {
      const row = element("tr", "", null, rows);
      const cell = numberCell("td", term.value, 7, row, term.value < 0 ? "below" : "above");
      cell.style.setProperty("--part", `${(100 * Math.abs(term.value)) / most}%`);
      const factors = element("td", "factors", null, row);
      term.factors.forEach((factor, k) => {
        if (k) element("span", "times", " · ", factors);
        factorLink(factor, answer, factors);
      });
    }
    if (!answer.others) return;
    const row = element("tr", "others", null, rows);
    numberCell("td", answer.rest, 7, row);
    element("td", "", `${answer.others} ${words.others}`, row);
  }

  function factorLink(factor, answer, parent) {
    const value = ` = ${short(factor.value, 6)}`;
    const alone = factor.what === answer.what || (factor.refs && !factor.refs.length);
    const made = alone ? element("span", "factor", null, parent)
      : button("", () => ask(group, factor.what, "factor"), parent, "link factor");
    made.dataset.what = factor.what;
    made.dataset.value = String(factor.value);
    element("span", "name", factor.what, made);
    element("span", "value", value, made);
  }

  function argument(each) {
    const row = element("p", "argument", null, body);
    factorLink(each, { what: "" }, row);
  }

  function notes(answer) {
    if (answer.sees.length) {
      const spans = answer.sees.map((each) => `${each.axis} ${each.first}–${each.last}`);
      element("p", "note", `${words.sees}: ${spans.join(", ")}`, body);
    }
    for (const note of answer.notes) element("p", "note", note, body);
  }

  function link(what) {
    const address = new URL(window.location.href);
    address.searchParams.delete("token");
    address.searchParams.set("number", what);
    return address.href;
  }

  // In a notebook the address is not ours.
  function remember(what) {
    if (model.get("group")) window.history.replaceState(window.history.state, "", link(what));
  }

  window.addEventListener("keydown", back);
  function back(event) {
    if (event.key !== "Backspace" || trail.length < 2) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    event.preventDefault();
    ask(group, trail[trail.length - 2], "factor");
  }
  model.on("change:answer", take);
  take();
  return () => { heard(); window.removeEventListener("keydown", back); };
}

export default { render };
