"use strict";
// What a page does by itself: it follows its stream, tells how old it is, and stands still on demand.
(() => {
  const live = document.getElementById("live");
  const age = document.getElementById("age");
  const pause = document.getElementById("pause");
  const said = document.getElementById("said");
  let source = null;
  let heard = Date.now();
  let lost = false;

  const paused = () => new URLSearchParams(location.search).get("refresh") === "off";

  function seconds(from) {
    return Math.max(0, Math.round((Date.now() - from) / 1000));
  }

  function ago(seconds) {
    if (seconds < 1) return "just now";
    if (seconds < 60) return `${seconds} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} d ago`;
  }

  function tick() {
    if (age) {
      const state = paused() ? "Stands still, updated" : lost ? "Not connected, updated" : "Updated";
      age.textContent = `${state} ${ago(seconds(heard))}`;
    }
    for (const time of document.querySelectorAll("time[data-ago]")) {
      time.textContent = ago(seconds(Date.parse(time.dateTime)));
    }
  }

  function refresh() {
    const part = live.dataset.refresh;
    return htmx.ajax("GET", location.href, { target: part, select: part, swap: "morph" }).then(() => {
      heard = Date.now();
    });
  }

  function follow() {
    const next = live.cloneNode();
    document.getElementById("live").replaceWith(next);
    htmx.process(next);
  }

  function leave() {
    source?.close();
    source = null;
  }

  function follows() {
    return live && live.hasAttribute("sse-connect") && !paused() && !document.hidden;
  }

  function turn() {
    if (!live) return;
    if (follows() && !source) {
      follow();
      refresh();
    } else if (!follows()) {
      leave();
    }
    if (pause) pause.textContent = paused() ? "Go on" : "Stand still";
    tick();
  }

  if (live) {
    const create = htmx.createEventSource;
    htmx.createEventSource = (url) => {
      leave();
      source = paused() ? new EventTarget() : create(url);
      source.close ??= () => {};
      source.addEventListener("still", () => { heard = Date.now(); });
      source.addEventListener("ended", () => { leave(); refresh(); });
      return source;
    };
    document.addEventListener("visibilitychange", turn);
  }

  document.body.addEventListener("htmx:sseOpen", () => {
    if (lost) refresh();
    lost = false;
    heard = Date.now();
  });
  document.body.addEventListener("htmx:sseError", () => { lost = true; });
  document.body.addEventListener("htmx:sseBeforeMessage", (event) => {
    heard = Date.now();
    if (event.detail.type === "missed") {
      event.preventDefault();
      refresh();
      return;
    }
    const named = / id="(job-[0-9a-f-]{36})"/.exec(event.detail.data);
    const row = named && document.getElementById(named[1]);
    // what was asked again has ended: a late event would take the link to its retry away
    if (named && (!row || row.querySelector(".again"))) event.preventDefault();
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    let told = "That could not be done.";
    try {
      told = JSON.parse(event.detail.xhr.responseText).detail || told;
    } catch { /* no problem body: the sentence above stands */ }
    if (said) said.textContent = told;
  });
  document.body.addEventListener("htmx:sendError", () => {
    if (said) said.textContent = "The worker cannot be reached.";
  });
  document.body.addEventListener("htmx:beforeRequest", () => {
    if (said) said.textContent = "";
  });

  pause?.addEventListener("click", (event) => {
    event.preventDefault();
    const url = new URL(location.href);
    if (paused()) url.searchParams.delete("refresh");
    else url.searchParams.set("refresh", "off");
    history.replaceState(null, "", url);
    turn();
  });

  setInterval(tick, 1000);
  tick();
})();
