"use strict";
// Everything works without this: it adds buttons that copy, and remembers the language of samples.
(() => {
  const told = document.getElementById("told");

  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea"); // pages that are not served over TLS have no clipboard
    area.value = text;
    area.className = "unseen";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  for (const button of document.querySelectorAll("button.copy")) {
    const label = button.firstChild;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.closest("figure")?.querySelector("code");
      try {
        await copy(button.dataset.copy ?? code.textContent);
        label.data = "Copied";
      } catch {
        label.data = "Select it";
      }
      told.textContent = label.data;
      setTimeout(() => (label.data = "Copy"), 1500);
    });
  }

  const languages = document.querySelectorAll("input[name=language]");
  const keep = (value) => {
    try {
      if (value === undefined) return localStorage.getItem("language");
      localStorage.setItem("language", value);
    } catch {
      // storage is off: the choice holds for this page
    }
  };
  const kept = keep();
  for (const choice of languages) {
    if (choice.id === kept) choice.checked = true;
    choice.addEventListener("change", () => keep(choice.id));
  }
})();
