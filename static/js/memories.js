// A list that asks for news: <… data-poll hx-trigger="every 3s"> inside what it replaces. It rests while nobody looks or
// rows are being chosen, and is quiet when the server is away: the light says so, a toast every time would not help.
"use strict";

const poll = (event) => event.target.closest?.("[data-poll]");
const isChoosing = () => document.querySelector("[data-select]:checked, dialog.dialog[open]") !== null;

function light(isOn) {
  const isLive = document.querySelector('[data-poll][hx-trigger^="every"]') !== null;
  for (const lamp of document.querySelectorAll("[data-live-light]")) {
    lamp.hidden = !isLive;
    lamp.classList.toggle("live--off", !isOn);
  }
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (poll(event) && (document.hidden || isChoosing())) event.preventDefault();
});

// Someone signed out in another tab: the sign-in page is no list.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (poll(event) && new URL(event.detail.xhr.responseURL).pathname !== location.pathname) event.detail.shouldSwap = false;
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (poll(event) && event.detail.successful) light(true);
});

document.addEventListener("htmx:afterSettle", () => light(true));

for (const failure of ["htmx:sendError", "htmx:responseError"]) {
  const hush = (event) => {
    if (!poll(event)) return;
    event.stopPropagation();
    light(false);
  };
  document.addEventListener(failure, hush, { capture: true });
}

light(true);
