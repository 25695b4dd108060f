import type { Graph } from "./data";

export interface Point {
  x: number;
  y: number;
}

export interface Box {
  width: number;
  height: number;
}

const GOLDEN = Math.PI * (3 - Math.sqrt(5));
const STEPS = 320;
const ROUNDS = 150;
const CLEAR = 22; // between a node and a line that does not end there
const SEEN = 80; // lines up to which that can be had

/**
 * Where the nodes stand: linked ones near each other, all inside the box, each with its `space` around it.
 * The same graph in the same box looks the same each time.
 */
export function place(graph: Graph, box: Box, spaces: Box[]): Point[] {
  const points = spiral(graph.nodes.length, box);
  const ideal = 0.8 * Math.sqrt((box.width * box.height) / Math.max(graph.nodes.length, 1));
  for (let step = 0; step < STEPS; step += 1) {
    const heat = (Math.min(box.width, box.height) / 8) * (1 - step / STEPS) ** 1.5;
    settle(points, forces(graph, points, ideal, box), heat);
  }
  spread(points, box);
  for (let step = 0; step < ROUNDS; step += 1) {
    if (graph.links.length <= SEEN) clear(graph, points);
    separate(points, spaces, box);
  }
  return points;
}

/** The strongest come first and begin in the middle. */
function spiral(count: number, box: Box): Point[] {
  return Array.from({ length: count }, (_, number) => {
    const far = 0.45 * Math.sqrt((number + 0.3) / count);
    return {
      x: box.width * (0.5 + far * Math.cos(number * GOLDEN)),
      y: box.height * (0.5 + far * Math.sin(number * GOLDEN)),
    };
  });
}

/** Fruchterman and Reingold: all nodes push each other away, links pull their ends together, refused ones hardly. */
function forces(graph: Graph, points: Point[], ideal: number, box: Box): Point[] {
  const found = points.map((point) => ({
    x: (box.width / 2 - point.x) * 0.03,
    y: (box.height / 2 - point.y) * 0.03 * (box.width / box.height),
  }));
  points.forEach((one, a) => {
    for (let b = a + 1; b < points.length; b += 1) {
      const other = points[b] as Point;
      pull(found, a, b, one, other, (far) => -(ideal * ideal) / far);
    }
  });
  for (const link of graph.links) {
    const strength = link.refused ? 0.45 : 1;
    const [one, other] = [points[link.a] as Point, points[link.b] as Point];
    pull(found, link.a, link.b, one, other, (far) => (strength * far * far) / ideal);
  }
  return found;
}

function pull(
  found: Point[],
  a: number,
  b: number,
  one: Point,
  other: Point,
  force: (far: number) => number,
): void {
  const [dx, dy] = [other.x - one.x || 0.01, other.y - one.y || 0.01];
  const far = Math.hypot(dx, dy);
  const size = force(far) / far;
  const [left, right] = [found[a] as Point, found[b] as Point];
  left.x += dx * size;
  left.y += dy * size;
  right.x -= dx * size;
  right.y -= dy * size;
}

function settle(points: Point[], moves: Point[], heat: number): void {
  points.forEach((point, number) => {
    const move = moves[number] as Point;
    const size = Math.hypot(move.x, move.y) || 1;
    point.x += (move.x / size) * Math.min(size, heat);
    point.y += (move.y / size) * Math.min(size, heat);
  });
}

/** Fill the box, without stretching what is small to more than twice its size. */
function spread(points: Point[], box: Box): void {
  for (const axis of ["x", "y"] as const) {
    const size = axis === "x" ? box.width : box.height;
    const values = points.map((point) => point[axis]);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const scale = Math.min(2, size / Math.max(most - least, 1));
    const middle = (least + most) / 2;
    for (const point of points) point[axis] = size / 2 + (point[axis] - middle) * scale;
  }
}

/** Move nodes off the lines between others: who lies on one looks like a link of a chain. */
function clear(graph: Graph, points: Point[]): void {
  for (const link of graph.links) {
    const [one, other] = [points[link.a] as Point, points[link.b] as Point];
    const [dx, dy] = [other.x - one.x, other.y - one.y];
    const long = Math.hypot(dx, dy) || 1;
    points.forEach((point, number) => {
      if (number === link.a || number === link.b) return;
      const along = ((point.x - one.x) * dx + (point.y - one.y) * dy) / (long * long);
      const across = ((point.y - one.y) * dx - (point.x - one.x) * dy) / long;
      if (along < 0 || along > 1 || Math.abs(across) >= CLEAR) return;
      const by = ((CLEAR - Math.abs(across)) / 2) * (across < 0 ? -1 : 1);
      point.x -= (dy / long) * by;
      point.y += (dx / long) * by;
    });
  }
}

/** Move apart what would lie on each other's words. */
function separate(points: Point[], spaces: Box[], box: Box): void {
  for (let a = 0; a < points.length; a += 1) {
    for (let b = a + 1; b < points.length; b += 1) {
      const [one, other] = [points[a] as Point, points[b] as Point];
      const [ours, theirs] = [spaces[a] as Box, spaces[b] as Box];
      const [dx, dy] = [other.x - one.x, other.y - one.y];
      const overX = (ours.width + theirs.width) / 2 - Math.abs(dx);
      const overY = (ours.height + theirs.height) / 2 - Math.abs(dy);
      if (overX <= 0 || overY <= 0) continue;
      if (overY / box.height < overX / box.width) shift(one, other, "y", (overY / 2) * Math.sign(dy || 1));
      else shift(one, other, "x", (overX / 2) * Math.sign(dx || 1));
    }
  }
  for (const point of points) {
    point.x = Math.max(0, Math.min(box.width, point.x));
    point.y = Math.max(0, Math.min(box.height, point.y));
  }
}

function shift(one: Point, other: Point, axis: "x" | "y", by: number): void {
  one[axis] -= by;
  other[axis] += by;
}
