// The vehicles in words: one line each, changed in place.

import { count, lapse, moment, speed } from "./wording.js";

// Below this many lines nobody needs to search.
const FIND_FROM = 12;

// A long name loses its middle: what tells vehicles apart often stands at the end.
const LONG_NAME = 16;
const NAME_END = 5;

const byName = new Intl.Collator(undefined, { numeric: true });

export class VehicleList {
  #lines = new Map();
  #template = document.querySelector("#vehicle-line").content.firstElementChild;
  #list = document.querySelector("#list");
  #find = document.querySelector("#find");
  #none = document.querySelector("#vehicles-none");
  #summary = document.querySelector("#summary");
  #selected = null;
  #select;

  /** @param select Called with the id of the vehicle that was chosen. */
  constructor(select) {
    this.#select = select;
    this.#list.addEventListener("click", (event) => {
      const element = event.target.closest("li");
      if (element) this.#choose(element);
    });
    this.#list.addEventListener("keydown", (event) => this.#key(event));
    this.#find.addEventListener("input", () => this.#filter());
    this.#find.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "Enter") this.#visible()[0]?.focus();
    });
  }

  /** Say of every vehicle how it is; while the link is lost, nothing is as fresh as it seems. */
  show(fleet, isLost) {
    if (this.#differs(fleet.vehicles)) this.#rebuild(fleet.vehicles);
    for (const vehicle of fleet.vehicles.values()) {
      this.#lines.get(vehicle.id).show(vehicle, fleet.now_ms, isLost);
    }
    this.#summarize([...fleet.vehicles.values()]);
  }

  mark(id) {
    this.#lines.get(this.#selected)?.mark(false);
    this.#selected = id;
    const line = this.#lines.get(id);
    if (!line) return;
    line.mark(true);
    this.#giveTabStop(line.element);
    line.element.scrollIntoView({ block: "nearest" });
  }

  #differs(vehicles) {
    if (vehicles.size === 0 || vehicles.size !== this.#lines.size) return true;
    for (const id of vehicles.keys()) if (!this.#lines.has(id)) return true;
    return false;
  }

  #rebuild(vehicles) {
    for (const [id, line] of this.#lines) {
      if (vehicles.has(id)) continue;
      line.element.remove();
      this.#lines.delete(id);
    }
    for (const id of vehicles.keys()) {
      if (!this.#lines.has(id)) this.#lines.set(id, new Line(id, this.#template.cloneNode(true)));
    }
    const ordered = [...this.#lines.values()].sort((a, b) => byName.compare(a.id, b.id));
    ordered.forEach(({ element }, index) => {
      const here = this.#list.children[index];
      if (here !== element) this.#list.insertBefore(element, here ?? null);
    });
    this.#find.hidden = vehicles.size < FIND_FROM;
    if (this.#find.hidden) this.#find.value = "";
    this.#filter();
  }

  #summarize(vehicles) {
    const offline = vehicles.filter((vehicle) => vehicle.online === false).length;
    const parts = [];
    if (vehicles.length) parts.push(`${count(vehicles.length)} in all`);
    if (offline) parts.push(`${count(offline)} offline`);
    setText(this.#summary, parts.join(", "));
  }

  #filter() {
    const wanted = this.#find.value.trim().toLowerCase();
    for (const { id, element } of this.#lines.values()) {
      element.hidden = !id.toLowerCase().includes(wanted);
    }
    const visible = this.#visible();
    this.#none.hidden = visible.length > 0;
    setText(this.#none, wanted
      ? "No vehicle has this in its name."
      : "A vehicle is listed here as soon as it reports.");
    if (!visible.some((element) => element.tabIndex === 0)) this.#giveTabStop(visible[0]);
  }

  #visible() {
    return [...this.#list.children].filter((element) => !element.hidden);
  }

  #choose(element) {
    this.#giveTabStop(element);
    this.#select(element.dataset.id);
  }

  /** One line can be reached by Tab; the arrow keys go on from there. */
  #giveTabStop(element) {
    this.#list.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    element?.setAttribute("tabindex", "0");
  }

  #key(event) {
    const element = event.target.closest("li");
    if (!element) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#choose(element);
      return;
    }
    const visible = this.#visible();
    const at = visible.indexOf(element);
    const goal = {
      ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 10, PageUp: at - 10,
      Home: 0, End: visible.length - 1,
    }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    const next = visible[Math.min(Math.max(goal, 0), visible.length - 1)];
    this.#giveTabStop(next);
    next.focus();
  }
}

class Line {
  #parts = {};

  constructor(id, element) {
    this.id = id;
    this.element = element;
    element.dataset.id = id;
    for (const part of element.children) this.#parts[part.className] = part;
    const cut = id.length > LONG_NAME ? id.length - NAME_END : id.length;
    element.querySelector(".start").textContent = id.slice(0, cut);
    element.querySelector(".end").textContent = id.slice(cut);
    this.#parts.name.title = id;
  }

  show(vehicle, now_ms, isLost) {
    const { isPlaced, isStale, online, waiting } = vehicle;
    const isOld = isStale || (isLost && isPlaced);
    const state = online === false ? "offline"
      : !isPlaced ? "unknown" : isOld ? "stale" : vehicle.isStanding ? "standing" : "moving";
    if (this.element.dataset.state !== state) this.element.dataset.state = state;
    this.element.classList.toggle("old", isOld || !isPlaced);
    const notes = [];
    if (online === false) notes.push("offline");
    if (waiting > 0) notes.push(`${count(waiting)} waiting`);
    setText(this.#parts.note, notes.join(", "));
    setText(this.#parts.speed, isOld || !isPlaced ? "" : speed(vehicle.speed_mps));
    setText(this.#parts.age, age(vehicle, now_ms, isOld, isLost));
  }

  mark(isSelected) {
    this.element.setAttribute("aria-selected", String(isSelected));
  }
}

function age({ isPlaced, time_ms }, now_ms, isOld, isLost) {
  if (!isPlaced) return "no position yet";
  if (isLost) return `as of ${moment(time_ms, now_ms, { exact: true })}`;
  const since = `${lapse(now_ms - time_ms)} ago`;
  return isOld ? `as of ${moment(time_ms, now_ms)}, ${since}` : since;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
