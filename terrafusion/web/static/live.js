"use strict";
// What a page does by itself: it follows its stream or asks anew, tells how old it is, and stands still on demand.
(() => {
  const live = document.getElementById("live");
  const every = Number(live?.dataset.every);
  const age = document.getElementById("age");
  const pause = document.getElementById("pause");
  const said = document.getElementById("said");
  let source = null;
  let heard = Date.now();
  let asked = heard;
  let lost = false;

  const paused = () => new URLSearchParams(location.search).get("refresh") === "off";
  const moves = () => live && !paused() && !document.hidden;

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
      age.nextElementSibling.textContent = `${new Date(heard).toISOString().slice(11, 19)} UTC`;
    }
    for (const time of document.querySelectorAll("time[data-ago]")) {
      time.textContent = ago(seconds(Date.parse(time.dateTime)));
    }
    if (every && moves() && seconds(asked) >= every) refresh();
  }

  function refresh() {
    const part = live.dataset.refresh;
    asked = Date.now();
    return htmx.ajax("GET", location.href, { target: part, select: part, swap: "morph" }).then(settle, settle);
  }

  function isRefresh(event) {
    return Boolean(live) && `#${event.detail.target?.id}` === live.dataset.refresh;
  }

  // follow what is shown now: a stream is of the jobs that a page had when it was made
  function settle() {
    const now = document.getElementById("live");
    const wanted = (moves() && document.querySelector(live.dataset.refresh).dataset.live) || null;
    if (now.getAttribute("sse-connect") === wanted) return;
    source?.close();
    source = null;
    now.removeAttribute("sse-connect"); // htmx may have set a clock to connect it again
    const next = live.cloneNode();
    if (wanted) next.setAttribute("sse-connect", wanted);
    now.replaceWith(next);
    htmx.process(next);
  }

  function turn() {
    if (moves()) refresh();
    else settle();
    if (pause) pause.textContent = paused() ? "Go on" : "Stand still";
    tick();
  }

  if (live) {
    const create = htmx.createEventSource;
    htmx.createEventSource = (url) => {
      source = create(url);
      source.addEventListener("still", () => { heard = Date.now(); });
      source.addEventListener("ended", refresh);
      return source;
    };
    document.addEventListener("DOMContentLoaded", settle);
    document.addEventListener("visibilitychange", turn);
  }

  // what somebody opened stays open, and a form that somebody has begun to fill in stays as it is
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.matches("details"));
  Idiomorph.defaults.callbacks.beforeNodeMorphed = (node) =>
    !(node instanceof HTMLFormElement && [...node.elements].some(isTouched));

  function isTouched(field) {
    if (field instanceof HTMLSelectElement) {
      const usual = [...field.options].findIndex((option) => option.defaultSelected);
      return field.selectedIndex !== Math.max(usual, 0);
    }
    return "defaultValue" in field && (field.value !== field.defaultValue || field.checked !== field.defaultChecked);
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
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (!isRefresh(event)) return;
    lost = !event.detail.successful;
    if (!lost) heard = Date.now();
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    let told = "That could not be done.";
    try {
      told = JSON.parse(event.detail.xhr.responseText).detail || told;
    } catch { /* no problem body: the sentence above stands */ }
    if (said && !isRefresh(event)) said.textContent = told;
  });
  document.body.addEventListener("htmx:sendError", (event) => {
    if (said && !isRefresh(event)) said.textContent = "The worker cannot be reached.";
  });
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (said && !isRefresh(event)) said.textContent = "";
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
