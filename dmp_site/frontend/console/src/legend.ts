import type { Graph, Kind } from "./data";
import { shape } from "./shapes";
import { html, svg } from "./svg";

/** What the shapes and lines mean: only those that are in the picture. */
export function legend(graph: Graph): HTMLElement {
  const { words } = graph;
  const made = html("ul", { class: "graph-legend" });
  const add = (sign: SVGElement, text: string) => made.append(html("li", {}, sign, text));
  for (const kind of Object.keys(words.kinds) as Kind[]) {
    if (graph.nodes.some((node) => node.kind === kind)) add(sample(kind), words.kinds[kind]);
  }
  if (graph.nodes.some((node) => !node.inside)) add(sample("person", "outside"), words.outside);
  if (graph.nodes.some((node) => node.hub)) add(sample("person", "", true), words.hub);
  graph.sources.forEach((source, colour) => {
    add(line(`source-${colour}`), source);
  });
  if (graph.links.some((link) => link.bridge)) add(line("bridge"), words.bridge);
  if (graph.links.some((link) => link.decided)) add(line("decided"), words.decided);
  if (graph.links.some((link) => link.refused)) add(line("refused"), words.refused);
  const ages = [...new Set(graph.links.map((link) => link.age))].sort();
  if (ages.length > 1) for (const age of ages) add(line(`aged age-${age}`), words.ages[age] ?? "");
  return made;
}

function sample(kind: Kind, more = "", hub = false): SVGElement {
  const box = { viewBox: "-26 -26 52 52", width: 22, height: 22, "aria-hidden": "true" };
  const node = svg("g", { class: `node ${kind} ${more || "inside"}` }, shape({ kind, hub }));
  return svg("svg", box, node);
}

function line(name: string): SVGElement {
  const box = { viewBox: "0 0 30 12", width: 30, height: 12, "aria-hidden": "true" };
  const drawn = { x1: 2, y1: 6, x2: 28, y2: 6 };
  const lines = name === "bridge" ? ["halo", "stroke"] : ["stroke"];
  return svg(
    "svg",
    box,
    svg("g", { class: `link ${name}` }, ...lines.map((each) => svg("line", { ...drawn, class: each }))),
  );
}
