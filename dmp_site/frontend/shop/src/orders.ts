import { toast } from "./dom";
import { change, type Line, type Order, total } from "./store";
import { line, track } from "./tracking";

/** Buy these lines; the basket is empty afterwards. */
export function place(lines: Line[]): void {
  const made: Order = {
    id: crypto.randomUUID().slice(0, 8),
    at: Date.now(),
    cents: total(lines),
    lines,
    refunded: false,
  };
  change((all) => {
    all.orders.unshift(made);
    all.basket = [];
  });
  track("Order Completed", properties(made));
}

export function refund(order: Order): void {
  change((all) => {
    for (const other of all.orders) if (other.id === order.id) other.refunded = true;
  });
  track("Order Refunded", properties(order));
  toast("Your money is on its way back");
}

const properties = (order: Order): Record<string, unknown> => ({
  order_id: order.id,
  total: order.cents / 100,
  currency: "USD",
  products: order.lines.map((entry) => line(entry.product, entry.quantity)),
});
