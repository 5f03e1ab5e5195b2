// What HTML alone cannot do; every page works without it. docs/reference/interface.md explains the data- attributes.
"use strict";
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const visible = (element) => element.checkVisibility();

// Theme: system, light, dark, round and round

const THEMES = ["system", "light", "dark"];

function nextTheme() {
  const root = document.documentElement;
  const theme = THEMES[(THEMES.indexOf(root.dataset.theme ?? "system") + 1) % THEMES.length];
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem("ibex-theme");
    else localStorage.setItem("ibex-theme", theme);
  } catch {
    // no storage: it lasts for this page
  }
  labelTheme();
}

function labelTheme() {
  const theme = document.documentElement.dataset.theme ?? "system";
  for (const button of $$("[data-theme-toggle]")) button.title = button.ariaLabel = `Theme: ${theme}. Change it`;
}

// Toasts

const TOAST_MS = { error: 20_000, other: 6_000 };

function toast(text, level = "info") {
  const item = $("#toast-template").content.firstElementChild.cloneNode(true);
  item.className = `message message--${level}`;
  $("span", item).textContent = text;
  $("#toasts").append(item);
  raiseToasts();
}

function raiseToasts() {
  const shelf = $("#toasts");
  if (!shelf?.children.length) return;
  if (shelf.matches(":popover-open")) shelf.hidePopover();
  shelf.showPopover();
  for (const item of $$(".message:not([data-timed])", shelf)) {
    item.dataset.timed = "";
    setTimeout(() => item.remove(), item.matches(".message--error") ? TOAST_MS.error : TOAST_MS.other);
  }
}

// Times: the server writes UTC, the reader sees their own

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });
const SPANS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];

function ago(moment) {
  const seconds = (moment - Date.now()) / 1000;
  const span = SPANS.find(([, length]) => Math.abs(seconds) >= length);
  return span ? relative.format(Math.trunc(seconds / span[1]), span[0]) : "just now";
}

function ahead(moment) {
  const told = ago(moment);
  if (told === "just now") return "in a moment";
  return moment > Date.now() ? told : `due ${told}`;
}

function tellTimes(root = document) {
  for (const element of $$("time[data-style]", root)) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    const date = moment.toLocaleDateString([], { dateStyle: "medium" });
    const full = moment.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    element.title = moment.toLocaleString([], { dateStyle: "full", timeStyle: "long" });
    element.textContent = { relative: ago(moment), ahead: ahead(moment), date }[element.dataset.style] ?? full;
  }
}

// Dialogs and the drawer: <dialog> keeps the focus in and gives it back

function openDialog(dialog) {
  if (!dialog || dialog.open) return;
  if (dialog.matches("[popover]:popover-open")) dialog.hidePopover();
  dialog.removeAttribute("popover");
  dialog.showModal();
}

function closeMenus(except) {
  for (const menu of $$("details[data-menu][open]")) if (menu !== except) menu.open = false;
}

async function copy(button) {
  const text = button.dataset.copy || $(button.dataset.copyFrom).innerText;
  try {
    await navigator.clipboard.writeText(text);
    button.dataset.copied = "";
    setTimeout(() => delete button.dataset.copied, 1500);
  } catch {
    toast("The browser did not allow copying. Select the text and copy it by hand.", "error");
  }
}

document.addEventListener("click", (event) => {
  const target = event.target;
  closeMenus(target.closest("details[data-menu]"));
  if (target.closest("[data-theme-toggle]")) nextTheme();
  if (target.closest("[data-dismiss]")) target.closest(".message").remove();
  const copier = target.closest("[data-copy]");
  if (copier) copy(copier);
  const opener = target.closest("[data-dialog]");
  if (opener) {
    event.preventDefault();
    openDialog(document.getElementById(opener.dataset.dialog));
  }
  if (target.closest("[data-dialog-close]")) {
    event.preventDefault();
    target.closest("dialog").close();
  }
  if (target.matches("dialog[open]") && outside(event, target)) target.close();
  const all = target.closest("[data-select-all]");
  if (all) for (const box of $$("[data-select]", all.closest("table"))) box.checked = all.checked;
});

