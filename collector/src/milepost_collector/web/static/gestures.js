// Hands on the map: drag, pinch, wheel, double click, keys.

const KEY_STEP_PX = 80;
const KEY_ZOOM = 1.5;
const CLICK_SLACK_PX = 5;
const WHEEL_LINE_PX = 16;

/**
 * Turn what happens on an element into calls of `hands`:
 * pan(right_px, down_px), zoom(factor, x, y), fit(), click(x, y), leave().
 */
export function listenTo(element, hands) {
  const held = new Map();
  let moved_px = 0;

  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    held.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (held.size === 1) moved_px = 0;
  });

  element.addEventListener("pointermove", (event) => {
    const last = held.get(event.pointerId);
    if (!last) return;
    const before = spread(held);
    moved_px += Math.hypot(event.offsetX - last.x, event.offsetY - last.y);
    held.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (moved_px <= CLICK_SLACK_PX && held.size === 1) return;
    const after = spread(held);
    hands.pan(after.x - before.x, after.y - before.y);
    if (held.size > 1 && before.size > 0) hands.zoom(after.size / before.size, after.x, after.y);
  });

  element.addEventListener("pointerup", (event) => {
    const alone = held.size === 1;
    if (held.delete(event.pointerId) && alone && moved_px <= CLICK_SLACK_PX) {
      hands.click(event.offsetX, event.offsetY);
    }
  });
  element.addEventListener("pointercancel", (event) => held.delete(event.pointerId));

  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const turned_px = event.deltaY * (event.deltaMode === 0 ? 1 : WHEEL_LINE_PX);
    const sensitivity = event.ctrlKey ? 0.01 : 0.0015; // a pinch on a touchpad comes with ctrl
    hands.zoom(Math.exp(-turned_px * sensitivity), event.offsetX, event.offsetY);
  }, { passive: false });

  element.addEventListener("dblclick", (event) => {
    hands.zoom(event.shiftKey ? 0.5 : 2, event.offsetX, event.offsetY);
  });

  const keys = {
    "+": () => hands.zoom(KEY_ZOOM),
    "=": () => hands.zoom(KEY_ZOOM),
    "-": () => hands.zoom(1 / KEY_ZOOM),
    0: () => hands.fit(),
    ArrowLeft: () => hands.pan(KEY_STEP_PX, 0),
    ArrowRight: () => hands.pan(-KEY_STEP_PX, 0),
    ArrowUp: () => hands.pan(0, KEY_STEP_PX),
    ArrowDown: () => hands.pan(0, -KEY_STEP_PX),
    Escape: () => hands.leave(),
  };
  element.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
}

/** The middle of the fingers, and how far they are from it. */
function spread(held) {
  const points = [...held.values()];
  const x = points.reduce((sum, point) => sum + point.x, 0) / points.length;
  const y = points.reduce((sum, point) => sum + point.y, 0) / points.length;
  const size = points.reduce((sum, point) => sum + Math.hypot(point.x - x, point.y - y), 0);
  return { x, y, size };
}
