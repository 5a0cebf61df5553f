// The command palette: Ctrl-K (⌘K), or the button "Go to…", which without script leads to the search page. What is
// typed is asked for after a short rest; an answer to an older question is thrown away.
(function () {
  "use strict";

  const dialog = document.getElementById("palette");
  if (!dialog || !dialog.showModal) return;
  const field = dialog.querySelector("[role=combobox]");
  const list = dialog.querySelector("[role=listbox]");
  const said = dialog.querySelector("[role=status]");
  const REST = 120; // milliseconds without a key
  const MAC = /Mac|iPhone|iPad/.test(navigator.platform);

  let asked = 0;
  let timer = null;
  let chosen = -1;
  let shownFor = null; // what was typed when the list was made
  let goWhenShown = false;

  document.querySelectorAll("[data-palette-key]").forEach((key) => { if (MAC) key.textContent = "⌘K"; });

  const options = () => [...list.children];

  function choose(index) {
    const all = options();
    chosen = all.length ? (index + all.length) % all.length : -1;
    all.forEach((option, at) => option.setAttribute("aria-selected", String(at === chosen)));
    if (chosen < 0) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  }

  function part(name, text) {
    const span = document.createElement(name === "title" ? "bdi" : "span");
    span.className = `palette-${name}`;
    span.textContent = text;
    return span;
  }

  function show(found) {
    list.replaceChildren(...found.map((one, at) => {
      const option = document.createElement("li");
      option.id = `palette-${at}`;
      option.setAttribute("role", "option");
      option.dataset.url = one.url;
      option.append(part("kind", one.kind), part("title", one.title));
      if (one.note) option.append(part("note", one.note));
      return option;
    }));
    field.setAttribute("aria-expanded", String(found.length > 0));
    choose(0);
    said.textContent = !found.length ? dialog.dataset.nothing
      : field.value ? dialog.dataset.count.replace("%s", found.length) : dialog.dataset.hint;
  }

  async function ask() {
    const mine = ++asked;
    const text = field.value;
    try {
      const answer = await fetch(`${dialog.dataset.url}?q=${encodeURIComponent(text)}`, {
        headers: { Accept: "application/json" }, redirect: "manual",
      });
      if (mine !== asked) return;
      if (answer.type === "opaqueredirect") return location.assign(dialog.dataset.signIn);
      if (!answer.ok) throw new Error(String(answer.status));
      const { found } = await answer.json();
      if (mine !== asked) return;
      shownFor = text;
      show(found);
      if (goWhenShown) go();
    } catch (error) {
      if (mine !== asked) return;
      shownFor = null;
      show([]);
      said.textContent = dialog.dataset.lost;
    }
    goWhenShown = false;
  }

  function go() {
    const option = options()[chosen];
    if (option) location.assign(option.dataset.url);
  }

  function open() {
    if (dialog.open) return;
    field.value = "";
    dialog.showModal();
    field.focus();
    ask();
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      const other = document.querySelector("dialog[open]");
      if (other && other !== dialog) return;
      event.preventDefault();
      if (dialog.open) dialog.close();
      else open();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || !event.target.closest("[data-palette-open]")) return;
    event.preventDefault();
    open();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) return dialog.close();
    const option = event.target.closest("[role=option]");
    if (option) location.assign(option.dataset.url);
  });

  field.addEventListener("input", () => {
    clearTimeout(timer);
    goWhenShown = false;
    timer = setTimeout(ask, REST);
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const steps = { ArrowDown: chosen + 1, ArrowUp: chosen - 1 };
    if (event.key in steps) {
      event.preventDefault();
      choose(steps[event.key]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (shownFor === field.value) return go();
      goWhenShown = true; // typed faster than it was found
      clearTimeout(timer);
      ask();
    }
  });
})();
