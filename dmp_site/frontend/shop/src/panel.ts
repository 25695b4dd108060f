import { type Content, decide, type Me, me, type Shop } from "./backend";
import { byId, fill, h } from "./dom";
import { anonymousId } from "./tracking";

const EVERY = 1000;

/** Keep panel and slot up to date while somebody looks. */
export function watch(shop: Shop): void {
  let busy = false;
  const look = async (): Promise<void> => {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const [known, content] = await Promise.all([
        me(),
        anonymousId()
          .then((id) => decide(shop.collectorUrl, id, shop.slot))
          .catch(() => null),
      ]);
      render(shop, known, content);
    } catch {
      byId("panel").classList.add("stale");
    } finally {
      busy = false;
    }
  };
  render(shop, { profile: null, audiences: [], journeys: [], timeline: [] }, null);
  void look();
  window.setInterval(() => void look(), EVERY);
}

function render(shop: Shop, known: Me, content: Content | null): void {
  const panel = byId("panel");
  panel.classList.remove("stale");
  renderSlot(content);
  fill(
    panel,
    h("p", { class: "eyebrow" }, h("i", {}), "Live from Filrouge"),
    h("h2", {}, "What it knows about you"),
    ...profile(known),
    h(
      "p",
      { class: "links" },
      h("a", { href: shop.mailUrl, target: "_blank", rel: "noopener", id: "mail-link" }, "Read the mail"),
      known.profile &&
        h("a", { href: known.profile.url, target: "_blank", rel: "noopener" }, "Open in the console"),
    ),
    section("Audiences", "audiences", chips(known.audiences, "in none yet")),
    known.journeys.length ? section("Journeys", "journeys", chips(known.journeys, "")) : null,
    section("What happened", "timeline", timeline(known)),
    section("Site slot", "decision", h("code", {}, content ? JSON.stringify(content, null, 1) : "null")),
  );
}

function profile(known: Me): HTMLElement[] {
  if (!known.profile) return [h("p", { class: "quiet" }, "Nothing yet. Click around: it takes a second.")];
  const figures = known.profile.figures.map(([label, value]) =>
    h("div", {}, h("dt", {}, label), h("dd", { "data-figure": label }, value)),
  );
  return [
    h(
      "p",
      { class: "ids", id: "identifiers" },
      ...known.profile.identifiers.map((id) => h("span", { class: "chip" }, id)),
    ),
    h("dl", {}, ...figures),
  ];
}

const section = (title: string, id: string, content: HTMLElement): HTMLElement =>
  h("section", { id }, h("h3", {}, title), content);

const chips = (names: string[], none: string): HTMLElement =>
  names.length
    ? h("p", { class: "ids" }, ...names.map((name) => h("span", { class: "chip warm" }, name)))
    : h("p", { class: "quiet" }, none);

function timeline(known: Me): HTMLElement {
  const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const rows = known.timeline.map((entry) =>
    h("li", { class: entry.outbound ? "out" : "in" }, h("time", {}, time.format(entry.at)), entry.text),
  );
  return h("ol", {}, ...rows);
}

const USUAL: Required<Pick<Content, "title" | "text">> = {
  title: "Good food, round the corner",
  text: "Real products and prices; every click here travels through the product.",
};

function renderSlot(content: Content | null): void {
  const shown = content ?? USUAL;
  const slot = byId("slot");
  slot.dataset.tone = content?.tone ?? (content ? "personal" : "usual");
  fill(
    slot,
    h("h1", {}, shown.title ?? ""),
    h("p", {}, shown.text ?? ""),
    content?.button
      ? h("a", { class: "main", href: content.href?.startsWith("#") ? content.href : "#/" }, content.button)
      : null,
  );
}
