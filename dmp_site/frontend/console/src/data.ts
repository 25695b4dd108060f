/** What the page hands over: see identity/profiles/picture/page.py. Every word comes from there, in the reader's language. */

export type Kind = "person" | "device" | "cookie" | "household";

export interface GraphNode {
  label: string;
  kind: Kind;
  inside: boolean;
  hub: boolean;
  page: string;
  says: string[];
}

export interface GraphLink {
  a: number;
  b: number;
  sources: number[];
  age: number;
  refused: boolean;
  bridge: boolean;
  decided: boolean;
  says: string[];
}

export interface Words {
  title: string;
  hint: string;
  page: string;
  links: string;
  kinds: Record<Kind, string>;
  outside: string;
  hub: string;
  refused: string;
  bridge: string;
  decided: string;
  ages: string[];
  leftOut: string;
}

export interface Graph {
  nodes: GraphNode[];
  links: GraphLink[];
  sources: string[];
  words: Words;
}

export function read(id: string): Graph | null {
  const text = document.getElementById(id)?.textContent;
  return text ? (JSON.parse(text) as Graph) : null;
}
