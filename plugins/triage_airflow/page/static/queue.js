// Keeps the queue fresh without losing the reader's place, and does by keyboard what the buttons do.
"use strict";
const $ = (selector, root = document) => root.querySelector(selector);
const body = document.body;
const rows = $("#rows"), reading = $("#reading"), acts = $("#acts"), said = $("#said"), filters = $("#filters");
const reply = $("#reply"), words = $("#reply-text"), letters = $("#letters");
const sources = new WeakMap(); // each row, and its HTML as the server sent it
const tags = new Map(); // address, and the ETag of what is shown
const selected = new Set();
const drafts = new Map(); // conversation, and what is written to it: text, and the key that makes it one reply
const RENEW = 10 * 60000, AWAY = 15 * 60000, PATIENCE = 20000;
let current = null, open = null, hush = 0, skew = 0, active = Date.now(), renewed = "";

const kept = key => { try { return localStorage.getItem(key); } catch { return null; } };
const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window */ } };
const theme = kept("theme");
letters.checked = kept("triage.letters") !== "off";
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme; // Airflow's own switch

const parse = html => new DOMParser().parseFromString(html, "text/html").body;
const list = () => [...rows.querySelectorAll(".row")];
const rowOf = id => list().find(row => row.dataset.id === id);
const asked = () => new URLSearchParams([...new FormData(filters)].filter(([, value]) => value));

async function get(path, always = false) {
  const headers = !always && tags.has(path) ? { "If-None-Match": tags.get(path) } : {};
  const answer = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) })
    .then(async got => Object.assign(got, { sent: await got.text() })).catch(() => null); // it may break off in the middle
  if (!answer) return live("stale");
  skew = (Date.parse(answer.headers.get("Date")) || Date.now()) - Date.now();
  if (answer.status === 304) return live("live");
  if (answer.status === 404) return null;
  if (!answer.ok) return live(answer.status === 401 ? "out" : "stale");
  live("live");
  return Object.assign(parse(answer.sent), { etag: answer.headers.get("ETag") });
}

function live(state) {
  const place = $("#live");
  if (place.textContent !== body.dataset[state]) place.textContent = body.dataset[state];
  place.className = state;
  return undefined;
}

function localise(root) {
  const style = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  for (const time of root.querySelectorAll("time")) {
    time.title = time.textContent;
    time.textContent = style.format(new Date(time.dateTime));
  }
}

// Rows that are the same stay the same elements: scroll, focus and what is ticked stay where they are.
function merge(fresh, { append = false } = {}) {
  const old = new Map(list().map(row => [row.dataset.id, row]));
  const at = list().findIndex(row => row.contains(document.activeElement));
  const target = $(".rows", rows);
  const wanted = append ? [...old.values()] : [];
  for (const row of [...fresh.querySelectorAll(".row")]) {
    const html = row.outerHTML, was = old.get(row.dataset.id);
    if (was && append) continue;
    if (was && sources.get(was) === html) { wanted.push(was); continue; }
    sources.set(row, html);
    if (was && was.contains(document.activeElement)) {
      const inside = document.activeElement.tagName;
      queueMicrotask(() => $(inside.toLowerCase(), row)?.focus({ preventScroll: true }));
    }
    wanted.push(row);
  }
  const kept = new Set(wanted);
  for (const row of old.values()) if (!kept.has(row)) row.remove();
  wanted.forEach((row, i) => { if (target.children[i] !== row) target.insertBefore(row, target.children[i] || null); });
  for (const rest of [...rows.children]) if (rest !== target) rest.remove();
  for (const rest of [...fresh.children]) if (!rest.matches(".rows")) rows.append(rest);
  const there = new Set(list().map(row => row.dataset.id));
  for (const id of selected) if (!there.has(id)) selected.delete(id);
  if (at >= 0 && document.activeElement === body) focusRow(list()[Math.min(at, list().length - 1)]);
  paint();
}

