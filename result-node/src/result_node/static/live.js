// The live table: rows come rendered, at most two events a second, and are put in place in one go.
// While the pointer or the focus is on the table it holds still, so that what one reads or clicks doesn't move away.
"use strict";
(() => {
  const table = document.querySelector("[data-live]");
  const body = table.tBodies[0];
  const limit = Number(table.dataset.rows);
  const state = document.querySelector("[data-state]");
  const stateText = state.querySelector("[data-state-text]");
  const passedText = document.querySelector("[data-passed]");
  const pause = document.querySelector("[data-pause]");
  const summary = document.querySelector("[data-summary]");
  let cursor = table.dataset.cursor;
  let passed = 0, exact = true, waitingRows = [], held = false, connection = "waiting", retryMs = 1000;

  document.querySelector("[data-reload]").hidden = true;
  pause.hidden = false;

  function tell() {
    const paused = pause.getAttribute("aria-pressed") === "true";
    const now = connection !== "live" ? "waiting" : paused || held ? "paused" : "live";
    const words = { live: "Live", waiting: "Reconnecting", paused: paused ? "Paused" : "Held while you look" };
    if (state.dataset.state !== now || stateText.textContent !== words[now]) { state.dataset.state = now; stateText.textContent = words[now]; }
    const more = waitingRows.length ? `, ${waitingRows.length >= limit ? "more" : waitingRows.length} to show` : "";
    passedText.textContent = passed ? `${exact ? "" : "more than "}${passed.toLocaleString("en")} answers since you opened this page${more}` : "";
  }

  function show() {
    if (!waitingRows.length || held || pause.getAttribute("aria-pressed") === "true") return;
    const rows = waitingRows.splice(0);
    const keep = Math.max(limit - rows.length, 0);
    document.querySelector("[data-empty]")?.remove();
    body.replaceChildren(...rows, ...[...body.rows].slice(0, keep));
  }

  function take(event) {
    const news = JSON.parse(event.data);
    cursor = event.lastEventId;
    passed += news.passed;
    exact = exact && news.exact;
    const template = document.createElement("template");
    template.innerHTML = `<table><tbody>${news.html}</tbody></table>`;
    const rows = [...template.content.querySelectorAll("tr")];
    if (news.passed <= 5) for (const row of rows) row.classList.add("new");
    waitingRows = [...rows, ...waitingRows].slice(0, limit);
    connection = "live";
    show();
    tell();
  }

  function connect() {
    const source = new EventSource(`/live/events?after=${encodeURIComponent(cursor)}`);
    source.addEventListener("open", () => { connection = "live"; retryMs = 1000; tell(); });
    source.addEventListener("rows", take);
    source.addEventListener("waiting", () => { connection = "waiting"; tell(); });
    source.addEventListener("error", () => {
      connection = "waiting";
      tell();
      if (source.readyState === EventSource.CLOSED) {  // refused, for example 503: the browser gives up, we don't
        setTimeout(connect, retryMs);
        retryMs = Math.min(retryMs * 2, 15000);
      }
    });
  }

  function hold(value) { held = value; show(); tell(); }
  table.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") hold(true); });
  table.addEventListener("pointerleave", () => hold(table.contains(document.activeElement)));
  table.addEventListener("focusin", () => hold(true));
  table.addEventListener("focusout", (event) => hold(table.contains(event.relatedTarget) || table.matches(":hover")));
  pause.addEventListener("click", () => {
    const paused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
    show();
    tell();
  });

  async function refreshSummary() {
    if (!document.hidden) {
      try {
        const answer = await fetch("/live/summary");
        if (answer.ok) summary.innerHTML = await answer.text();
      } catch { /* the state already says that we are reconnecting */ }
    }
    setTimeout(refreshSummary, 5000);
  }

  connect();
  setTimeout(refreshSummary, 5000);
})();
