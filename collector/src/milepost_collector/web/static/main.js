// The page: answers of the server in, map and lists out.

import { fetchJson, follow } from "./connection.js";
import { EventLog, Feed } from "./events.js";
import { readFences } from "./fences.js";
import { Fleet } from "./fleet.js";
import { VehicleList } from "./list.js";
import { FleetMap } from "./map.js";
import { Tracks } from "./tracks.js";
import { clockTime, count, dayOf, moment, zone } from "./wording.js";

const FENCES_EVERY_MS = 60_000;
const FENCES_AGAIN_MS = 3000;

const CAUSES = {
  offline: "This computer is offline.",
  server: "The server cannot be reached.",
  database: "The server is there, but its database is not.",
};

const element = (id) => document.getElementById(id);

const fleet = new Fleet();
const map = new FleetMap((id) => select(id, false));
const list = new VehicleList((id) => select(id, true));
const log = new EventLog((id) => fenceNames.get(id) ?? id, (id) => select(id, true));
const tracks = new Tracks((vehicle, points) => {
  fleet.takeTrack(vehicle, points);
  map.redraw();
});

let isLost = false;
let fenceNames = new Map();
let unseen = 0;

function select(id, isCentred) {
  const vehicle = fleet.vehicles.get(id) ?? null;
  list.mark(vehicle?.id ?? null);
  if (isCentred) map.select(vehicle);
  else map.mark(vehicle);
}

function show() {
  list.show(fleet, isLost);
  map.show(fleet.vehicles.values(), isLost);
}

const feed = new Feed({
  take(event, isLive) {
    if (!log.add(event, isLive) || !isLive) return;
    if (!fenceNames.has(event.data.fence)) loadFences();
    if (document.body.dataset.tab !== "events") showUnseen(unseen + 1);
    showFeed("live");
  },
  link: showFeed,
});

follow("v1/vehicles", {
  take(answer) {
    const before_ms = fleet.now_ms;
    for (const vehicle of fleet.take(answer, performance.now())) tracks.ask(vehicle);
    element("vehicles").setAttribute("aria-busy", "false");
    element("empty").hidden = fleet.vehicles.size > 0;
    element("clock").textContent = clockTime(fleet.now_ms);
    if (dayOf(before_ms) !== dayOf(fleet.now_ms)) log.rewrite(fleet.now_ms);
    show();
  },
  lost(cause) {
    const since = fleet.now_ms
      ? ` What you see is from ${moment(fleet.now_ms, fleet.now_ms, { exact: true })}.`
      : "";
    const words = `Connection lost. ${CAUSES[cause]} Trying again.${since}`;
    if (element("lost").textContent !== words) element("lost").textContent = words;
    if (isLost) return;
    isLost = true;
    showFeed("cut");
    if (fleet.now_ms) show();
  },
  healed() {
    isLost = false;
    element("lost").textContent = "";
    feed.open();
  },
});

async function loadFences() {
  try {
    const fences = readFences(
      await fetchJson("v1/fences"), (lat_deg, lon_deg) => fleet.place(lat_deg, lon_deg),
    );
    fenceNames = new Map(fences.map(({ id, name }) => [id, name]));
    map.showFences(fences);
    if (fleet.now_ms) log.rewrite(fleet.now_ms);
    showFeed();
    return true;
  } catch {
    return false;
  }
}

async function keepFences() {
  const isLoaded = await loadFences();
  setTimeout(keepFences, isLoaded ? FENCES_EVERY_MS : FENCES_AGAIN_MS);
}

/** Say how the feed does. */
function showFeed(state = element("feed").dataset.state) {
  if (!state) return;
  element("feed").dataset.state = state;
  const times = `times in ${zone(fleet.now_ms || Date.now())}`;
  element("feed").textContent = state === "live" ? `Live, ${times}` : "Reconnecting";
  if (state !== "live") return;
  element("events").setAttribute("aria-busy", "false");
  element("events-none").hidden = log.size > 0;
  element("events-none").textContent = fenceNames.size
    ? "Nothing yet. When a vehicle enters or leaves a fence, it is told here."
    : "No fences yet. Name a GeoJSON file under [fences] in the server’s configuration, and " +
      "entering and leaving them is told here.";
}

function showUnseen(number) {
  unseen = number;
  element("unseen").textContent = unseen ? ` (${count(unseen)} new)` : "";
}

element("tabs").addEventListener("click", ({ target }) => {
  const { tab } = target.closest("button")?.dataset ?? {};
  if (!tab) return;
  document.body.dataset.tab = tab;
  for (const button of element("tabs").children) {
    button.setAttribute("aria-pressed", String(button.dataset.tab === tab));
  }
  if (tab === "events") showUnseen(0);
});

keepFences();
feed.open();
