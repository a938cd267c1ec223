// The fences: GeoJSON in, shapes on the map out.

import { boundsOf } from "./viewport.js";
import { metresAcross } from "./mercator.js";

/**
 * Read a FeatureCollection. A Point with the property `radius_m` is a circle.
 *
 * @param place Turns latitude and longitude into a place on the map.
 */
export function readFences(collection, place) {
  return collection.features.map((feature) => {
    const { id, geometry, properties } = feature;
    const fence = { id: String(id), name: String(properties?.name ?? id) };
    if (geometry.type === "Point") {
      const middle = place(geometry.coordinates[1], geometry.coordinates[0]);
      const radius = properties.radius_m / metresAcross(middle.y);
      return {
        ...fence, middle, radius,
        bounds: {
          left: middle.x - radius, right: middle.x + radius,
          top: middle.y - radius, bottom: middle.y + radius,
        },
      };
    }
    const rings = geometry.coordinates.map((ring) => ring.map(([lon, lat]) => place(lat, lon)));
    return { ...fence, rings, bounds: boundsOf(rings[0]) };
  });
}

/** Add the outline of a fence to the canvas's path. */
export function traceFence(canvas, view, fence) {
  if (fence.radius) {
    const radius_px = fence.radius * view.scale;
    const [x, y] = [view.screenX(fence.middle.x), view.screenY(fence.middle.y)];
    canvas.moveTo(x + radius_px, y);
    canvas.arc(x, y, radius_px, 0, 2 * Math.PI);
    return;
  }
  for (const ring of fence.rings) {
    ring.forEach(({ x, y }, index) => {
      if (index) canvas.lineTo(view.screenX(x), view.screenY(y));
      else canvas.moveTo(view.screenX(x), view.screenY(y));
    });
    canvas.closePath();
  }
}
