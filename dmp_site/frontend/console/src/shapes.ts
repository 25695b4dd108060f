import type { GraphNode, Kind } from "./data";
import { svg } from "./svg";

/** One shape for each kind, so that nothing is told by colour alone. Drawn around 0,0. */
const SHAPES: Record<Kind, () => SVGElement> = {
  person: () => svg("circle", { r: 17 }),
  device: () => svg("rect", { x: -14, y: -14, width: 28, height: 28, rx: 7 }),
  cookie: () => svg("circle", { r: 12 }),
  household: () => svg("path", { d: "M0 -16 15 -3 V13 H-15 V-3 Z" }),
};

const SIGNS: Record<Kind, string> = {
  person: "M0 -8a4 4 0 1 1 0 8a4 4 0 1 1 0 -8Z M-7.5 9a7.5 7 0 0 1 15 0Z",
  device: "M-5 -8h10v16h-10z M-1.5 5.5h3",
  cookie: "M-4 -3h.1 M2 -5h.1 M4 2h.1 M-2 3h.1",
  household: "M-5 10v-8h10v8z",
};

export function shape(node: Pick<GraphNode, "kind" | "hub">): SVGGElement {
  const made = svg(
    "g",
    { class: "shape" },
    SHAPES[node.kind](),
    svg("path", { class: "sign", d: SIGNS[node.kind] }),
  );
  if (node.hub) made.append(svg("circle", { class: "quarantine", r: 23 }));
  return made;
}