function paint() {
  for (const row of list()) {
    const here = row.dataset.id === current;
    row.classList.toggle("current", here);
    $("a", row)[here ? "setAttribute" : "removeAttribute"]("aria-current", "true");
    const box = $("input", row);
    if (box) box.checked = selected.has(row.dataset.id);
  }
  if (!acts) return;
  acts.hidden = !targets().length;
  $("#target").textContent = selected.size ? body.dataset.selected.replace("#", selected.size) : body.dataset.one;
  $("#unselect").hidden = !selected.size;
  body.classList.toggle("selecting", selected.size > 0);
}

const targets = () => selected.size ? [...selected] : current ? [current] : [];

function focusRow(row) {
  if (!row) return;
  current = row.dataset.id;
  $("a", row).focus();
  row.scrollIntoView({ block: "nearest" });
  paint();
}

function move(step) {
  const all = list(), at = all.findIndex(row => row.dataset.id === current);
  const row = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
  focusRow(row);
  if (open && row) show(row.dataset.id, { focus: false });
}

function read(talk) {
  tags.set(`c/${open}`, talk.etag);
  reading.replaceChildren(...talk.children);
  localise(reading);
  writing();
}

async function show(id, { focus = true, push = true } = {}) {
  if (reply && open !== id) reply.hidden = true;
  current = open = id;
  paint();
  const found = await get(`c/${id}`, true);
  if (open !== id) return;
  if (found) read(found);
  if (found === null) return close();
  body.classList.add("reading");
  $("#conversation").scrollTop = 0;
  if (push) history.replaceState(null, "", address());
  if (focus) $("#title", reading)?.focus();
}

function address() {
  const query = asked();
  if (open) query.set("c", open);
  return `?${query}`;
}

function close() {
  const was = open;
  open = null;
  body.classList.remove("reading");
  if (reply) reply.hidden = true;
  history.replaceState(null, "", address());
  if (was) focusRow(rowOf(was) || list()[0]);
}

// One after the other: a late answer is not painted over a newer one, and a release cannot overtake its claim.
function inTurn(work) {
  let last = Promise.resolve();
  return (...args) => last = last.catch(() => {}).then(() => work(...args));
}
const refresh = inTurn(reload), post = inTurn(deliver);

async function reload({ reread = true } = {}) {
  const query = asked(), asking = `${query}`;
  query.set("n", Math.max(50, list().length));
  const path = `rows?${query}`;
  const [fresh, talk, figures] = await Promise.all([
    get(path), open && reread ? get(`c/${open}`) : undefined, get("numbers"),
  ]);
  holdOn();
  if (figures) { tags.set("numbers", figures.etag); $("#numbers").replaceChildren(...figures.children); }
  if (fresh && `${asked()}` === asking) {
    tags.set(path, fresh.etag);
    merge(fresh);
  }
  if (talk && talk.firstElementChild?.dataset.id === open && getSelection().isCollapsed) {
    const within = reading.contains(document.activeElement);
    read(talk);
    if (within) $("#title", reading)?.focus({ preventScroll: true });
  }
}

// A lease lasts as long as its holder reads or writes: renewed when little of it is left, not while nobody is there.
function holdOn() {
  const { id, until } = $("article", reading)?.dataset ?? {};
  if (!until || until === renewed || document.hidden || Date.now() - active > AWAY) return;
  if (Date.parse(until) - Date.now() - skew > RENEW) return;
  renewed = until;
  fetch("act", { method: "POST", body: new URLSearchParams({ verb: "renew", id }) }).catch(() => { renewed = ""; });
}

function writing() {
  if (!reply) return;
  const talk = $("article", reading);
  reply.hidden = !talk || talk.dataset.waits !== "yes" || Boolean($(".reply.wanted, .reply.sending, .reply.unknown", reading));
  const text = drafts.get(open)?.text || "";
  if (words.value !== text) { words.value = text; measure(); }
  $("#reply-to").textContent = talk?.dataset.to ? body.dataset.to.replace("#", talk.dataset.to) : "";
}

