// Shows times in the reader's zone, and the page anew twice a minute while nobody writes in it. Without it all works.
"use strict";
const theme = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme; // Airflow's own switch

function localise() {
  const style = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll("time")) {
    time.title = time.textContent;
    time.textContent = style.format(new Date(time.dateTime));
  }
}

const busy = () => document.querySelector("main").contains(document.activeElement)
  || [...document.querySelectorAll("main input:not([type=hidden]), main textarea")].some(field => field.value !== field.defaultValue)
  || document.querySelector("details[open]");

async function again() {
  if (document.hidden || busy()) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (fresh && !busy()) { document.querySelector("main").replaceWith(fresh); localise(); }
  } catch { /* the next time, perhaps */ }
}

localise();
setInterval(again, 30000);
