// The Review page: a key that is held down decides only once, an opened form takes the focus, and the answer to a
// decision that came too late is shown like any other.
"use strict";

const TOO_LATE = 409;
const inInbox = (event) => event.detail.target?.id === "inbox";

function focusField(form) {
  const field = form.querySelector("textarea, input:not([type=hidden])");
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
}

function tellWaiting(count) {
  for (const number of document.querySelectorAll('.nav__link[href="/review"] .nav__count')) {
    number.hidden = !count;
    number.firstChild.textContent = count;
  }
}

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
      focusField(event.target);
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
  tellWaiting(document.getElementById("waiting").dataset.count);
  const question = document.getElementById("question");
  if (!question) return;
  const opened = question.querySelector("[data-focus][open]");
  if (opened) focusField(opened);
  else if (document.activeElement === document.body) question.focus({ preventScroll: true });
  if (question.getBoundingClientRect().top < 0) question.scrollIntoView();
});
