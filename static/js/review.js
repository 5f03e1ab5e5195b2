// The Review page: a key that is held down decides only once, an opened form takes the focus, and the answer to a
// decision that came too late is shown like any other.
"use strict";

const TOO_LATE = 409;
const inInbox = (event) => event.detail.target?.id === "inbox";

document.addEventListener(
  "keydown",
  (event) => {
    if (event.repeat && "aber".includes(event.key) && !event.target.closest("input, textarea, select")) {
      event.stopImmediatePropagation();
    }
  },
  { capture: true },
);

document.addEventListener(
  "toggle",
  (event) => {
    if (event.target.open && event.target.matches("[data-focus]")) {
      event.target.querySelector("input:not([type=hidden]), textarea")?.focus();
      event.target.scrollIntoView({ block: "nearest" });
    }
  },
  { capture: true },
);

document.addEventListener("keydown", (event) => {
  const opened = event.target.closest("[data-focus]");
  if (event.key !== "Escape" || !opened) return;
  opened.open = false;
  document.getElementById("question").focus();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (inInbox(event) && event.detail.xhr.status === TOO_LATE) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (!inInbox(event)) return;
  const opened = document.querySelector("#question [data-focus][open]");
  if (opened) opened.querySelector("textarea, input:not([type=hidden])").focus();
  else if (document.activeElement === document.body) document.getElementById("question")?.focus({ preventScroll: true });
});
