import { type Graph, type GraphLink, read } from "./data";
import { type Box, type Point, place } from "./layout";
import { legend } from "./legend";
import { shape } from "./shapes";
import { html, svg } from "./svg";

const SIDE = 62; // room for words at the left and right edge
const EDGE = 34;
const LABELLED = 40; // nodes; of more, only those of persons (if they are not many either) and what is looked at are named
const PERSONS = 20;
const CROWD = 12; // nodes around the one that is looked at; of more, none is named
const BARE: Box = { width: 34, height: 34 }; // of a node without words
const LONGEST = 22;
const LETTER = 3.6; // half a letter's width
const ROOM = 3.2; // times what the words need
const NARROW = 600; // a phone: there the picture is high instead
const TOLD = 6; // links that a node tells of

interface Part {
  element: SVGGElement;
  /** Positions of the nodes that belong to it. */
  nodes: number[];
  title: string;
  says: string[];
  page: string;
}

/** The picture, and beside it the words about what is looked at. */
class Picture {
  private readonly parts: Part[] = [];
  private readonly says = html("div", { class: "graph-says", "aria-live": "polite" });
  private readonly view = svg("svg", { role: "group", class: "graph-view" });
  private current = 0;
  private width = 0;

  constructor(
    private readonly graph: Graph,
    root: HTMLElement,
  ) {
    this.view.setAttribute("aria-label", graph.words.title);
    const drawing = html("div", { class: "graph-drawing" }, this.view);
    root.append(html("div", { class: "graph-pair" }, drawing, this.says), legend(graph));
    if (graph.words.leftOut) root.append(html("p", { class: "graph-note" }, graph.words.leftOut));
    this.view.addEventListener("keydown", (event) => this.key(event));
    this.view.addEventListener("pointerleave", () => this.show(document.activeElement as Element | null));
    this.view.addEventListener("focusout", (event) => {
      if (!root.contains(event.relatedTarget as Node | null)) this.show(null);
    });
    new ResizeObserver(() => this.draw()).observe(drawing);
    this.draw();
  }

  private draw(): void {
    const width = Math.round(this.view.parentElement?.clientWidth ?? 0);
    if (width === 0 || width === this.width) return;
    this.width = width;
    const named = this.named();
    const worded = { width: Math.min(150, width / 2.7), height: 64 };
    const spaces = named.map((is) => (is ? worded : BARE));
    const wanted = spaces.reduce((sum, space) => sum + space.width * space.height, 0) * (ROOM / width);
    const [least, most] = [named.length > LABELLED ? 480 : 280, width < NARROW ? 1500 : 760];
    const height = Math.round(Math.min(most, Math.max(least, wanted)));
    this.view.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.view.setAttribute("height", String(height));
    const side = Math.min(SIDE, width / 6);
    const box = { width: width - 2 * side, height: height - 2 * EDGE - 14 };
    const points = place(this.graph, box, spaces).map((point) => ({ x: point.x + side, y: point.y + EDGE }));
    this.parts.length = 0;
    this.nodes(points, named);
    const links = this.links(points);
    this.view.replaceChildren(
      svg("g", {}, ...links),
      svg(
        "g",
        {},
        ...this.parts
          .slice(0, named.length)
          .reverse()
          .map((part) => part.element),
      ),
    );
    this.current = 0;
    this.parts[0]?.element.setAttribute("tabindex", "0");
    this.show(null);
  }

  /** Which nodes have their words beside them. */
  private named(): boolean[] {
    const { nodes } = this.graph;
    const persons = nodes.filter((node) => node.kind === "person").length;
    return nodes.map((node) => nodes.length <= LABELLED || (node.kind === "person" && persons <= PERSONS));
  }

  private nodes(points: Point[], named: boolean[]): void {
    this.graph.nodes.forEach((node, number) => {
      const { x, y } = points[number] as Point;
      const text = svg(
        "text",
        { x: this.inward(x, cut(node.label)), y: 34, "text-anchor": "middle" },
        cut(node.label),
      );
      const names = [
        `node ${node.kind}`,
        node.inside ? "inside" : "outside",
        node.hub ? "hub" : "",
        named[number] ? "named" : "",
      ];
      const element = svg(
        "g",
        { class: names.join(" "), transform: `translate(${x} ${y})` },
        shape(node),
        text,
      );
      const around = this.graph.links.filter((link) => link.a === number || link.b === number);
      const reached = around.map((link) => (link.a === number ? link.b : link.a));
      const says = [
        ...node.says,
        `${this.graph.words.links}: ${around.length}`,
        ...this.told(number, around),
      ];
      this.add({ element, nodes: [number, ...reached], title: node.label, says, page: node.page });
    });
  }

  /** How far words around `x` have to move so that no edge cuts them off. */
  private inward(x: number, words: string): number {
    const half = words.length * LETTER;
    return Math.max(0, half - x) - Math.max(0, x + half - this.width);
  }

  private told(number: number, around: GraphLink[]): string[] {
    const said = around.slice(0, TOLD).map((link) => {
      const other = this.graph.nodes[link.a === number ? link.b : link.a];
      return `${other?.label}: ${link.says.join("; ")}`;
    });
    return around.length > TOLD ? [...said, "…"] : said;
  }

