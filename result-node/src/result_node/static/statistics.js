// Statistics that stay fresh in place, and a reading of the charts under the pointer. All numbers come from the page's own table.
"use strict";
(() => {
  const region = document.querySelector("[data-refresh]");
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;

  function read(event) {
    const plot = event.target.closest("[data-plot]");
    if (!plot) { hide(); return; }
    const rows = [...document.querySelectorAll("[data-steps] tbody tr")];
    const box = plot.getBoundingClientRect();
    const index = Math.min(Math.max(Math.floor((event.clientX - box.left) / box.width * rows.length), 0), rows.length - 1);
    const cells = [...rows[index].cells].map((cell) => cell.textContent);
    tip.textContent = plot.classList.contains("rate")
      ? `${cells[0]}\n${cells[2]} a second, ${cells[1]} answers\n${cells[7]}`
      : `${cells[0]}\np50 ${cells[4]}\np95 ${cells[5]}\np99 ${cells[6]}`;
    const card = plot.closest(".card");
    card.append(tip);
    tip.hidden = false;
    const at = (index + 0.5) / rows.length * box.width;
    for (const other of document.querySelectorAll("[data-cross]")) other.setAttribute("visibility", "hidden");
    const cross = plot.querySelector("[data-cross]");
    cross.setAttribute("x1", at);
    cross.setAttribute("x2", at);
    cross.setAttribute("visibility", "visible");
    const left = box.left - card.getBoundingClientRect().left + at + 14;
    tip.style.left = `${left + tip.offsetWidth > card.clientWidth ? left - tip.offsetWidth - 28 : left}px`;
    tip.style.top = `${plot.getBoundingClientRect().top - card.getBoundingClientRect().top + 20}px`;
  }
  function hide() {
    tip.hidden = true;
    for (const cross of document.querySelectorAll("[data-cross]")) cross.setAttribute("visibility", "hidden");
  }
  region.addEventListener("pointermove", read);
  region.addEventListener("pointerdown", read);
  region.addEventListener("pointerleave", hide);

  async function refresh() {
    if (!document.hidden && tip.hidden && !region.contains(document.activeElement)) {
      try {
        const answer = await fetch(location.href);
        if (answer.ok) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          const fresh = page.querySelector("[data-refresh]");
          for (const kept of region.querySelectorAll("[data-keep][open]")) fresh.querySelector(`[data-keep="${kept.dataset.keep}"]`)?.setAttribute("open", "");
          if (tip.hidden) region.replaceChildren(...fresh.childNodes);
        }
      } catch { /* keep what is shown; the next round tries again */ }
    }
    setTimeout(refresh, 10000);
  }
  setTimeout(refresh, 10000);
})();
