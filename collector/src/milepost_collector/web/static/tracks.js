// Asks for tracks one after another, so that five hundred of them never crowd out the positions.

import { fetchJson } from "./connection.js";

const LAST = 300;
const PAUSE_MS = 100;

// A vehicle that is seldom heard of would have its track asked for each time.
const AGAIN_MS = 15_000;

export class Tracks {
  #queue = new Map();
  #asked_ms = new Map();
  #isBusy = false;
  #take;

  /** @param take Called with a vehicle and the points of its track, oldest first. */
  constructor(take) {
    this.#take = take;
  }

  ask(vehicle) {
    const isFirst = !this.#asked_ms.has(vehicle.id);
    if (!isFirst && performance.now() - this.#asked_ms.get(vehicle.id) < AGAIN_MS) return;
    this.#asked_ms.set(vehicle.id, performance.now());
    this.#queue.set(vehicle, isFirst);
    if (!this.#isBusy) this.#work();
  }

  async #work() {
    this.#isBusy = true;
    for (const [vehicle, isFirst] of this.#queue) {
      this.#queue.delete(vehicle);
      const address = `v1/vehicles/${encodeURIComponent(vehicle.id)}/track?last=${LAST}`;
      try {
        this.#take(vehicle, (await fetchJson(address)).points);
      } catch {
        this.#asked_ms.delete(vehicle.id); // its tail grows from here on, and at the next silence
      }
      if (!isFirst) await new Promise((resume) => setTimeout(resume, PAUSE_MS));
    }
    this.#isBusy = false;
  }
}
