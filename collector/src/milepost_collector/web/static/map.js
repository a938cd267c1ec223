// The map: two canvases, one for what lies still and one for what moves.

import { paintFenceNames, paintFences, paintGrid, paintTails } from "./ground.js";
import { listenTo } from "./gestures.js";
import { Labels } from "./labels.js";
import { chooseNames, paintVehicles } from "./traffic.js";
import { boundsOf, Viewport } from "./viewport.js";
import { roundLength } from "./wording.js";

const FIT_MARGIN_PX = 56;
const REACH_PX = 24;
const SCALE_BAR_PX = 120;

export class FleetMap {
  #view = new Viewport();
  #section = document.querySelector("#map");
  #ground = document.querySelector("#ground");
  #traffic = document.querySelector("#traffic");
  #scale = document.querySelector("#scale");
  #labels = new Labels();
  #colours = null;
  #scene = { vehicles: [], fences: [], selected: null, named: new Map(), size: 1 };
  #isLost = false;
  // Until somebody moves the map, it keeps everything in sight.
  #isFree = true;
  #hasFitted = false;
  #isGroundDue = true;
  #isFrameDue = false;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  /** @param select Called with the id of the vehicle that was chosen, or null. */
  constructor(select) {
    listenTo(this.#traffic, {
      pan: (right_px, down_px) => this.#moved(() => this.#view.pan(right_px, down_px)),
      zoom: (factor, x, y) => this.#moved(() => this.#view.zoom(factor, x, y)),
      fit: () => this.fit(),
      click: (x, y) => select(this.#vehicleAt(x, y)?.id ?? null),
      leave: () => select(null),
    });
    this.#section.querySelector("#zoom").addEventListener("click", ({ target }) => {
      const { zoom } = target.dataset;
      if (zoom === "fit") this.fit();
      else if (zoom) this.#moved(() => this.#view.zoom(zoom === "in" ? 1.5 : 1 / 1.5));
    });
    new ResizeObserver(() => this.#resize()).observe(this.#section);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#colours = null;
      this.redraw();
    });
  }

  /** Show vehicles as they are now. */
  show(vehicles, isLost) {
    this.#scene.vehicles = [...vehicles].filter((vehicle) => vehicle.isPlaced);
    this.#isLost = isLost;
    this.#keepInSight();
    this.redraw();
  }

  showFences(fences) {
    this.#scene.fences = fences;
    this.#keepInSight();
    this.redraw();
  }

  /** Mark a vehicle, or none, and bring it to the middle. */
  select(vehicle) {
    this.#scene.selected = vehicle ?? null;
    if (vehicle?.isPlaced) this.#moved(() => this.#view.moveTo(vehicle.x, vehicle.y));
    this.redraw();
  }

  mark(vehicle) {
    this.#scene.selected = vehicle ?? null;
    this.redraw();
  }

  /** Show everything, and keep it in sight from now on. */
  fit() {
    const bounds = this.#everything();
    if (!bounds) return;
    this.#isFree = true;
    this.#hasFitted = true;
    this.#view.fit(bounds, FIT_MARGIN_PX);
    this.redraw();
  }

  redraw() {
    this.#isGroundDue = true;
    this.#wantFrame();
  }

  #everything() {
    const corners = this.#scene.fences.flatMap(({ bounds }) => [
      { x: bounds.left, y: bounds.top }, { x: bounds.right, y: bounds.bottom },
    ]);
    return boundsOf([...this.#scene.vehicles, ...corners]);
  }

  #keepInSight() {
    const bounds = this.#everything();
    if (!bounds || (this.#hasFitted && !this.#isFree)) return;
    if (!this.#hasFitted || !this.#view.holds(bounds)) this.fit();
  }

  #moved(change) {
    this.#isFree = false;
    change();
    this.redraw();
  }

  #vehicleAt(x, y) {
    const at_ms = performance.now();
    let [found, reach_px] = [null, REACH_PX];
    for (const vehicle of this.#scene.vehicles) {
      const drawn = vehicle.drawnAt(at_ms);
      const away_px = Math.hypot(
        this.#view.screenX(drawn.x) - x, this.#view.screenY(drawn.y) - y,
      );
      if (away_px < reach_px) [found, reach_px] = [vehicle, away_px];
    }
    return found;
  }

  #resize() {
    this.#view.width = this.#section.clientWidth;
    this.#view.height = this.#section.clientHeight;
    this.#view.ratio = 0; // the canvases are made anew with the next frame
    if (this.#isFree) this.fit();
    this.redraw();
  }

  #wantFrame() {
    if (this.#isFrameDue) return;
    this.#isFrameDue = true;
    requestAnimationFrame((at_ms) => this.#frame(at_ms));
  }

  #frame(at_ms) {
    this.#isFrameDue = false;
    this.#sharpen();
    const { vehicles } = this.#scene;
    const colours = { ...this.#palette(), isLost: this.#isLost, ratio: this.#view.ratio };
    // Without motion everything is where it was told to be.
    const shown_ms = this.#calm.matches ? Infinity : at_ms;
    if (this.#isGroundDue) {
      this.#isGroundDue = false;
      this.#chooseNames(colours);
      this.#paintGround(colours);
      this.#showScale();
    }
    const canvas = this.#cleared(this.#traffic);
    paintVehicles(canvas, this.#view, colours, this.#scene, shown_ms);
    if (vehicles.some((vehicle) => vehicle.isGliding(shown_ms))) this.#wantFrame();
  }

  #chooseNames(colours) {
    this.#labels.clear();
    const canvas = this.#traffic.getContext("2d");
    Object.assign(
      this.#scene, chooseNames(canvas, this.#view, colours, this.#scene, this.#labels),
    );
  }

  #paintGround(colours) {
    const [view, { vehicles, fences, selected }] = [this.#view, this.#scene];
    const canvas = this.#cleared(this.#ground);
    const old = vehicles.filter((vehicle) => vehicle.isStale || this.#isLost);
    const fresh = vehicles.filter((vehicle) => !vehicle.isStale && !this.#isLost);
    paintGrid(canvas, view, colours);
    paintFences(canvas, view, colours, fences);
    paintTails(canvas, view, colours.old, old, 2);
    paintTails(canvas, view, colours.accent, fresh, 2);
    if (selected) {
      paintTails(canvas, view, old.includes(selected) ? colours.old : colours.accent, [selected], 4);
    }
    canvas.font = colours.font;
    paintFenceNames(canvas, view, colours, fences, this.#labels);
  }

  #showScale() {
    this.#scale.hidden = !this.#hasFitted;
    const { metres, words } = roundLength(SCALE_BAR_PX * this.#view.metresPerPixel);
    this.#scale.firstElementChild.textContent = words;
    this.#scale.style.width = `${Math.round(metres / this.#view.metresPerPixel)}px`;
  }

  /** Give the canvases as many pixels as the screen has under them. */
  #sharpen() {
    if (this.#view.ratio === devicePixelRatio) return;
    this.#view.ratio = devicePixelRatio;
    for (const canvas of [this.#ground, this.#traffic]) {
      canvas.width = Math.round(this.#view.width * devicePixelRatio);
      canvas.height = Math.round(this.#view.height * devicePixelRatio);
    }
    this.#isGroundDue = true;
  }

  #cleared(element) {
    const canvas = element.getContext("2d");
    canvas.setTransform(this.#view.ratio, 0, 0, this.#view.ratio, 0, 0);
    canvas.clearRect(0, 0, this.#view.width, this.#view.height);
    return canvas;
  }

  #palette() {
    if (this.#colours) return this.#colours;
    const style = getComputedStyle(this.#section);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    this.#colours = {
      ground: colour("ground"), grid: colour("grid"), fence: colour("fence"),
      fenceLine: colour("fence-line"), ink: colour("ink"), quiet: colour("quiet"),
      accent: colour("accent"), old: colour("old"),
      font: `12px ${style.fontFamily}`, strongFont: `600 12px ${style.fontFamily}`,
    };
    return this.#colours;
  }
}
