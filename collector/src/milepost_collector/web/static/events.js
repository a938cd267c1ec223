// The events: the newest from a page of the feed, then each as it comes (server-sent events).
//
// The browser resumes a cut stream by itself (Last-Event-ID). When it gives up, or the page was out
// of sight, the newest page is read again and merged by the events' ids.

import { fetchJson } from "./connection.js";
import { distance, lapse, moment, speed } from "./wording.js";

const KEPT = 200;
const AGAIN_MS = 2000;
const LATE_MS = 60_000;
const FRESH_MS = 30_000;

// What is said of an event: a verb, and what it acts on. `vehicle.moved` is not shown: the next trip
// or stop says it.
const WORDS = {
  "org.milepost.fence.entered": ["entered", ({ fence }, names) => names(fence)],
  "org.milepost.fence.exited": ["left", ({ fence }, names) => names(fence)],
  "org.milepost.fence.dwelled": [
    "has been", ({ fence, dwell_s }, names) => `in ${names(fence)} for ${lapse(dwell_s * 1000)}`,
  ],
  "org.milepost.trip.started": ["set out", () => ""],
  "org.milepost.trip.ended": ["ended a trip", ({ distance_m }) => `of ${distance(distance_m)}`],
  "org.milepost.vehicle.stopped": ["stopped", () => ""],
  "org.milepost.vehicle.idling": ["stands", ({ idle_s }) => `with power for ${lapse(idle_s * 1000)}`],
  "org.milepost.vehicle.speeding": [
    "is too fast:", ({ speed_mps, limit_mps }) => `${speed(speed_mps)} where ${speed(limit_mps)} hold`,
  ],
  "org.milepost.vehicle.gap": ["measured nothing", ({ gap_s }) => `for ${lapse(gap_s * 1000)}`],
};

/** Follow the feed. `hands`: take(event, isLive), link("live" | "cut"). */
export class Feed {
  #source = null;
  #timer = 0;
  #isOpening = false;
  #hands;

  constructor(hands) {
    this.#hands = hands;
    document.addEventListener("visibilitychange", () => {
      // A browser gives all its pages six connections to a server, and a stream keeps one.
      if (document.hidden) this.#close();
      else this.open();
    });
  }

  /** Read the newest events and listen from there. */
  async open() {
    if (this.#isOpening || document.hidden) return;
    this.#isOpening = true;
    this.#close();
    try {
      const { events, next } = await fetchJson(`v1/events?last=${KEPT}`);
      for (const event of events) this.#hands.take(event, false);
      this.#listen(next);
    } catch {
      this.#again();
    } finally {
      this.#isOpening = false;
    }
  }

  #listen(cursor) {
    const source = new EventSource(`v1/events/stream?after=${encodeURIComponent(cursor)}`);
    this.#source = source;
    source.onopen = () => this.#hands.link("live");
    source.onerror = () => {
      this.#hands.link("cut");
      if (source.readyState === EventSource.CLOSED) this.#again();
    };
    for (const type of Object.keys(WORDS)) {
      source.addEventListener(type, ({ data }) => this.#hands.take(JSON.parse(data), true));
    }
  }

  #again() {
    this.#hands.link("cut");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), AGAIN_MS);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }
}

/** The events in words, newest first by the time at which they happened. */
export class EventLog {
  #entries = [];
  #ids = new Set();
  #template = document.querySelector("#event-line").content.firstElementChild;
  #list = document.querySelector("#log");
  #nameOfFence;
  #now_ms = 0;

  /**
   * @param nameOfFence Gives the name of a fence by its id.
   * @param select Called with the id of the vehicle that was chosen.
   */
  constructor(nameOfFence, select) {
    this.#nameOfFence = nameOfFence;
    this.#list.addEventListener("click", ({ target }) => {
      if (target.classList.contains("subject")) select(target.textContent);
    });
  }

  get size() {
    return this.#entries.length;
  }

  /** Add an event; say whether it is one that was not known and is shown. */
  add(event, isLive) {
    if (!(event.type in WORDS) || this.#ids.has(event.id)) return false;
    const time_ms = Date.parse(event.time);
    const after = this.#entries.findIndex((entry) => entry.time_ms <= time_ms);
    const at = after < 0 ? this.#entries.length : after;
    if (at >= KEPT) return false;
    const entry = { event, time_ms, element: this.#template.cloneNode(true) };
    this.#now_ms = Math.max(this.#now_ms, Date.parse(event.recordedat));
    this.#write(entry);
    if (isLive) this.#freshen(entry.element);
    this.#list.insertBefore(entry.element, this.#list.children[at] ?? null);
    this.#entries.splice(at, 0, entry);
    this.#ids.add(event.id);
    if (this.#entries.length > KEPT) this.#drop();
    return true;
  }

  /** Write all again: the names of fences are known, or another day has come. */
  rewrite(now_ms) {
    this.#now_ms = now_ms;
    for (const entry of this.#entries) this.#write(entry);
  }

  #drop() {
    const { event, element } = this.#entries.pop();
    this.#ids.delete(event.id);
    element.remove();
  }

  #write({ event, time_ms, element }) {
    const part = (selector) => element.querySelector(selector);
    const late_ms = Date.parse(event.recordedat) - Date.parse(event.data.confirmed_at ?? event.time);
    element.dataset.type = event.type.split(".").pop();
    part("time").dateTime = event.time;
    part("time").textContent = moment(time_ms, this.#now_ms, { exact: true });
    part(".subject").textContent = event.subject;
    const [verb, object] = WORDS[event.type];
    part(".verb").textContent = verb;
    part(".object").textContent = object(event.data, this.#nameOfFence);
    part("small").textContent = late_ms > LATE_MS ? `reported ${lapse(late_ms)} later` : "";
  }

  #freshen(element) {
    element.classList.add("fresh");
    setTimeout(() => element.classList.remove("fresh"), FRESH_MS);
  }
}
