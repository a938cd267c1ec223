// What lies still: the graticule, the fences, the tails.

import { traceFence } from "./fences.js";
import { latitude, longitude, project } from "./mercator.js";

const GRID_PX = 72;
const TAIL_STEP_PX = 3;
const TAIL_BANDS = [0.2, 0.4, 0.75]; // opacity, from its end to the vehicle
const NAMED_FENCE_PX = 12;

export function paintGrid(canvas, view, colours) {
  const steps = [...graticule(view)];
  canvas.beginPath();
  for (const { x, y } of steps) {
    canvas.moveTo(x ?? 0, y ?? 0);
    canvas.lineTo(x ?? view.width, y ?? view.height);
  }
  canvas.lineWidth = 1;
  canvas.strokeStyle = colours.grid;
  canvas.stroke();
}

/** The lines of the graticule at a round distance in degrees, as places on the screen. */
function* graticule(view) {
  const step_deg = roundDegrees((GRID_PX / view.scale) * 360);
  const first = Math.ceil(longitude(view.worldX(0)) / step_deg);
  const last = Math.floor(longitude(view.worldX(view.width)) / step_deg);
  for (let line = first; line <= last; line += 1) {
    yield { x: Math.round(view.screenX(project(0, line * step_deg).x)) + 0.5 };
  }
  const lowest = Math.ceil(latitude(view.worldY(view.height)) / step_deg);
  const highest = Math.floor(latitude(view.worldY(0)) / step_deg);
  for (let line = lowest; line <= highest; line += 1) {
    yield { y: Math.round(view.screenY(project(line * step_deg, 0).y)) + 0.5 };
  }
}

function roundDegrees(wanted_deg) {
  const power = 10 ** Math.floor(Math.log10(wanted_deg));
  return ([1, 2, 5].find((digit) => digit * power >= wanted_deg) ?? 10) * power;
}

export function paintFences(canvas, view, colours, fences) {
  const seen = fences.filter(({ bounds }) => isSeen(view, bounds));
  canvas.lineWidth = 1.5;
  canvas.strokeStyle = colours.fenceLine;
  canvas.fillStyle = colours.fence;
  for (const fence of seen) {
    canvas.beginPath();
    traceFence(canvas, view, fence);
    canvas.fill("evenodd");
    canvas.stroke();
  }
}

/** Write the names of fences above them, where there is room. */
export function paintFenceNames(canvas, view, colours, fences, labels) {
  canvas.textAlign = "center";
  canvas.textBaseline = "alphabetic";
  canvas.fillStyle = colours.quiet;
  for (const { name, bounds } of fences) {
    if (!isSeen(view, bounds)) continue;
    if ((bounds.right - bounds.left) * view.scale < NAMED_FENCE_PX) continue;
    const x = view.screenX((bounds.left + bounds.right) / 2);
    const y = view.screenY(bounds.top) - 6;
    const width = canvas.measureText(name).width;
    if (labels.take(x - width / 2, y - 14, width)) canvas.fillText(name, x, y);
  }
}

function isSeen(view, { left, right, top, bottom }) {
  return view.screenX(right) > 0 && view.screenX(left) < view.width &&
    view.screenY(bottom) > 0 && view.screenY(top) < view.height;
}

/** Draw the tails, fainter towards their ends; they stop where the vehicle set off last. */
export function paintTails(canvas, view, colour, vehicles, width_px) {
  const bands = TAIL_BANDS.map(() => new Path2D());
  for (const { tail, x, y } of vehicles) {
    if (tail.length < 2 || !isNear(view, tail, x, y)) continue;
    traceTail(view, tail, bands);
  }
  canvas.lineWidth = width_px;
  canvas.lineJoin = "round";
  canvas.strokeStyle = colour;
  bands.forEach((band, index) => {
    canvas.globalAlpha = TAIL_BANDS[index];
    canvas.stroke(band);
  });
  canvas.globalAlpha = 1;
}

function traceTail(view, tail, bands) {
  let [last_x, last_y, last_band] = [Infinity, Infinity, null];
  tail.forEach((point, index) => {
    const [x, y] = [view.screenX(point.x), view.screenY(point.y)];
    const isEnd = index === tail.length - 1;
    if (!isEnd && Math.abs(x - last_x) + Math.abs(y - last_y) < TAIL_STEP_PX) return;
    const band = bands[Math.floor((index / tail.length) * bands.length)];
    if (band !== last_band) band.moveTo(index ? last_x : x, index ? last_y : y);
    if (index) band.lineTo(x, y);
    [last_x, last_y, last_band] = [x, y, band];
  });
}

function isNear(view, tail, x, y) {
  const margin = Math.max(view.width, view.height);
  return view.shows(view.screenX(x), view.screenY(y), margin) ||
    view.shows(view.screenX(tail[0].x), view.screenY(tail[0].y), margin);
}
