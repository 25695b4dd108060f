import { openAccount } from "./account";
import { money, type Product } from "./backend";
import { closeSheet, h, openSheet, toast } from "./dom";
import { place } from "./orders";
import { change, count, type Line, state, total } from "./store";
import { line, track } from "./tracking";

export function add(product: Product): void {
  change(({ basket }) => {
    const there = basket.find((entry) => entry.product.id === product.id);
    if (there) there.quantity += 1;
    else basket.push({ product, quantity: 1 });
  });
  track("Product Added", line(product));
  toast(`${product.name} is in your basket`);
}

function remove(entry: Line): void {
  change((all) => {
    all.basket = all.basket.filter((other) => other.product.id !== entry.product.id);
  });
  track("Product Removed", line(entry.product, entry.quantity));
  show();
}

export function openBasket(): void {
  track("Cart Viewed", { products: state.basket.map((entry) => line(entry.product, entry.quantity)) });
  show();
}

function show(): void {
  if (count() === 0) {
    openSheet(h("h2", {}, "Your basket"), h("p", { class: "quiet" }, "Nothing in it yet."));
    return;
  }
  const rows = state.basket.map((entry) =>
    h(
      "li",
      {},
      h("span", {}, `${entry.quantity} × ${entry.product.name}`),
      h("span", { class: "price" }, money(entry.quantity * entry.product.cents)),
      h(
        "button",
        {
          type: "button",
          class: "link",
          "aria-label": `Remove ${entry.product.name}`,
          click: () => remove(entry),
        },
        "Remove",
      ),
    ),
  );
  openSheet(
    h("h2", {}, "Your basket"),
    h("ul", { class: "lines" }, ...rows),
    h("p", { class: "total" }, "Total ", h("b", {}, money(total(state.basket)))),
    h("button", { type: "button", class: "main", id: "buy", click: buy }, "Buy now"),
    state.account ? null : h("p", { class: "quiet" }, "You will be asked to sign in."),
  );
}

function buy(): void {
  if (!state.account) {
    openAccount(show);
    return;
  }
  place(state.basket);
  closeSheet();
  toast("Thank you! Your order is on its way");
}
