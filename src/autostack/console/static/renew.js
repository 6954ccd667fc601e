// Renews the page's content in place while the page is looked at. Without this the page is whole, and stands still.
// Focus, scrolled boxes and selected text survive a renewal; a page that cannot be renewed says since when.
"use strict";

const renewAfterMs = Number(document.body.dataset.renewS) * 1000;
const main = document.getElementById("main");
const stale = document.getElementById("stale");
let renewedAt = new Date();
let busy = false;

const nameOf = (element) => element.getAttribute("href") ?? element.getAttribute("aria-labelledby");

const alike = (name) => [...main.querySelectorAll("a[href], [tabindex]")].filter((one) => nameOf(one) === name);

function focused() {
  const element = document.activeElement;
  if (element === main || !main.contains(element)) return null;
  return { name: nameOf(element), index: alike(nameOf(element)).indexOf(element) };
}

function replace(fresh) {
  const place = focused();
  const scrolls = [...main.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
  main.replaceChildren(...fresh.childNodes);
  main.querySelectorAll(".scroll").forEach((box, index) => {
    [box.scrollLeft, box.scrollTop] = scrolls[index] ?? [0, 0];
  });
  if (place !== null) (alike(place.name)[place.index] ?? main).focus({ preventScroll: true });
}

function selecting() {
  const selection = document.getSelection();
  return !selection.isCollapsed && main.contains(selection.anchorNode);
}

async function renew() {
  if (busy || document.hidden || selecting()) return;
  busy = true;
  try {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(2 * renewAfterMs) });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    replace(page.getElementById("main"));
    document.title = page.title;
    renewedAt = new Date();
    stale.textContent = "";
  } catch {
    stale.textContent = `as of ${renewedAt.toLocaleTimeString()}: the console does not answer`;
  } finally {
    busy = false;
  }
}

setInterval(renew, renewAfterMs);
document.addEventListener("visibilitychange", renew);
