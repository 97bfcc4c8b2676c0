// Brings a file in parts, each with its digest, and goes on where a broken line or a closed page left off.
// Never sends a part of another file than the one begun; without this script the form sends the file as it is.
"use strict";
(() => {
  const PART_FIRST = 64 * 1024; // octets; the shortest part that the service takes
  const PART_MAX = 16 * 1024 * 1024; // held in memory while its digest is made
  const PART_MS = 1000; // a part that takes less is followed by a longer one
  const WAIT_MAX_MS = 15000; // between two tries on a broken line
  const form = document.querySelector("form[data-upload]");
  if (!form || !window.crypto || !crypto.subtle) return;
  const [job, words, kept] = [form.dataset.upload, form.dataset, `malote-upload-${form.dataset.upload}`];
  const field = form.querySelector("input[type=file]");
  const box = form.querySelector(".sending");
  const [bar, count, said] = [box.querySelector("progress"), box.querySelector("span"), box.querySelector("[role=status]")];
  let stop = null; // ends what is under way

  const say = (text) => { if (said.textContent !== text) said.textContent = text; };
  const size = (octets) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let place = 0;
    for (; octets >= 1024 && place + 1 < units.length; place += 1) octets /= 1024;
    const digits = { maximumFractionDigits: place > 0 && octets < 100 ? 1 : 0 };
    return `${new Intl.NumberFormat(document.documentElement.lang, digits).format(octets)}\u00a0${units[place]}`;
  };
  const show = (done, all) => {
    const text = `${size(done)} ${words.wordOf} ${size(all)}`;
    bar.value = all ? (100 * done) / all : 0;
    bar.setAttribute("aria-valuetext", text);
    count.textContent = text;
  };
  const remembered = () => {
    try { return JSON.parse(localStorage.getItem(kept)); } catch { return null; }
  };
  const remember = (what) => {
    try { what ? localStorage.setItem(kept, JSON.stringify(what)) : localStorage.removeItem(kept); } catch { /* it goes without */ }
  };
  const digest = async (piece) => {
    const octets = new Uint8Array(await crypto.subtle.digest("SHA-256", piece));
    return btoa(String.fromCharCode(...octets));
  };
  const part = async (file, from, to) => file.slice(from, to).arrayBuffer();
  const ask = (method, path, headers, body) =>
    fetch(path, { method, headers: { "x-csrf-token": words.csrf, ...headers }, body, signal: stop.signal, redirect: "manual" });
  const place = (id) => `/console/uploads/${id}/octets`;

  // The same file as the one begun: its name, length and date, and the octets of its first and last known part.
  const isSame = async (file, begun) => {
    if (begun.name !== file.name || begun.size !== file.size || begun.changed !== file.lastModified) return false;
    for (const [from, to, known] of begun.parts) {
      if (await digest(await part(file, from, to)) !== known) return false;
    }
    return true;
  };
  const refused = async (answer) => {
    const told = await answer.json().catch(() => ({}));
    const why = (told.errors || []).map((one) => one.message).join("; ") || told.detail || answer.status;
    return Object.assign(new Error(`${words.wordRefused} ${why}`), { isFinal: true });
  };
  // What the form says now of the mailbox and the digest.
  const told = () => {
    const [mailbox, sha256] = [form.elements.mailbox_id, form.elements.sha256.value.trim()];
    return { ...(mailbox && { mailbox_id: Number(mailbox.value) }), ...(sha256 && { sha256 }) };
  };
  // A digest that was not known at the beginning may be told at the end; a mailbox that was not, or that has gone since,
  // is chosen once the file is here.
  const isMeant = (begun, wish) => {
    const isSameMailbox = begun.mailbox === wish.mailbox_id || !isChoice(begun.mailbox);
    return isSameMailbox && (!begun.sha256 || !wish.sha256 || begun.sha256 === wish.sha256);
  };
  const isChoice = (mailbox) => [...(form.elements.mailbox_id?.options || [])].some((one) => Number(one.value) === mailbox);
  const begin = async (file, wanted) => {
    const wish = { file_name: file.name, size: file.size, ...wanted };
    const answer = await ask("POST", `/console/jobs/${job}/uploads/begin`, { "content-type": "application/json" }, JSON.stringify(wish));
    if (!answer.ok) throw await refused(answer);
    const { id } = await answer.json();
    const { mailbox_id: mailbox, sha256 } = wish;
    return { id, mailbox, sha256, name: file.name, size: file.size, changed: file.lastModified, parts: [] };
  };
  // What the service knows of it; nothing where it does not any more.
  const known = async (begun) => {
    const answer = await ask("GET", place(begun.id), {});
    if (answer.status === 404) return null;
    if (!answer.ok) throw answer.status < 500 ? await refused(answer) : new Error(String(answer.status));
    const there = await answer.json();
    return there.state === "open" || there.state === "complete" ? there : null;
  };
  const sendParts = async (file, begun, from) => {
    let length = PART_FIRST;
    while (from < file.size) {
      const to = Math.min(from + length, file.size);
      const piece = await part(file, from, to);
      const sum = await digest(piece);
      const began = performance.now();
      const headers = { "content-type": "application/offset+octet-stream", "upload-offset": String(from), "upload-checksum": `sha256 ${sum}` };
      const answer = await ask("PATCH", place(begun.id), headers, piece);
      // What another try has sent meanwhile is asked about anew; a digest that is wrong came over a bad line.
      if ([409, 422].includes(answer.status) || answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
      if (!answer.ok) throw await refused(answer);
      begun.parts = [begun.parts[0] || [from, to, sum], [from, to, sum]];
      remember(begun);
      from = to;
      show(from, file.size);
      if (performance.now() - began < PART_MS) length = Math.min(length * 2, PART_MAX);
    }
  };
  const wait = (ms) => new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    stop.signal.addEventListener("abort", () => { clearTimeout(timer); reject(stop.signal.reason); });
  });
  // What was begun and is meant now; nothing where it begins anew. What is complete is somebody's file by then.
  const resumed = async (file, wish) => {
    const begun = remembered();
    if (!begun) return null;
    if (!(await isSame(file, begun))) {
      say(words.wordOther);
      return null;
    }
    if (isMeant(begun, wish)) return begun;
    say(words.wordElsewhere);
    const there = await known(begun).catch(() => null);
    if (there && there.state === "open") await ask("DELETE", place(begun.id), {}).catch(() => null);
    return null;
  };
  const complete = async (begun, wish, there) => {
    say(words.wordChecking);
    const start = Boolean(form.elements.start?.checked && there.mailbox_id);
    const body = JSON.stringify({ start, sha256: wish.sha256 });
    const answer = await ask("POST", place(begun.id), { "content-type": "application/json" }, body);
    if (answer.ok) return;
    if (answer.status >= 500) throw new Error(String(answer.status));
    const why = await refused(answer.clone());
    // An answer that was lost on its way: the service is still checking, or the reading has begun.
    const { code } = await answer.json().catch(() => ({}));
    if (code === "in_progress") throw new Error("busy");
    if (code !== "run_already_active") throw why;
  };
  const carry = async (file) => {
    // What is typed later is meant for another file.
    const wish = told();
    let begun = await resumed(file, wish);
    let [pause, wrong] = [500, 0];
    for (;;) {
      try {
        begun = begun || (await begin(file, wish));
        remember(begun);
        const there = await known(begun);
        if (there === null) { begun = null; continue; }
        show(there.received_bytes, file.size);
        say(words.wordSending);
        await sendParts(file, begun, there.received_bytes);
        await complete(begun, wish, there);
        remember(null);
        location.assign(`/console/uploads/${begun.id}?done=upload-done`);
        return;
      } catch (error) {
        if (stop.signal.aborted) throw error;
        if (error.isFinal) { remember(null); throw error; }
        // A service that answers and refuses again and again is no broken line.
        wrong = /^4/.test(error.message) ? wrong + 1 : 0;
        if (wrong > 5) throw error;
        say(error.message === "busy" ? words.wordChecking : words.wordBroken);
        await wait(pause);
        pause = Math.min(pause * 2, WAIT_MAX_MS);
      }
    }
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const file = field.files[0];
    if (stop) return;
    box.hidden = false;
    if (!file) return say(words.wordNone);
    stop = new AbortController();
    const button = form.querySelector("button.primary");
    button.disabled = true;
    show(0, file.size);
    box.querySelector("button").focus();
    try {
      await carry(file);
    } catch (error) {
      if (!stop.signal.aborted) say(error.message);
    } finally {
      button.disabled = false;
      stop = null;
    }
  });
  box.querySelector("button").addEventListener("click", async () => {
    const begun = remembered();
    if (stop) stop.abort();
    remember(null);
    stop = new AbortController();
    if (begun) await ask("DELETE", place(begun.id), {}).catch(() => null);
    location.reload();
  });
  const begun = remembered();
  if (begun) {
    box.hidden = false;
    say(`${words.wordSame} ${begun.name}`);
    if (isChoice(begun.mailbox)) form.elements.mailbox_id.value = begun.mailbox;
    stop = new AbortController();
    known(begun).then((there) => {
      if (there === null) { remember(null); box.hidden = true; } else show(there.received_bytes, begun.size);
    }, () => null).finally(() => { stop = null; });
  }
  window.addEventListener("beforeunload", (event) => { if (stop && !stop.signal.aborted && bar.value > 0 && bar.value < 100) event.preventDefault(); });
})();
