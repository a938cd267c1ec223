// The link to the server: asks for the vehicles each second, and knows when it is lost.

const EVERY_MS = 1000;
const PATIENCE_MS = 3000;
const LOST_MS = 3500;
const LOOK_MS = 250;

/** Fetch JSON. Rejects with an Error whose `status` is that of the answer, if there was one. */
export async function fetchJson(address) {
  const answer = await fetch(address, { signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) {
    throw Object.assign(new Error(`${address}: ${answer.status}`), { status: answer.status });
  }
  return answer.json();
}

/**
 * Ask for an address each second while the page is seen.
 *
 * @param hands take(answer), lost(cause), healed(). `cause` is "offline", "server" or "database".
 */
export function follow(address, hands) {
  let heard_ms = performance.now();
  let cause = "server";
  let isLost = false;
  let timer = 0;
  let isAsking = false;

  async function ask() {
    if (isAsking || document.hidden) return;
    isAsking = true;
    clearTimeout(timer);
    const asked_ms = performance.now();
    let answer = null;
    try {
      answer = await fetchJson(address);
      heard_ms = performance.now();
    } catch (error) {
      cause = error.status === 503 ? "database" : navigator.onLine ? "server" : "offline";
    } finally {
      isAsking = false;
      timer = setTimeout(ask, Math.max(0, EVERY_MS - (performance.now() - asked_ms)));
    }
    if (answer === null) return;
    if (isLost) hands.healed();
    isLost = false;
    hands.take(answer);
  }

  setInterval(() => {
    if (document.hidden || performance.now() - heard_ms < LOST_MS) return;
    isLost = true;
    hands.lost(cause);
  }, LOOK_MS);

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    heard_ms = performance.now();
    ask();
  });
  addEventListener("online", ask);
  ask();
}
