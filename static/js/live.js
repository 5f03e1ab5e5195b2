// A feed that asks for news (`data-live`, `hx-trigger="every 3s"`): it rests while nobody looks, and `data-live-light`
// shows when it is cut off.
"use strict";

function light(isOn) {
  for (const lamp of document.querySelectorAll("[data-live-light]")) lamp.classList.toggle("live--off", !isOn);
}

for (const source of document.querySelectorAll("[data-live]")) {
  source.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden) event.preventDefault();
  });
  source.addEventListener("htmx:afterRequest", (event) => light(event.detail.successful));
  for (const failure of ["htmx:sendError", "htmx:responseError"]) {
    // The light says it once; a toast every few seconds would say it too often.
    source.addEventListener(failure, (event) => event.stopPropagation());
  }
}
