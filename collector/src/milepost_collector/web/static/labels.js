// Which names find room on the map. Chosen once a second, so that none flickers.

const HEIGHT_PX = 18;
const CELL_PX = 64;

export class Labels {
  #boxes = new Map();

  /** Forget what was placed. */
  clear() {
    this.#boxes.clear();
  }

  /** Take a rectangle of the screen if nothing lies there; say whether it was free. */
  take(left, top, width, height = HEIGHT_PX) {
    const box = [left, top, left + width, top + height];
    const cells = cellsOf(box);
    if (cells.some((cell) => this.#boxes.get(cell)?.some((other) => overlap(box, other)))) {
      return false;
    }
    this.#put(box, cells);
    return true;
  }

  /** Take a rectangle of the screen, whatever lies there. */
  occupy(left, top, width, height = HEIGHT_PX) {
    const box = [left, top, left + width, top + height];
    this.#put(box, cellsOf(box));
  }

  #put(box, cells) {
    for (const cell of cells) {
      const boxes = this.#boxes.get(cell);
      if (boxes) boxes.push(box);
      else this.#boxes.set(cell, [box]);
    }
  }
}

function cellsOf([left, top, right, bottom]) {
  const cells = [];
  for (let x = Math.floor(left / CELL_PX); x <= Math.floor(right / CELL_PX); x += 1) {
    for (let y = Math.floor(top / CELL_PX); y <= Math.floor(bottom / CELL_PX); y += 1) {
      cells.push(x * 65_536 + y);
    }
  }
  return cells;
}

function overlap(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}
