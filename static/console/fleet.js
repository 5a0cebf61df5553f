// What is ticked of the fleet stays ticked when the list is read again, sorted or turned; and a button of a form that
// has several asks its own question before it sends.
(function () {
  "use strict";

  // --- a question that belongs to one button ----------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const button = event.target.closest("form button");
    if (!button || !button.form || !button.form.querySelector("[data-ask]")) return;
    if (button.dataset.ask) {
      button.form.dataset.confirm = button.dataset.ask;
      button.form.dataset.confirmYes = button.dataset.askYes;
    } else {
      delete button.form.dataset.confirm;
    }
  });

  // --- a view is saved as the page is now ---------------------------------------------------------------------------

  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-view-save]")) event.target.elements.query.value = location.search.slice(1);
  });

  // --- what is ticked -------------------------------------------------------------------------------------------------

  const form = document.querySelector("form[data-bulk]");
  if (!form) return;
  const MOST = 500; // beyond that, all that match
  const KEPT = "fleet-ticked";
  const said = form.querySelector("[data-bulk-count]");
  const clear = form.querySelector("[data-bulk-clear]");
  let ticked = new Set(JSON.parse(sessionStorage.getItem(KEPT) || "[]"));

  const boxes = () => [...document.querySelectorAll("input[name=cp][form=bulk]")];
  const everything = () => document.getElementById("bulk-all");
  const wholePage = () => document.querySelector("[data-bulk-page]");

  function write(full) {
    sessionStorage.setItem(KEPT, JSON.stringify([...ticked]));
    const all = everything() && everything().checked;
    for (const box of boxes()) {
      box.checked = all || ticked.has(box.value);
      box.disabled = Boolean(all);
    }
    const page = wholePage();
    if (page) {
      const here = boxes().filter((box) => box.checked).length;
      page.checked = here > 0 && here === boxes().length;
      page.indeterminate = here > 0 && here < boxes().length;
      page.disabled = Boolean(all);
    }
    clear.hidden = !ticked.size && !all;
    let text = ticked.size ? form.dataset.chosen.replace("%s", ticked.size) : form.dataset.none;
    if (all) text = form.dataset.everything;
    if (full) text = form.dataset.most;
    if (said.textContent !== text) said.textContent = text;
  }

  function tick(box) {
    if (!box.checked) ticked.delete(box.value);
    else if (ticked.size < MOST) ticked.add(box.value);
    else return false;
    return true;
  }

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.matches("[data-bulk-page]")) {
      const fit = boxes().map((one) => { one.checked = box.checked; return tick(one); }).every(Boolean);
      write(!fit);
    } else if (box.matches("input[name=cp][form=bulk]")) write(!tick(box));
    else if (box.id === "bulk-all") write();
  });

  clear.addEventListener("click", () => {
    ticked = new Set();
    if (everything()) everything().checked = false;
    write();
  });

  // "All that match" means what matched when it was ticked: with other filters it is another choice.
  let all = false;
  document.addEventListener("htmx:beforeSwap", () => { all = false; });
  document.addEventListener("htmx:afterSwap", () => write());
  document.addEventListener("change", () => { all = Boolean(everything() && everything().checked); });
  document.addEventListener("live-replaced", () => {
    if (everything()) everything().checked = all;
    write();
  });

  form.addEventListener("submit", () => {
    form.querySelectorAll("input[data-elsewhere]").forEach((input) => input.remove());
    if (everything() && everything().checked) return;
    const here = new Set(boxes().map((box) => box.value));
    for (const cpId of ticked) {
      if (here.has(cpId)) continue;
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name: "cp", value: cpId });
      input.dataset.elsewhere = "yes";
      form.append(input);
    }
  });
  write();
})();
