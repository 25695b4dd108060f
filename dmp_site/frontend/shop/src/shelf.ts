import { money, type Product } from "./backend";
import { add } from "./basket";
import { byId, fill, h } from "./dom";
import { picture } from "./pictures";
import { line, page, track } from "./tracking";

const ALL = "Everything";

/** Show what the address after # asks for: everything, one aisle, or one product. */
export function route(products: Product[]): void {
  const [kind = "", name = ""] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const product = kind === "product" ? products.find((one) => one.id === name) : undefined;
  const aisle = kind === "aisle" ? name : ALL;
  renderAisles(products, product ? product.aisle : aisle);
  if (product) showProduct(product);
  else showAisle(products, aisle);
}

function renderAisles(products: Product[], current: string): void {
  const names = [ALL, ...new Set(products.map((product) => product.aisle))];
  fill(
    byId("aisles"),
    ...names.map((name) =>
      h(
        "a",
        {
          href: name === ALL ? "#/" : `#/aisle/${encodeURIComponent(name)}`,
          "aria-current": name === current && "page",
        },
        name,
      ),
    ),
  );
}

function showAisle(products: Product[], aisle: string): void {
  const shown = products.filter((product) => aisle === ALL || product.aisle === aisle);
  byId("shelf").className = "grid";
  byId("shelf").replaceChildren(...shown.map(card));
  page(aisle === ALL ? "Home" : "Aisle");
  if (aisle !== ALL)
    track("Product List Viewed", { category: aisle, products: shown.slice(0, 10).map((one) => line(one)) });
}

function card(product: Product): HTMLElement {
  return h(
    "article",
    { class: "card" },
    h(
      "a",
      { href: `#/product/${product.id}`, class: "face" },
      picture(product.aisle),
      h("h3", {}, product.name),
    ),
    h("p", { class: "quiet" }, details(product)),
    h(
      "div",
      { class: "row" },
      h("span", { class: "price" }, money(product.cents)),
      h(
        "button",
        { type: "button", class: "add", "aria-label": `Add ${product.name}`, click: () => add(product) },
        "Add",
      ),
    ),
  );
}

function showProduct(product: Product): void {
  byId("shelf").className = "one";
  byId("shelf").replaceChildren(
    picture(product.aisle),
    h(
      "div",
      {},
      h("p", { class: "quiet" }, product.aisle),
      h("h2", {}, product.name),
      h("p", { class: "quiet" }, details(product)),
      h("p", { class: "price big" }, money(product.cents)),
      h("button", { type: "button", class: "main", id: "add", click: () => add(product) }, "Add to basket"),
    ),
  );
  page("Product");
  track("Product Viewed", line(product));
}

const details = (product: Product): string => [product.brand, product.size].filter(Boolean).join(" · ");
