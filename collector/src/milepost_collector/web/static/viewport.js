// Which part of the world is seen, and how large.

import { metresAcross } from "./mercator.js";

const MIN_SCALE = 256;
const NEAREST_M_PER_PX = 0.05;
const FIT_M_PER_PX = 1;

export class Viewport {
  /** x, y: what of the world is in the middle. scale: pixels across the world. */
  x = 0.5;
  y = 0.5;
  scale = MIN_SCALE;
  width = 1;
  height = 1;

  screenX(x) {
    return (x - this.x) * this.scale + this.width / 2;
  }

  screenY(y) {
    return (y - this.y) * this.scale + this.height / 2;
  }

  worldX(screen_x) {
    return this.x + (screen_x - this.width / 2) / this.scale;
  }

  worldY(screen_y) {
    return this.y + (screen_y - this.height / 2) / this.scale;
  }

  get metresPerPixel() {
    return metresAcross(this.y) / this.scale;
  }

  shows(screen_x, screen_y, margin) {
    return screen_x > -margin && screen_x < this.width + margin &&
      screen_y > -margin && screen_y < this.height + margin;
  }

  pan(right_px, down_px) {
    this.moveTo(this.x - right_px / this.scale, this.y - down_px / this.scale);
  }

  moveTo(x, y) {
    this.x = x;
    this.y = Math.min(Math.max(y, 0), 1);
  }

  /** Zoom so that what is under a point of the screen stays there. */
  zoom(factor, screen_x = this.width / 2, screen_y = this.height / 2) {
    const x = this.worldX(screen_x);
    const y = this.worldY(screen_y);
    this.scale = this.#limited(this.scale * factor, y);
    this.moveTo(
      x - (screen_x - this.width / 2) / this.scale,
      y - (screen_y - this.height / 2) / this.scale,
    );
  }

  /** Show a rectangle of the world whole, `margin` pixels from the edges. */
  fit({ left, top, right, bottom }, margin) {
    const x = (left + right) / 2;
    const y = (top + bottom) / 2;
    const across = Math.max(this.width - 2 * margin, 32) / (right - left);
    const down = Math.max(this.height - 2 * margin, 32) / (bottom - top);
    const nearest = metresAcross(y) / FIT_M_PER_PX;
    this.scale = this.#limited(Math.min(across, down, nearest), y);
    this.moveTo(x, y);
  }

  holds({ left, top, right, bottom }) {
    return this.screenX(left) >= 0 && this.screenX(right) <= this.width &&
      this.screenY(top) >= 0 && this.screenY(bottom) <= this.height;
  }

  #limited(scale, y) {
    return Math.min(Math.max(scale, MIN_SCALE), metresAcross(y) / NEAREST_M_PER_PX);
  }
}

/** The smallest rectangle around points; null around none. */
export function boundsOf(points) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y } of points) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return left <= right ? { left, top, right, bottom } : null;
}
