// Keeps a page fresh while it is looked at; every page works without it.
// Never changes what somebody is typing in, and never speaks more often than once in ten seconds.
"use strict";
(() => {
  const REFRESH_MS = 2000; // between two looks, however much happens
  const SPEAK_MS = 10000; // between two announcements
  const menu = document.querySelector(".menu");
  if (menu && matchMedia("(max-width: 60rem)").matches) menu.removeAttribute("open");

  // What was done is said once, and not again on a reload.
  const here = new URL(location.href);
  if (here.searchParams.has("done")) {
    here.searchParams.delete("done");
    history.replaceState(null, "", here);
  }
  const problem = document.getElementById("problem");
  if (problem) problem.focus();

  // On a narrow screen the tab of this very page may lie beyond its edge.
  const tab = document.querySelector(".tabs [aria-current]");
  if (tab) tab.closest(".tabs").scrollLeft = tab.offsetLeft - tab.closest(".tabs").offsetLeft - 16;

  // Places that a chosen language or theme applies to at once.
  for (const select of document.querySelectorAll(".choices select")) {
    select.addEventListener("change", () => select.form.requestSubmit());
  }
  // One box for all of a list.
  for (const all of document.querySelectorAll("[data-all]")) {
    all.hidden = false;
    const box = all.querySelector("input");
    box.addEventListener("change", () => {
      for (const one of box.form.querySelectorAll(`input[name="${all.dataset.all}"]`)) one.checked = box.checked;
    });
  }
  // A file may be read into the field that would be pasted into.
  for (const file of document.querySelectorAll("input[data-into]")) {
    file.closest(".field").hidden = false;
    file.addEventListener("change", async () => {
      if (file.files[0]) document.getElementById(file.dataset.into).value = await file.files[0].text();
    });
  }

  // What can be looked at before it is kept is looked at as it is typed: the form is sent as its button sends it, and
  // of the page that comes back the part is taken that tells what was seen.
  for (const look of document.querySelectorAll("[data-look]")) {
    const { look: step, watch, needs } = look.dataset;
    const form = look.closest("form");
    const place = document.querySelector(`[data-looked="${step}"]`);
    const value = (name) => new FormData(form).getAll(name).join("\n");
    const watched = () => watch.split(" ").map(value).join("\0");
    const isReady = () => (needs || "").split(" ").every((name) => !name || value(name));
    let seen = watched();
    const see = async () => {
      const now = watched();
      if (now === seen || !isReady()) return;
      seen = now;
      place.textContent = place.dataset.wordBusy;
      const body = new URLSearchParams(new FormData(form));
      body.set("step", step);
      try {
        const answer = await fetch(form.getAttribute("action"), { method: "POST", body, redirect: "manual" });
        if (answer.type === "opaqueredirect") return location.reload();
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const told = page.querySelector(`[data-looked="${step}"]`);
        const fresh = told && told.childElementCount ? told : page.getElementById("problem");
        // Whoever typed on meanwhile waits for what that gives.
        if (seen === now) place.replaceChildren(...(fresh ? fresh.childNodes : []));
      } catch { if (seen === now) [place.textContent, seen] = [place.dataset.wordBroken || "", ""]; }
    };
    form.addEventListener("change", see);
    form.addEventListener("submit", (event) => {
      if (!event.submitter || event.submitter.value !== step || !isReady()) return;
      event.preventDefault();
      seen = "";
      see();
    });
  }

  const live = document.querySelector("[data-live]");
  if (!live) return;
  const announce = document.getElementById("announce");
  let [timer, last, spoken, spokenAt] = [0, 0, "", 0];

  const isBusy = () => {
    const focus = document.activeElement;
    const types = focus && live.contains(focus) && /^(INPUT|SELECT|TEXTAREA)$/.test(focus.tagName);
    const isChanged = (one) => (/^(checkbox|radio)$/.test(one.type) ? one.checked !== one.defaultChecked
      : one.tagName === "SELECT" ? [...one.options].some((each) => each.selected !== each.defaultSelected && each.index > 0)
      : one.value !== one.defaultValue);
    const hasWork = [...live.querySelectorAll("input:not([type=hidden]), select, textarea")].some(isChanged);
    return Boolean(types || hasWork || live.querySelector(".ask[open]:not([data-open])"));
  };
  const speak = () => {
    const word = live.querySelector("[data-announce]");
    const text = word ? word.textContent.trim() : "";
    if (text === spoken || Date.now() - spokenAt < SPEAK_MS) return;
    if (spoken) announce.textContent = text;
    [spoken, spokenAt] = [text, Date.now()];
  };
  const look = async () => {
    timer = 0;
    if (document.hidden || isBusy()) return plan(5000);
    last = Date.now();
    try {
      const answer = await fetch(document.body.dataset.from, { headers: { accept: "text/html" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") return location.reload();
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector(`[data-live="${live.dataset.live}"]`);
      if (fresh && !isBusy()) refresh(fresh);
      speak();
    } catch { /* the line is away: the next look tries again */ }
  };
  // Whoever was on a button or a link is on it again, also where its place was made anew.
  const refresh = (fresh) => {
    const held = document.activeElement;
    const nameOf = (one) => one.getAttribute("aria-label") || one.getAttribute("href") || one.textContent;
    const name = held && live.contains(held) ? nameOf(held) : "";
    merge(live, fresh);
    if (!name || held.isConnected) return;
    const again = [...live.querySelectorAll(held.tagName)].find((one) => nameOf(one) === name);
    if (again) again.focus({ preventScroll: true });
  };
  // Puts in what changed and leaves the rest alone, so that focus, scroll and open details stay.
  const merge = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
    if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
    if (old.nodeType !== 1) return old.replaceWith(fresh);
    for (const { name, value } of fresh.attributes) if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
    // What is the same at both ends stays; a middle of the same length is gone through, another is put in.
    let [head, tail] = [0, 0];
    const most = Math.min(before.length, after.length);
    while (head < most && before[head].isEqualNode(after[head])) head += 1;
    while (tail < most - head && before[before.length - 1 - tail].isEqualNode(after[after.length - 1 - tail])) tail += 1;
    const [gone, come] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
    if (gone.length === come.length) gone.forEach((child, place) => merge(child, come[place]));
    else {
      const next = before[before.length - tail] || null;
      for (const child of gone) child.remove();
      for (const child of come) old.insertBefore(child, next);
    }
    if (old.dataset && old.dataset.follow !== undefined) old.scrollTop = old.scrollHeight;
  };
  const plan = (wait) => {
    if (!timer) timer = setTimeout(look, Math.max(wait, last + REFRESH_MS - Date.now()));
  };
  // A browser holds six lines to one host: a page that is not looked at gives its own back, also when it is left.
  let events = null;
  const hush = () => { if (events) events.close(); events = null; };
  const listen = () => {
    if (events || document.hidden || !live.dataset.events) return;
    events = new EventSource(live.dataset.events);
    for (const name of ["progress", "phase", "gate", "run", "log", "quarantine"]) events.addEventListener(name, () => plan(200));
  };
  listen();
  addEventListener("pagehide", hush);
  addEventListener("pageshow", (event) => { if (event.persisted) { listen(); plan(0); } });
  const every = Number(live.dataset.every || 0) * 1000;
  if (every) setInterval(() => plan(0), every);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return hush();
    listen();
    plan(0);
  });
  for (const tail of document.querySelectorAll("[data-follow]")) tail.scrollTop = tail.scrollHeight;
  speak();
})();
