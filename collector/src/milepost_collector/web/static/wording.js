// Numbers and times as people read them: in the locale's units and the viewer's zone.

const locale = navigator.language || "en";
const imperial = /^en-(us|gb)\b/i.test(locale);

const MPH_PER_MPS = 2.236936;
const KMH_PER_MPS = 3.6;
const METRES_PER_FOOT = 0.3048;
const METRES_PER_MILE = 1609.344;

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const minutes = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat(locale, {
  hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const date = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const zoned = new Intl.DateTimeFormat(locale, {
  hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});

export function count(number) {
  return whole.format(number);
}

export function speed(mps) {
  if (mps === null) return "";
  return imperial
    ? `${whole.format(mps * MPH_PER_MPS)} mph`
    : `${whole.format(mps * KMH_PER_MPS)} km/h`;
}

/** A way along the ground, to a tenth of the unit. */
export function distance(length_m) {
  const [unit_m, unit] = lengthUnit(Math.max(length_m, imperial ? METRES_PER_MILE : 1000));
  return `${tenth.format(length_m / unit_m)} ${unit}`;
}

/** A length of time in one unit, rounded down. */
export function lapse(lapse_ms) {
  const lapse_s = Math.max(0, Math.floor(lapse_ms / 1000));
  if (lapse_s < 60) return `${lapse_s} s`;
  if (lapse_s < 3600) return `${Math.floor(lapse_s / 60)} min`;
  if (lapse_s < 48 * 3600) return `${Math.floor(lapse_s / 3600)} h`;
  return `${whole.format(Math.floor(lapse_s / 86400))} days`;
}

export function dayOf(time_ms) {
  return date.format(time_ms);
}

/** The time of day; the day too unless it is that of `now_ms`. */
export function moment(time_ms, now_ms, { exact = false } = {}) {
  const clock = (exact ? seconds : minutes).format(time_ms);
  const day = date.format(time_ms);
  return day === date.format(now_ms) ? clock : `${day}, ${clock}`;
}

/** The time of day with the name of its zone. */
export function clockTime(time_ms) {
  return zoned.format(time_ms);
}

/** The name of the viewer's zone at a time, such as CET. */
export function zone(time_ms) {
  return zoned.formatToParts(time_ms).find((part) => part.type === "timeZoneName").value;
}

/** The longest round length up to `limit_m`, in metres and in words. */
export function roundLength(limit_m) {
  const [unit_m, unit] = lengthUnit(limit_m);
  const limit = limit_m / unit_m;
  const power = 10 ** Math.floor(Math.log10(limit));
  const digit = [5, 2, 1].find((each) => each * power <= limit) ?? 1;
  return { metres: digit * power * unit_m, words: `${whole.format(digit * power)} ${unit}` };
}

function lengthUnit(limit_m) {
  if (imperial) {
    return limit_m < METRES_PER_MILE ? [METRES_PER_FOOT, "ft"] : [METRES_PER_MILE, "mi"];
  }
  return limit_m < 1000 ? [1, "m"] : [1000, "km"];
}
