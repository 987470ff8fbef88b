// What every page of the book does beyond HTML: light or dark, arrow keys, unfolding for print. All of it
// can be left away.
"use strict";

const theme = {
  // Where nothing can be kept (a browser may forbid it), the choice lasts as long as the page.
  kept() {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  },
  keep(name) {
    try {
      localStorage.setItem("theme", name);
    } catch {
      // then not
    }
  },
  isDark() {
    return (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  },
  set(name) {
    document.documentElement.dataset.theme = name;
  },
};
if (theme.kept() === "dark" || theme.kept() === "light") theme.set(theme.kept()); // before anything is drawn

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const label = () => {
    button.textContent = theme.isDark() ? "Light" : "Dark";
    button.title = theme.isDark() ? "Dark on light" : "Light on dark";
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    theme.set(theme.isDark() ? "light" : "dark");
    theme.keep(document.documentElement.dataset.theme);
    label();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();

  // What can be scrolled can be reached by the keyboard.
  const reach = () => {
    for (const box of document.querySelectorAll(".scroll")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true);
  reach();

  // A link to what is folded away unfolds it.
  const unfold = () => {
    let target = null;
    try {
      target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return; // no such thing
    }
    for (let box = target?.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    if (target?.closest("details")) target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();
});

// The left and the right arrow turn the page, unless something has a use of its own for them.
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
  if (event.target.closest("input, textarea, select, [contenteditable], .scroll, .player")) return;
  if (document.querySelector(".player")) return; // there they move the slider
  const name = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = name && document.querySelector(`nav.turn a[rel="${name}"]`);
  if (link) location.assign(link.href);
});

// On paper nothing can be unfolded.
addEventListener("beforeprint", () => {
  for (const box of document.querySelectorAll("details:not([open]):not(.rows)")) {
    box.open = true;
    box.dataset.printed = "";
  }
});
addEventListener("afterprint", () => {
  for (const box of document.querySelectorAll("details[data-printed]")) {
    box.open = false;
    delete box.dataset.printed;
  }
});
