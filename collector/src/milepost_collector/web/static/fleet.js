// The vehicles as the server told of them last, and where each is drawn meanwhile.
//
// Between two answers a vehicle glides from where it is drawn to where it was told to be. Ages are
// told by the server's time, never by the browser's: the system may run on a scaled clock.

import { nearest, project } from "./mercator.js";

const STALE_MS = 60_000;
const TAIL_MS = 5 * 60_000;

// A little less than the time between two answers, so that a vehicle is never still under way.
const GLIDE_MS = 950;

// A vehicle that was not heard of for longer than this did not come the straight way.
const STRAIGHT_MS = 10_000;
const JUMP_MS = 10 * 60_000;

export class Fleet {
  vehicles = new Map();
  now_ms = 0;
  #meridian = null;

  /**
   * Take an answer of /v1/vehicles.
   *
   * @param at_ms When it came, on the clock of requestAnimationFrame.
   * @returns Vehicles whose tail is not known, or not any more.
   */
  take({ now, vehicles }, at_ms) {
    this.now_ms = Date.parse(now);
    const untold = new Set(this.vehicles.keys());
    const wanting = [];
    for (const told of vehicles) {
      untold.delete(told.id);
      let vehicle = this.vehicles.get(told.id);
      if (!vehicle) {
        vehicle = new Vehicle(told.id);
        this.vehicles.set(told.id, vehicle);
      }
      const place = told.lat_deg === null ? null : this.place(told.lat_deg, told.lon_deg);
      if (vehicle.take(told, place, this.now_ms, at_ms)) wanting.push(vehicle);
    }
    for (const id of untold) this.vehicles.delete(id);
    return wanting;
  }

  /** Take a track from the server: what lies before the vehicle's newest position is its tail. */
  takeTrack(vehicle, points) {
    const { time_ms } = vehicle;
    vehicle.tail = points
      .map((point) => ({
        time_ms: Date.parse(point.time), ...this.place(point.lat_deg, point.lon_deg),
      }))
      .filter((point) => point.time_ms < time_ms && point.time_ms >= time_ms - TAIL_MS);
  }

  /** Where a position lies on the map, on the lap of the Earth on which the fleet is. */
  place(lat_deg, lon_deg) {
    const place = project(lat_deg, lon_deg);
    this.#meridian ??= place.x;
    return { x: nearest(place.x, this.#meridian), y: place.y };
  }
}

class Vehicle {
  time_ms = null;
  course_deg = null;
  tail = [];
  // Where it was told to be; `from` is where it was drawn when that was told.
  x = 0;
  y = 0;
  #positionTime = null;
  #from = null;
  #setOff_ms = 0;

  constructor(id) {
    this.id = id;
  }

  get isPlaced() {
    return this.time_ms !== null;
  }

  get isStanding() {
    return this.speed_mps !== null && this.speed_mps < 0.5;
  }

  /** Take what the server tells; say whether its track is worth asking for. */
  take(told, place, now_ms, at_ms) {
    this.online = told.online;
    this.waiting = told.waiting;
    this.speed_mps = told.speed_mps;
    let wanting = false;
    if (place && told.position_time !== this.#positionTime) {
      this.#positionTime = told.position_time;
      wanting = this.#move(place, Date.parse(told.position_time), told.course_deg, at_ms) &&
        told.stored > 0;
    }
    this.isStale = this.isPlaced && now_ms - this.time_ms > STALE_MS;
    return wanting;
  }

  #move(place, time_ms, course_deg, at_ms) {
    const silent_ms = this.isPlaced ? time_ms - this.time_ms : Infinity;
    const isNew = !this.isPlaced;
    const hasMoved = this.x !== place.x || this.y !== place.y;
    this.#from = silent_ms < JUMP_MS
      ? { ...this.drawnAt(at_ms), course_deg: this.drawnCourse(at_ms) }
      : null;
    this.#setOff_ms = at_ms;
    if (!isNew) this.tail.push({ time_ms: this.time_ms, x: this.x, y: this.y });
    while (this.tail.length && this.tail[0].time_ms < time_ms - TAIL_MS) this.tail.shift();
    this.time_ms = time_ms;
    this.x = place.x;
    this.y = place.y;
    // A receiver that stands still gives no course; the vehicle points where it pointed.
    this.course_deg = course_deg ?? this.course_deg;
    return isNew || (silent_ms > STRAIGHT_MS && hasMoved);
  }

  isGliding(at_ms) {
    return this.#from !== null && at_ms < this.#setOff_ms + GLIDE_MS;
  }

  /** Where it is drawn at a moment. */
  drawnAt(at_ms) {
    if (!this.isGliding(at_ms)) return { x: this.x, y: this.y };
    const share = this.#share(at_ms);
    return {
      x: this.#from.x + share * (this.x - this.#from.x),
      y: this.#from.y + share * (this.y - this.#from.y),
    };
  }

  drawnCourse(at_ms) {
    if (!this.isGliding(at_ms) || this.#from.course_deg === null || this.course_deg === null) {
      return this.course_deg;
    }
    const turn_deg = ((this.course_deg - this.#from.course_deg + 540) % 360) - 180;
    return this.#from.course_deg + this.#share(at_ms) * turn_deg;
  }

  #share(at_ms) {
    return Math.min(Math.max((at_ms - this.#setOff_ms) / GLIDE_MS, 0), 1);
  }
}
