// Web Mercator on a square of side 1: x grows eastwards from 180° W, y southwards from 85° N.

const EQUATOR_M = 2 * Math.PI * 6378137;
const MAX_LAT_DEG = 85.0511;

export function project(lat_deg, lon_deg) {
  const lat = (Math.min(Math.max(lat_deg, -MAX_LAT_DEG), MAX_LAT_DEG) * Math.PI) / 180;
  return { x: lon_deg / 360 + 0.5, y: 0.5 - Math.asinh(Math.tan(lat)) / (2 * Math.PI) };
}

export function latitude(y) {
  return (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI;
}

export function longitude(x) {
  return (x - 0.5) * 360;
}

/** Metres on the ground in one side of the square, at this height of it. */
export function metresAcross(y) {
  return EQUATOR_M / Math.cosh((0.5 - y) * 2 * Math.PI);
}

/** The same meridian as x, on the lap of the Earth that is nearest to `near`. */
export function nearest(x, near) {
  return x - Math.round(x - near);
}
