// Keeps a page true without a reload. Everything works without it, only not by itself.
"use strict";

const QUIET_MS = 200; // between two loads
const AGAIN_MS = 5000; // after a refusal
const POLL_MS = 1000; // of a log that grows
const live = document.getElementById("live");
const lamp = document.getElementById("link");
let seen = document.body.dataset.seq;
let loading = false;
let wanted = false;
let stream = null;

function show(state) {
  if (lamp) {
    lamp.className = state;
    lamp.title = state === "on" ? "live" : "not connected";
  }
}

// What the reader is in the middle of stays: what is open, what has the focus, where a box is scrolled to.
function replace(fresh) {
  const open = [...live.querySelectorAll("details[open][id]")].map((each) => each.id);
  const focus = live.contains(document.activeElement) ? document.activeElement : null;
  const name = focus && (focus.id || focus.closest("[id]").id);
  const boxes = [...live.querySelectorAll(".scroll, .log")].map((box) => ({
    left: box.scrollLeft,
    top: box.scrollTop,
    atEnd: box.scrollTop + box.clientHeight >= box.scrollHeight - 4,
  }));
  for (const id of open) {
    const details = fresh.querySelector(`details[id="${CSS.escape(id)}"]`);
    if (details) details.open = true;
  }
  live.replaceChildren(...fresh.childNodes);
  live.querySelectorAll(".scroll, .log").forEach((box, at) => {
    if (!boxes[at]) return;
    box.scrollLeft = boxes[at].left;
    box.scrollTop = boxes[at].atEnd ? box.scrollHeight : boxes[at].top;
  });
  if (name) {
    const again = document.getElementById(name);
    const target = again && (again.matches("a, button, summary, [tabindex]") ? again : again.querySelector("summary, button, a"));
    if (target) target.focus({ preventScroll: true });
  }
}

async function load() {
  if (loading) {
    wanted = true;
    return;
  }
  loading = true;
  wanted = false;
  try {
    const answer = await fetch(location.href, { credentials: "same-origin", redirect: "manual" });
    if (answer.type === "opaqueredirect") {
      location.reload(); // the session is over
      return;
    }
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("live");
      if (fresh) {
        seen = page.body.dataset.seq;
        replace(fresh);
        tick();
      }
    }
  } catch {
    show("off");
  } finally {
    setTimeout(() => {
      loading = false;
      if (wanted) load();
    }, QUIET_MS);
  }
}

function listen() {
  if (stream || document.hidden || !live) return;
  let state = null;
  stream = new EventSource("/api/v1/stream");
  stream.addEventListener("change", (event) => {
    show("on");
    const isNew = state === null ? event.lastEventId !== seen : event.data !== state;
    state = event.data;
    if (isNew) load();
  });
  stream.addEventListener("error", () => {
    show("off");
    if (stream && stream.readyState === EventSource.CLOSED) {
      hush(); // it was refused, and does not try again by itself
      setTimeout(listen, AGAIN_MS);
    }
  });
}

// A browser has few connections to one host: a page that nobody sees gives its own back.
function hush() {
  if (stream) stream.close();
  stream = null;
}

function span(seconds) {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(seconds / 3600);
  const days = Math.floor(seconds / 86400);
  if (days) return `${days}d ${hours % 24}h`;
  if (hours) return `${hours}h ${minutes % 60}m`;
  return minutes ? `${minutes}m` : `${Math.max(0, seconds)}s`;
}

function tick() {
  for (const each of document.querySelectorAll("time[data-age]")) {
    const text = span(Math.floor((Date.now() - Date.parse(each.dateTime)) / 1000));
    if (each.textContent !== text) each.textContent = text;
  }
}

document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
window.addEventListener("pagehide", hush);
window.addEventListener("pageshow", listen);
listen();
setInterval(tick, 1000);
setInterval(() => {
  if (!document.hidden && document.querySelector("[data-poll]")) load();
}, POLL_MS);
const log = document.getElementById("log");
if (log) log.scrollTop = log.scrollHeight;