  private links(points: Point[]): SVGGElement[] {
    const degrees = this.degrees();
    return this.graph.links.map((link) => {
      const [one, other] = [points[link.a] as Point, points[link.b] as Point];
      const element = svg("g", { class: classes(link, degrees) }, ...lines(link, one, other));
      const ends = [this.graph.nodes[link.a], this.graph.nodes[link.b]];
      const title = ends.map((node) => node?.label ?? "").join(" — ");
      this.add({ element, nodes: [link.a, link.b], title, says: link.says, page: "" });
      return element;
    });
  }

  /** How many links hold each node. */
  private degrees(): number[] {
    const found = this.graph.nodes.map(() => 0);
    for (const link of this.graph.links.filter((one) => !one.refused)) {
      found[link.a] = (found[link.a] ?? 0) + 1;
      found[link.b] = (found[link.b] ?? 0) + 1;
    }
    return found;
  }

  private add(part: Part): void {
    const { element } = part;
    element.setAttribute("role", "img");
    element.setAttribute("tabindex", "-1");
    element.setAttribute("aria-label", [part.title, ...part.says].join(". "));
    element.addEventListener("pointerenter", () => this.show(element));
    element.addEventListener("focus", () => this.show(element));
    element.addEventListener("click", () => element.focus());
    this.parts.push(part);
  }

  /** Say what is known of one part, and let the rest step back; null: of none. */
  private show(element: Element | null): void {
    const at = this.parts.findIndex((one) => one.element === element);
    const part = this.parts[at];
    this.view.classList.toggle("looking", part !== undefined);
    this.view.classList.toggle("crowded", (part?.nodes.length ?? 0) > CROWD);
    for (const [number, one] of this.parts.entries()) {
      one.element.classList.toggle("lit", part !== undefined && this.lit(at, part, number, one));
      one.element.classList.toggle("at", number === at);
    }
    const { words } = this.graph;
    if (part === undefined) {
      this.says.replaceChildren(html("p", { class: "graph-hint" }, words.hint));
      return;
    }
    const said = part.says.map((text) => html("li", {}, text));
    this.says.replaceChildren(html("h3", {}, part.title), html("ul", {}, ...said));
    if (part.page) this.says.append(html("a", { href: part.page, class: "text-primary-600" }, words.page));
  }

  /** Nodes come first among the parts: with a node its links are lit, and what they lead to; with a link its ends. */
  private lit(at: number, part: Part, number: number, one: Part): boolean {
    const count = this.graph.nodes.length;
    if (number === at) return true;
    return number < count ? part.nodes.includes(number) : at < count && one.nodes.includes(at);
  }

  private key(event: KeyboardEvent): void {
    const last = this.parts.length - 1;
    const moves: Record<string, number> = {
      ArrowRight: this.current + 1,
      ArrowDown: this.current + 1,
      ArrowLeft: this.current - 1,
      ArrowUp: this.current - 1,
      Home: 0,
      End: last,
    };
    const next = moves[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.parts[this.current]?.element.setAttribute("tabindex", "-1");
    this.current = (next + this.parts.length) % this.parts.length;
    const element = this.parts[this.current]?.element;
    element?.setAttribute("tabindex", "0");
    element?.focus();
  }
}

function classes(link: GraphLink, degrees: number[]): string {
  const names = ["link", `age-${link.age}`];
  if (link.refused) names.push("refused");
  if (link.bridge) names.push("bridge");
  if (degrees[link.a] === 1 || degrees[link.b] === 1) names.push("leaf");
  if (link.decided) names.push("decided");
  return names.join(" ");
}

/** One line for each source, side by side; beneath them what is wide enough to be pointed at. */
function lines(link: GraphLink, one: Point, other: Point): SVGElement[] {
  const ends = { x1: one.x, y1: one.y, x2: other.x, y2: other.y };
  const found: SVGElement[] = [svg("line", { ...ends, class: "reach" })];
  if (link.bridge) found.push(svg("line", { ...ends, class: "halo" }));
  const far = Math.hypot(other.x - one.x, other.y - one.y) || 1;
  const [across, along] = [-(other.y - one.y) / far, (other.x - one.x) / far];
  const colours = link.sources.length > 0 ? link.sources : [-1];
  colours.forEach((colour, number) => {
    const by = (number - (colours.length - 1) / 2) * 4.5;
    const moved = {
      x1: ends.x1 + across * by,
      y1: ends.y1 + along * by,
      x2: ends.x2 + across * by,
      y2: ends.y2 + along * by,
    };
    found.push(svg("line", { ...moved, class: `stroke source-${colour}` }));
  });
  return found;
}

function cut(label: string): string {
  return label.length > LONGEST ? `${label.slice(0, LONGEST - 1)}…` : label;
}

const graph = read("identity-graph-data");
const section = document.getElementById("identity-graph");
const root = section?.querySelector<HTMLElement>("[data-graph]");
if (graph && section && root) {
  section.hidden = false;
  new Picture(graph, root);
}