let measuring = 0;
function measure() {
  clearTimeout(measuring);
  const place = $("#reply-length"), source = $("article", reading)?.dataset.source;
  if (!words.value || !source) return place.replaceChildren();
  measuring = setTimeout(async () => {
    const text = words.value;
    const answer = await fetch("length", { method: "POST", body: new URLSearchParams({ source, text }) }).catch(() => null);
    if (answer?.ok && words.value === text) place.replaceChildren(...parse(await answer.text()).children);
  }, 200);
}

async function send() {
  const draft = drafts.get(open), id = open;
  if (!draft?.text.trim()) return words.focus();
  const answer = await post("reply", { id, text: draft.text, key: draft.key });
  if (answer?.ok) { drafts.delete(id); words.value = ""; measure(); }
  await refresh();
  if (answer?.ok && open === id) $("#title", reading)?.focus();
}

async function more() {
  const query = asked(), last = list().at(-1);
  query.set("n", "50");
  query.set("after", last.dataset.place);
  const fresh = await get(`rows?${query}`, true);
  if (!fresh) return;
  const first = $(".row", fresh)?.dataset.id;
  merge(fresh, { append: true });
  focusRow(rowOf(first));
}

function tell(fragment) {
  said.replaceChildren(...fragment.children);
  clearTimeout(hush);
  hush = setTimeout(() => said.replaceChildren(), 12000);
}

async function deliver(path, fields) {
  const answer = await fetch(path, { method: "POST", body: new URLSearchParams(fields) }).catch(() => null);
  if (!answer) return live("stale");
  const fragment = parse(await answer.text());
  tell(answer.ok || answer.status === 409 ? fragment : $("main", fragment) || fragment);
  return answer;
}

async function act(verb, word = "") {
  const ids = targets();
  if (!ids.length) return;
  const all = list().map(row => row.dataset.id);
  const rest = all.slice(all.indexOf(ids.at(-1)) + 1).concat(all).find(id => !ids.includes(id));
  const answer = await post("act", [["verb", verb], ["word", word], ...ids.map(id => ["id", id])]);
  if (!answer?.ok) return refresh();
  selected.clear();
  await refresh();
  if (ids.includes(current) && !rowOf(current)) {
    const next = rest && rowOf(rest);
    if (open && next) return show(rest, { focus: false }).then(() => focusRow(rowOf(rest)));
    current = null;
    if (open) close();
    focusRow(next || list()[0]);
  }
  paint();
}

function ask(verb) {
  if (!targets().length) return;
  if (verb === "reply") return write();
  const dialog = $(`#ask-${verb}`);
  if (!dialog) return act(verb);
  $("form", dialog).reset();
  const n = targets().length;
  $(".for", dialog).textContent = n > 1 ? body.dataset.for.replace("#", n) : body.dataset.one;
  dialog.showModal();
  $("[name=word]", dialog).focus();
}

async function write() {
  if (open !== current || !open) await show(current, { focus: false });
  if (reply.hidden) return;
  reply.scrollIntoView({ block: "nearest" });
  words.focus();
}

function toggle(id) {
  if (!id || !acts) return;
  selected.has(id) ? selected.delete(id) : selected.add(id);
  paint();
}

const KEYS = {
  j: () => move(1), k: () => move(-1), x: () => toggle(current),
  Enter: () => current && show(current),
  "/": () => $("#q").focus(), "?": () => $("#keys").showModal(),
  Escape: () => selected.size ? (selected.clear(), paint()) : open && close(),
};
if (acts) Object.assign(KEYS, {
  c: () => ask("claim"), r: () => ask("release"), a: () => ask("answer"), d: () => ask("dismiss"),
  t: () => ask("relabel"), s: () => ask("snooze"), n: () => ask("note"), p: () => ask("renew"), w: () => ask("reply"),
});

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
  const at = event.target;
  if (at.matches("input:not([type=checkbox]), textarea, select")) {
    if (event.key === "Escape") at.blur();
    return;
  }
  if (event.key === "Enter" && at.matches("a:not(.row > a:first-of-type), button, summary")) return;
  if (event.key.length === 1 && !letters.checked) return;
  const does = KEYS[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});

