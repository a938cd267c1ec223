// What moves: the vehicles, each an arrow by its heading, with its name where there is room.

const NAME_GAP_PX = 16;
const BODY_PX = 10;
const SELECTED_NAME_PX = 28;

// Where many are seen at once, large arrows would hide one another.
const ROOM_PX2 = 2500;
const SMALLEST = 0.5;

const arrow = new Path2D("M0 -10 L7 8 L0 4 L-7 8 Z");
const dot = new Path2D("M-6 0 A6 6 0 1 0 6 0 A6 6 0 1 0 -6 0 Z");
const halo = new Path2D("M-17 0 A17 17 0 1 0 17 0 A17 17 0 1 0 -17 0 Z");

/** Draw the vehicles where they are at a moment. Offline ones are hollow, old positions grey. */
export function paintVehicles(canvas, view, colours, scene, at_ms) {
  const seen = [];
  for (const vehicle of scene.vehicles) {
    const drawn = vehicle.drawnAt(at_ms);
    const place = { x: view.screenX(drawn.x), y: view.screenY(drawn.y) };
    if (vehicle !== scene.selected && view.shows(place.x, place.y, 160)) seen.push([vehicle, place]);
  }
  for (const [vehicle, place] of seen) {
    paintHead(canvas, view, colours, vehicle, place, 2);
    paintBody(canvas, colours, vehicle, place, at_ms, scene.size);
  }
  for (const [vehicle, place] of seen) {
    const side = scene.named.get(vehicle);
    if (side) paintName(canvas, colours, vehicle, place, side);
  }
  if (scene.selected?.isPlaced) paintSelected(canvas, view, colours, scene, at_ms);
}

/** The chosen vehicle lies above all others, with its name below it. */
function paintSelected(canvas, view, colours, { selected }, at_ms) {
  const drawn = selected.drawnAt(at_ms);
  const place = { x: view.screenX(drawn.x), y: view.screenY(drawn.y) };
  paintHead(canvas, view, colours, selected, place, 4);
  const { ratio } = colours;
  canvas.setTransform(ratio, 0, 0, ratio, place.x * ratio, place.y * ratio);
  canvas.fillStyle = colours.ground;
  canvas.fill(halo);
  canvas.lineWidth = 2;
  canvas.strokeStyle = colours.accent;
  canvas.stroke(halo);
  paintBody(canvas, colours, selected, place, at_ms, 1);
  canvas.setTransform(ratio, 0, 0, ratio, 0, 0);
  canvas.font = colours.strongFont;
  const margin = canvas.measureText(selected.id).width / 2 + 8;
  const x = Math.min(Math.max(place.x, margin), Math.max(view.width - margin, margin));
  writeName(canvas, colours, selected, x, place.y + SELECTED_NAME_PX, "center");
}

/** The piece of its way between the end of its tail and where it is drawn. */
function paintHead(canvas, view, colours, vehicle, place, width_px) {
  const last = vehicle.tail.at(-1);
  if (!last) return;
  canvas.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  canvas.globalAlpha = 0.75;
  canvas.lineWidth = width_px;
  canvas.strokeStyle = bodyColour(colours, vehicle);
  canvas.beginPath();
  canvas.moveTo(view.screenX(last.x), view.screenY(last.y));
  canvas.lineTo(place.x, place.y);
  canvas.stroke();
  canvas.globalAlpha = 1;
}

function paintBody(canvas, colours, vehicle, place, at_ms, size) {
  const { ratio } = colours;
  const course_deg = vehicle.drawnCourse(at_ms);
  const turn = ((course_deg ?? 0) * Math.PI) / 180;
  const [cos, sin] = [Math.cos(turn) * ratio * size, Math.sin(turn) * ratio * size];
  canvas.setTransform(cos, sin, -sin, cos, place.x * ratio, place.y * ratio);
  const colour = bodyColour(colours, vehicle);
  const body = course_deg === null ? dot : arrow;
  const isHollow = vehicle.online === false;
  canvas.lineJoin = "round";
  canvas.lineWidth = isHollow ? 5 : 3;
  canvas.strokeStyle = colours.ground;
  canvas.stroke(body);
  canvas.fillStyle = isHollow ? colours.ground : colour;
  canvas.fill(body);
  if (!isHollow) return;
  canvas.lineWidth = 2;
  canvas.strokeStyle = colour;
  canvas.stroke(body);
}

function bodyColour(colours, vehicle) {
  return vehicle.isStale || colours.isLost ? colours.old : colours.accent;
}

function paintName(canvas, colours, vehicle, place, side) {
  const { ratio } = colours;
  canvas.setTransform(ratio, 0, 0, ratio, 0, 0);
  canvas.font = colours.font;
  if (side === "right") writeName(canvas, colours, vehicle, place.x + NAME_GAP_PX, place.y, "left");
  else writeName(canvas, colours, vehicle, place.x - NAME_GAP_PX, place.y, "right");
}

function writeName(canvas, colours, vehicle, x, y, align) {
  canvas.textAlign = align;
  canvas.textBaseline = "middle";
  canvas.lineWidth = 3;
  canvas.lineJoin = "round";
  canvas.strokeStyle = colours.ground;
  canvas.strokeText(vehicle.id, x, y);
  canvas.fillStyle = vehicle.isStale || colours.isLost ? colours.quiet : colours.ink;
  canvas.fillText(vehicle.id, x, y);
}

/** Choose how large arrows are, and whose names find room on which side. */
export function chooseNames(canvas, view, colours, scene, labels) {
  const named = new Map();
  canvas.font = colours.strongFont;
  const seen = [];
  for (const vehicle of scene.vehicles) {
    const place = { x: view.screenX(vehicle.x), y: view.screenY(vehicle.y) };
    if (!view.shows(place.x, place.y, 0)) continue;
    seen.push([vehicle, place]);
    labels.occupy(place.x - BODY_PX, place.y - BODY_PX, 2 * BODY_PX, 2 * BODY_PX);
  }
  const room_px2 = (view.width * view.height) / Math.max(seen.length, 1);
  const size = Math.min(Math.max(Math.sqrt(room_px2 / ROOM_PX2), SMALLEST), 1);
  // Those that are named already come first, so that names stay where they are.
  seen.sort(([a], [b]) => scene.named.has(b) - scene.named.has(a));
  for (const [vehicle, place] of seen) {
    if (vehicle === scene.selected) continue;
    vehicle.name_px ??= canvas.measureText(vehicle.id).width;
    const [width, top] = [vehicle.name_px, place.y - 9];
    const lefts = {
      right: place.x + NAME_GAP_PX,
      left: place.x - NAME_GAP_PX - width,
    };
    const fits = (side) => lefts[side] > 0 && lefts[side] + width < view.width;
    const free = ["right", "left"].find(
      (side) => fits(side) && labels.take(lefts[side], top, width),
    );
    if (free) named.set(vehicle, free);
  }
  return { named, size };
}
