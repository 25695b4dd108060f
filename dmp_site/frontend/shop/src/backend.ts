/** What the shop's own server answers. */
export interface Product {
  id: string;
  name: string;
  aisle: string;
  brand: string;
  size: string;
  cents: number;
}

export interface Shop {
  writeKey: string;
  collectorUrl: string;
  consoleUrl: string;
  mailUrl: string;
  slot: string;
  products: Product[];
}

export interface Me {
  profile: null | { id: string; url: string; identifiers: string[]; figures: [string, string][] };
  audiences: string[];
  journeys: string[];
  timeline: { key: string; at: number; text: string; outbound: boolean }[];
}

export type Content = { title?: string; text?: string; button?: string; href?: string; tone?: string };

async function get<T>(url: string): Promise<T> {
  const answer = await fetch(url, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`${url.split("?")[0]} answered ${answer.status}`);
  return (await answer.json()) as T;
}

export const shop = (): Promise<Shop> => get<Shop>("/api/shop");

/** Read what is known of this visitor; the server takes the anonymous id from the visitor's own cookie. */
export const me = (): Promise<Me> => get<Me>("/api/me");

/** Ask the collector what to show in a slot to this visitor. */
export async function decide(collector: string, anonymousId: string, slot: string): Promise<Content | null> {
  const query = new URLSearchParams({ anonymousId, slots: slot });
  const answer = await get<{ slots: Record<string, Content | null> }>(`${collector}/v1/decisions?${query}`);
  return answer.slots[slot] ?? null;
}

export const money = (cents: number): string =>
  new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" }).format(cents / 100);
