// What the theme leaves out for readers who use no mouse: the button of the contents, and text that is wider than the page.
"use strict";

(() => {
  const toggle = document.getElementById("mdbook-sidebar-toggle");
  if (toggle) {
    toggle.setAttribute("role", "button");
    toggle.tabIndex = 0;
    toggle.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      toggle.click();
    });
  }
  const reachable = () => {
    for (const part of document.querySelectorAll("main pre, main pre code, main .table-wrapper")) {
      if (part.scrollWidth > part.clientWidth + 1) part.tabIndex = 0;
    }
  };
  reachable();
  window.addEventListener("load", reachable);
  window.addEventListener("resize", reachable);
})();