function outside(event, dialog) {
  const box = dialog.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("form");
  for (const count of $$("[data-selected-count]", form ?? document)) {
    count.textContent = $$("[data-select]:checked", form).length;
  }
  if (event.target.matches("[data-autosubmit] :is(select, input)")) form.requestSubmit();
});

// Keyboard

const cursor = () => $("[data-cursor]");

function setCursor(row) {
  cursor()?.removeAttribute("data-cursor");
  row.dataset.cursor = "";
}

function move(step) {
  const rows = $$("tbody tr:not(.table-empty-row), [data-row]").filter(visible);
  if (!rows.length) return;
  const here = rows.indexOf(cursor());
  const row = rows[Math.min(Math.max(here + step, 0), rows.length - 1)];
  setCursor(row);
  row.scrollIntoView({ block: "nearest" });
  if ($("#drawer[open]")) openRow();
  else ($(".row-link, a[href]", row) ?? row).focus({ preventScroll: true });
}

function openRow() {
  const row = cursor();
  if (row) ($(".row-link, a[href]", row) ?? row).click();
}

function goTo(key) {
  const link = $(`[data-go="${CSS.escape(key)}"]`);
  if (link) location.assign(link.href);
}

function focusSearch() {
  const box = $$("[data-search], input[type=search]").find(visible);
  box?.focus();
  box?.select();
  return Boolean(box);
}

function pressHotkey(key) {
  const scope = $("dialog[open]") ?? document;
  const button = $$(`[data-hotkey="${CSS.escape(key)}"]`, scope).find(visible);
  button?.click();
  return Boolean(button);
}

const KEYS = {
  "/": focusSearch,
  "?": () => openDialog($("#shortcuts")),
  j: () => move(1),
  k: () => move(-1),
  x: () => cursor()?.querySelector("[data-select]")?.click(),
};

const G_MS = 1500;
let gPressed = -G_MS;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenus();
  const typing = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key === "Escape" && !typing?.closest("dialog")) typing?.blur();
    return;
  }
  if (event.timeStamp - gPressed < G_MS) {
    gPressed = -G_MS;
    goTo(event.key);
  } else if (event.key === "g") {
    gPressed = event.timeStamp;
  } else if (event.key === "Enter" && event.target === document.body) {
    openRow();
  } else if (pressHotkey(event.key) || (KEYS[event.key] && KEYS[event.key]() !== false)) {
    event.preventDefault();
  }
});

// htmx

const forDrawer = (event) => event.detail.target?.id === "drawer-content";

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!forDrawer(event)) return;
  const row = event.target.closest("tr, [data-row]");
  if (row) setCursor(row);
  openDialog($("#drawer"));
});

document.addEventListener("htmx:afterSwap", (event) => {
  tellTimes(event.detail.target);
  raiseToasts();
  if (forDrawer(event)) event.detail.target.focus({ preventScroll: true });
});

document.addEventListener("htmx:oobAfterSwap", () => {
  tellTimes();
  raiseToasts();
});
document.addEventListener("htmx:wsAfterMessage", () => tellTimes());
document.addEventListener("toast", (event) => toast(event.detail.message, event.detail.level));

const FAILURES = {
  401: "You are signed out. Reload the page and sign in.",
  403: "You may not do this, or the page is out of date. Reload it and try again.",
  404: "It is no longer there. Reload the page.",
  429: "Too many requests. Wait a moment and try again.",
};

function fail(event, text) {
  if (forDrawer(event)) $("#drawer").close();
  toast(text, "error");
}

document.addEventListener("htmx:responseError", (event) => {
  fail(event, FAILURES[event.detail.xhr.status] ?? "The server could not answer. Try again in a moment.");
});

document.addEventListener("htmx:sendError", (event) => {
  fail(event, "The server cannot be reached. Check the connection.");
});

tellTimes();
labelTheme();
setInterval(() => tellTimes(), 60_000);
