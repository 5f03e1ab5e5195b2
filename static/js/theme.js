// Runs before the first paint: the theme an operator chose, or none (then the system's).
"use strict";
try {
  const theme = localStorage.getItem("ibex-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // storage is blocked: the system's theme will do
}
