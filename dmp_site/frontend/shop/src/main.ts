import { openAccount, renderAccount } from "./account";
import { shop } from "./backend";
import { openBasket } from "./basket";
import { byId, closeSheetOnBackdrop, toast } from "./dom";
import { watch } from "./panel";
import { route } from "./shelf";
import { count, onChange } from "./store";
import { start } from "./tracking";

function renderBar(): void {
  renderAccount();
  byId("basket-count").textContent = String(count());
}

function togglePanel(): void {
  const open = byId("panel").classList.toggle("open");
  const button = byId("panel-button");
  button.setAttribute("aria-expanded", String(open));
  button.textContent = open ? "Close" : "What it knows";
}

async function open(): Promise<void> {
  const about = await shop();
  start(about.writeKey, about.collectorUrl);
  closeSheetOnBackdrop();
  byId("basket-button").addEventListener("click", openBasket);
  byId("account").addEventListener("click", () => openAccount());
  byId("panel-button").addEventListener("click", togglePanel);
  onChange(renderBar);
  renderBar();
  window.addEventListener("hashchange", () => route(about.products));
  route(about.products);
  watch(about);
}

open().catch((error: unknown) => toast(`The shop is closed: ${String(error)}`));
