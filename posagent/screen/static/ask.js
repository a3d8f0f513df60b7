// Owns requests that change something: one key for each wish, sent again under that key until there is an answer.

const ANSWER_MS = 5000;
const WAITS_MS = [500, 1000, 2000, 4000, 8000];
const KEPT = "posagent.pending";

export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// A release by PIN: minutes in which this page may do what only a manager may. Kept in memory alone.
let release = { token: "", until: 0 };
export const released = () => Date.now() < release.until;
export const keepRelease = ({ unlock, expires_s: seconds }) => (release = { token: unlock, until: Date.now() + (seconds - 5) * 1000 });

// {ok, answer} or {ok: false, problem}; problem is null when there was no answer at all.
export async function post(path, body, { key = newKey(), onWaiting = () => {} } = {}) {
  for (const wait of [...WAITS_MS, null]) {
    try {
      const response = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": key, ...(released() ? { "Posagent-Unlock": release.token } : {}) },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const answer = await response.json();
      if (response.ok) return { ok: true, answer };
      if (response.status < 500) return { ok: false, problem: answer };
      if (wait === null) return { ok: false, problem: answer };
    } catch {
      // no connection, no answer in time, or half an answer: it may have been done; the same key makes asking again safe
      if (wait === null) return { ok: false, problem: null };
    }
    onWaiting();
    await new Promise((done) => {
      wakers.push(done);
      setTimeout(done, wait);
    });
  }
}

// As post, but a refusal for want of a manager leads to the PIN first; then the same wish goes again with the release.
export async function asManager(path, body, options = {}) {
  const key = options.key ?? newKey();
  const result = await post(path, body, { ...options, key });
  if (result.ok || result.problem?.code !== "E613") return result;
  const { released: right } = await import("./pin.js").catch(() => ({ released: () => false })); // away by now: the refusal stands
  return (await right()) ? post(path, body, { ...options, key }) : result;
}

// The agent is back: whoever waits asks again now.
const wakers = [];
export const nudge = () => wakers.splice(0).forEach((wake) => wake());

// A sale outlives the page: after a reload it is sent again under its key, while the same customer can still be at the counter.
export const FRESH_MS = 120_000;
export const keep = (sale) => sessionStorage.setItem(KEPT, JSON.stringify(sale));
export const forget = () => sessionStorage.removeItem(KEPT);
export const kept = () => JSON.parse(sessionStorage.getItem(KEPT) ?? "null");

// A sale that was typed as not yet paid, so that something can be used in it: its payment is told under the same key.
export const keepUnpaid = (sale) => sessionStorage.setItem("posagent.unpaid", JSON.stringify(sale));
export const forgetUnpaid = () => sessionStorage.removeItem("posagent.unpaid");
export const unpaid = () => JSON.parse(sessionStorage.getItem("posagent.unpaid") ?? "null");
