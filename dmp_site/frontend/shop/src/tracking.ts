import { AnalyticsBrowser } from "@segment/analytics-next";
import type { Product } from "./backend";

/** Segment's library, unmodified; its settings and its events go to the collector and nowhere else. */
const analytics = new AnalyticsBrowser();

export function start(writeKey: string, collector: string): void {
  analytics.load({ writeKey, cdnURL: collector });
}

export const page = (name: string): void => void analytics.page(name);

export const track = (event: string, properties: Record<string, unknown>): void =>
  void analytics.track(event, properties);

/** Say who it is, then that they signed up: in this order, so that the journey that starts knows the address. */
export async function signUp(
  userId: string,
  traits: Record<string, unknown>,
  offers: boolean,
): Promise<void> {
  await analytics.identify(userId, traits);
  await analytics.track("Signed Up", { offers });
}

/** Forget who it was: the next visitor of this browser is somebody else. */
export const forget = async (): Promise<void> => {
  await analytics.reset();
};

export async function anonymousId(): Promise<string> {
  return (await analytics.user()).anonymousId() ?? "";
}

/** One product line of Segment's e-commerce specification. */
export const line = (product: Product, quantity = 1): Record<string, unknown> => ({
  product_id: product.id,
  name: product.name,
  category: product.aisle,
  brand: product.brand,
  price: product.cents / 100,
  quantity,
});
