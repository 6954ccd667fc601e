// Renews the page's content in place while the page is looked at. Without this the page is whole, and stands still.
"use strict";

const renewAfterMs = Number(document.body.dataset.renewS) * 1000;

async function renew() {
  if (document.hidden || document.querySelector("main :focus")) return;
  let answer;
  try {
    answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  } catch {
    document.body.classList.add("stale");
    return;
  }
  document.body.classList.toggle("stale", !answer.ok);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const scrolls = [...document.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
  document.querySelector("main").replaceChildren(...fresh.childNodes);
  document.querySelectorAll(".scroll").forEach((box, index) => (box.scrollLeft = scrolls[index] ?? 0));
}

setInterval(renew, renewAfterMs);
document.addEventListener("visibilitychange", renew);
