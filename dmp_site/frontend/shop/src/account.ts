import { money } from "./backend";
import { byId, closeSheet, fill, h, openSheet, toast } from "./dom";
import { refund } from "./orders";
import { change, type Order, state } from "./store";
import { forget, signUp } from "./tracking";

export function renderAccount(): void {
  const label = state.account ? state.account.userId : "Sign in";
  fill(byId("account"), h("button", { type: "button", class: "link", id: "account-button" }, label));
}

/** Show the account, or the form that opens one; `then` runs after a sign-in. */
export function openAccount(then: () => void = closeSheet): void {
  if (state.account) showAccount();
  else showForm(then);
}

function showForm(then: () => void): void {
  const field = (name: string, label: string, type: string, value: string): HTMLElement =>
    h("label", {}, label, h("input", { name, type, value, required: true, autocomplete: "off" }));
  const form = h(
    "form",
    { submit: (event) => signIn(event, then) },
    h("h2", {}, "Sign in"),
    h("p", { class: "quiet" }, "Any name and address will do: the mail stays on this machine."),
    field("userId", "Customer number or name", "text", ""),
    field("email", "E-mail", "email", ""),
    h(
      "label",
      { class: "check" },
      h("input", { name: "offers", type: "checkbox" }),
      "Send me offers by e-mail",
    ),
    h("button", { class: "main", id: "sign-in" }, "Sign in"),
  );
  openSheet(form);
}

function signIn(event: Event, then: () => void): void {
  event.preventDefault();
  const form = new FormData(event.target as HTMLFormElement);
  const account = { userId: String(form.get("userId")).trim(), email: String(form.get("email")).trim() };
  change((all) => {
    all.account = account;
  });
  const offers = form.get("offers") === "on";
  void signUp(
    account.userId,
    { email: account.email, ...(offers ? { consent: { marketing: { email: true } } } : {}) },
    offers,
  );
  toast(`Hello, ${account.userId}`);
  then();
}

async function signOut(): Promise<void> {
  change((all) => {
    all.account = null;
    all.basket = [];
    all.orders = [];
  });
  await forget();
  closeSheet();
  toast("Signed out: you are somebody new now");
}

function showAccount(): void {
  openSheet(
    h("h2", {}, state.account?.userId ?? ""),
    h("p", { class: "quiet" }, state.account?.email ?? ""),
    h("h3", {}, "Your orders"),
    state.orders.length
      ? h("ul", { class: "lines" }, ...state.orders.map(orderRow))
      : h("p", { class: "quiet" }, "None yet."),
    h("button", { type: "button", class: "second", click: () => void signOut() }, "Sign out"),
  );
}

function orderRow(order: Order): HTMLElement {
  const again = (): void => {
    refund(order);
    showAccount();
  };
  const what = order.lines.map((entry) => entry.product.name).join(", ");
  return h(
    "li",
    {},
    h("span", {}, what),
    h("span", { class: "price" }, money(order.cents)),
    order.refunded
      ? h("span", { class: "quiet" }, "Refunded")
      : h("button", { type: "button", class: "link refund", click: again }, "Refund"),
  );
}
