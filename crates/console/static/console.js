// Keeps the page live: sections that the server sends again take the place of the old ones. The
// page is whole without it.
"use strict";

(() => {
  const main = document.querySelector("[data-live]");
  const pulse = document.getElementById("pulse");
  if (!main || !pulse || !window.EventSource) return;
  let stream = null;

  const say = (state, words) => {
    pulse.dataset.state = state;
    pulse.querySelector(".word").textContent = words;
  };

  // What the reader opened, focused, selected or filled in stays so.
  const swap = (section) => {
    const old = document.getElementById(section.id);
    if (!old) return;
    const selection = document.getSelection();
    if (selection && !selection.isCollapsed && old.contains(selection.anchorNode)) return;
    for (const details of section.querySelectorAll("details[id]")) {
      const before = document.getElementById(details.id);
      details.open = Boolean(before && before.open);
    }
    // A field that is being filled in is not taken away from under the hand.
    if (old.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), select")) return;
    for (const field of section.querySelectorAll("input[id], select[id]")) {
      const before = document.getElementById(field.id);
      if (!before) continue;
      field.value = before.value;
      field.checked = before.checked;
    }
    const scrolled = Array.from(old.querySelectorAll("[tabindex='0']"), (part) => [part.scrollLeft, part.scrollTop]);
    const focusable = "summary, a, button, [tabindex='0']";
    const focused = Array.from(old.querySelectorAll(focusable)).indexOf(document.activeElement);
    old.replaceWith(section);
    section.querySelectorAll("[tabindex='0']").forEach((part, index) => {
      [part.scrollLeft, part.scrollTop] = scrolled[index] || [0, 0];
    });
    if (focused >= 0) {
      const again = section.querySelectorAll(focusable)[focused];
      if (again) again.focus({ preventScroll: true });
    }
  };

  const open = () => {
    stream = new EventSource(main.dataset.live);
    stream.addEventListener("open", () => say("live", "Live"));
    const take = (event) => {
      const page = new DOMParser().parseFromString(event.data, "text/html");
      for (const section of page.querySelectorAll("section[id]")) {
        swap(document.importNode(section, true));
      }
    };
    for (const page of ["overview", "breakers", "providers", "incidents", "runs"]) stream.addEventListener(page, take);
    stream.addEventListener("signed-out", () => {
      stream.close();
      location.assign("/sign-in");
    });
    stream.addEventListener("error", () => {
      if (stream.readyState === EventSource.CLOSED) say("still", "Not live: reload to try again");
      else say("waiting", "Reconnecting");
    });
  };

  // Typing an amount chooses it, and choosing another one takes it back.
  main.addEventListener("input", ({ target }) => {
    const choices = target.closest("fieldset");
    if (target.name === "own") choices.querySelector("[name=more][value=own]").checked = true;
    else if (target.name === "more" && target.value !== "own") {
      choices.querySelector("[name=own]").value = "";
    }
  });

  // A graph that is wider than the page begins where something happens.
  const frame = document.querySelector(".graph-frame");
  const busy = frame && frame.querySelector(".shown rect, .state-running rect, .state-failed rect");
  if (busy) frame.scrollLeft = busy.x.baseVal.value - frame.clientWidth / 2;

  // What a link would show on the same page is put into it, so that the reader's place stays.
  document.addEventListener("click", async (event) => {
    const link = event.target.closest && event.target.closest("a[data-show]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const address = link.href.baseVal || link.href;
    const answer = await fetch(address).catch(() => null);
    if (!answer || !answer.ok) return location.assign(address);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const section of page.querySelectorAll("main section[id]")) {
      swap(document.importNode(section, true));
    }
    main.dataset.live = page.querySelector("[data-live]").dataset.live;
    history.replaceState(null, "", address);
    const shown = document.getElementById("run-execution");
    if (shown && !shown.hidden) shown.scrollIntoView({ block: "nearest" });
    if (stream) {
      stream.close();
      open();
    }
  });

  // A page that nobody sees asks for nothing.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      if (stream) stream.close();
      stream = null;
      say("waiting", "Resting");
    } else if (!stream) open();
  });
  if (!document.hidden) open();
})();
