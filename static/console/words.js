// What the scripts say, in the language of the page: csmsSay("Signed out: shown as of {time}.", {time}).
// The texts are English here and listed in console/script_words.py; the page brings their translations.
(function () {
  "use strict";

  const brought = document.getElementById("words");
  window.csmsWords = brought ? JSON.parse(brought.textContent) : {};
  window.csmsSay = (text, values) =>
    (window.csmsWords[text] || text).replace(/\{(\w+)\}/g, (place, name) => (values && name in values ? values[name] : place));
})();
