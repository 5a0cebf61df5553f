// Chooses light or dark before anything is painted; loaded in the head, not deferred, so that nothing flashes.
(function () {
  "use strict";
  var root = document.documentElement;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return localStorage.getItem("theme") || "system";
    } catch (error) {
      return "system"; // storage may be forbidden
    }
  }

  function apply() {
    var name = chosen();
    root.dataset.bsTheme = name === "system" ? (dark.matches ? "dark" : "light") : name;
    document.querySelectorAll("[data-theme-name]").forEach(function (place) {
      place.textContent = window.csmsSay ? window.csmsSay(name) : name;
    });
  }

  root.classList.remove("no-script");
  apply();
  dark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  document.addEventListener("DOMContentLoaded", apply);
  document.addEventListener("click", function (event) {
    if (!event.target.closest("[data-theme-toggle]")) return;
    var order = { system: "light", light: "dark", dark: "system" };
    try {
      localStorage.setItem("theme", order[chosen()]);
    } catch (error) {
      return;
    }
    apply();
    document.dispatchEvent(new CustomEvent("theme-changed"));
  });
})();
