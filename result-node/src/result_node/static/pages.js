// What makes every page livelier: colours without a reload, shortcuts, copying, waiting for the service to come back.
"use strict";
(() => {
  const root = document.documentElement;
  const themes = ["auto", "light", "dark"];

  const themeForm = document.querySelector(".theme");
  const themeButton = themeForm.querySelector("button");
  function changeTheme() {
    const theme = themeButton.value;
    const next = themes[(themes.indexOf(theme) + 1) % themes.length];
    root.dataset.theme = theme;
    document.cookie = `theme=${theme};path=/;max-age=31536000;samesite=lax`;
    themeButton.value = next;
    themeButton.title = `Colours: ${theme} (t)`;
    themeButton.setAttribute("aria-label", `Colours: ${theme}. Change to ${next}`);
  }
  themeForm.addEventListener("submit", (event) => { event.preventDefault(); changeTheme(); });

  const dialog = document.getElementById("keys");
  const opener = document.querySelector("[data-open-keys]");
  const switchBox = dialog.querySelector("[data-keys-on]");
  opener.hidden = false;
  opener.addEventListener("click", () => dialog.showModal());
  switchBox.checked = localStorage.getItem("keys") !== "off";
  switchBox.addEventListener("change", () => localStorage.setItem("keys", switchBox.checked ? "on" : "off"));

  function step(by) {
    const links = [...document.querySelectorAll(".results td.expression a")];
    const at = links.indexOf(document.activeElement);
    const target = links[at < 0 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)];
    if (target) target.focus();
  }
  const go = (address) => () => { location.href = address; };
  const click = (selector) => () => { const found = document.querySelector(selector); if (found && !found.hidden) found.click(); };
  const actions = {
    "/": () => { const field = document.getElementById("f-expression"); if (field) field.focus(); else location.href = "/results#f-expression"; },
    "?": () => dialog.showModal(), t: changeTheme, j: () => step(1), k: () => step(-1), n: click("[data-next]"), p: click("[data-pause]"),
    "g l": go("/"), "g s": go("/results"), "g t": go("/statistics"),
  };
  let pressed = "";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || !switchBox.checked) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    const key = pressed === "g" ? `g ${event.key}` : event.key;
    pressed = event.key === "g" && pressed !== "g" ? "g" : "";
    if (actions[key]) { event.preventDefault(); actions[key](); }
  });
  if (location.hash === "#f-expression") document.getElementById("f-expression")?.focus();

  for (const form of document.querySelectorAll("[data-search]")) {
    form.addEventListener("formdata", (event) => {
      for (const [name, value] of [...event.formData]) if (!value || (name === "match" && value === "exact")) event.formData.delete(name);
    });
  }

  if (navigator.clipboard) {
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      });
    }
  }

  if (document.querySelector("[data-retry]")) {
    const text = document.querySelector("[data-retry-text]");
    text.textContent = "Nothing is lost. This page opens by itself as soon as it can.";
    const look = async () => {
      try { if ((await fetch("/readyz")).ok) { location.reload(); return; } } catch { /* not there yet */ }
      setTimeout(look, 1000);
    };
    setTimeout(look, 1000);
  }
})();