document.addEventListener("click", event => {
  const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey;
  const link = event.target.closest(".row > a:not(.alike)"), button = event.target.closest("button");
  if (link && plain) { event.preventDefault(); show(link.closest(".row").dataset.id); }
  else if (event.target.closest("#back") && plain) { event.preventDefault(); close(); }
  else if (button?.id === "more") more();
  else if (button?.id === "help") $("#keys").showModal();
  else if (button?.id === "unselect") { selected.clear(); paint(); }
  else if (button?.id === "next") takeNext();
  else if (button?.id === "all") { for (const row of list()) selected.add(row.dataset.id); paint(); }
  else if (button?.dataset.again) again(button);
  else if (button?.dataset.verb) ask(button.dataset.verb);
  else if (button?.matches(".cancel")) button.closest("dialog").close();
  else if (button?.matches(".chip")) { const word = $("[name=word]", button.form); word.value = button.textContent; word.focus(); }
});

async function takeNext() {
  const query = asked();
  await post("next", [["n", "10"], ["topic", query.get("topic") || ""], ["lang", query.get("lang") || ""]]);
  await refresh();
}

async function again(button) {
  await post(`reply/${button.dataset.again}`, { id: button.closest("[data-reply]").dataset.reply });
  await refresh();
}

if (reply) {
  words.addEventListener("input", () => {
    const key = [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
    drafts.set(open, { text: words.value, key });
    measure();
  });
  words.addEventListener("keydown", event => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) reply.requestSubmit(); });
  reply.addEventListener("submit", event => { event.preventDefault(); send(); });
}
letters.addEventListener("change", () => {
  keep("triage.letters", letters.checked ? "on" : "off");
  body.classList.toggle("wordy", !letters.checked);
});
body.classList.toggle("wordy", !letters.checked);
for (const sign of ["keydown", "pointerdown", "scroll"]) addEventListener(sign, () => { active = Date.now(); }, { passive: true, capture: true });

rows.addEventListener("focusin", event => { // what has the focus is what a key acts on
  const row = event.target.closest(".row");
  if (row && row.dataset.id !== current && !open) { current = row.dataset.id; paint(); }
});
rows.addEventListener("change", event => {
  if (event.target.matches("input")) toggle(event.target.value);
});
filters.addEventListener("submit", event => { event.preventDefault(); refilter(); });
filters.addEventListener("change", () => refilter());
let typing = 0;
$("#q").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(refilter, 250); });

function refilter() {
  clearTimeout(typing);
  history.replaceState(null, "", address());
  for (const row of list()) if (!row.contains(document.activeElement)) row.remove();
  selected.clear();
  tags.clear();
  return refresh({ reread: false });
}

for (const dialog of document.querySelectorAll("dialog form[data-verb]")) {
  dialog.addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.target.matches("select") || event.ctrlKey)) {
      event.preventDefault();
      dialog.requestSubmit();
    }
  });
  dialog.addEventListener("submit", event => {
    event.preventDefault();
    const word = new FormData(dialog).get("word").trim();
    dialog.closest("dialog").close();
    act(dialog.dataset.verb, word);
  });
}

for (const row of list()) sources.set(row, row.outerHTML);
current = open = $("article", reading)?.dataset.id || null;
localise(reading);
writing();
paint();
refresh();
(function poll() {
  setTimeout(async () => { if (!document.hidden) await refresh(); poll(); }, 4000);
})();
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
