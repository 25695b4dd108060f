type Child = Node | string | null | false;
type Attributes = Record<string, string | boolean | ((event: Event) => void)>;

/** Make an element. Functions become listeners ("click"), true an empty attribute, false none. */
export function h(tag: string, attributes: Attributes = {}, ...children: Child[]): HTMLElement {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== false));
  return element;
}

export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no element #${id}`);
  return element;
}

/** Put new content into an element, unless it would look the same: what is being read does not flicker. */
export function fill(element: HTMLElement, ...children: Child[]): void {
  const fresh = h("div", {}, ...children);
  if (fresh.innerHTML !== element.innerHTML) element.replaceChildren(...fresh.childNodes);
}

let fading: number | undefined;

export function toast(text: string): void {
  const element = byId("toast");
  element.textContent = text;
  element.classList.add("shown");
  window.clearTimeout(fading);
  fading = window.setTimeout(() => element.classList.remove("shown"), 2500);
}

const sheet = (): HTMLDialogElement => byId("sheet") as HTMLDialogElement;

/** Show content over the page; Escape, the cross and a click beside it close it. */
export function openSheet(...children: Child[]): void {
  const close = h(
    "button",
    { type: "button", class: "close", "aria-label": "Close", click: closeSheet },
    "×",
  );
  sheet().replaceChildren(h("div", { class: "sheet" }, close, ...children));
  if (!sheet().open) sheet().showModal();
}

export function closeSheet(): void {
  sheet().close();
}

export function closeSheetOnBackdrop(): void {
  sheet().addEventListener("click", (event) => {
    if (event.target === sheet()) closeSheet();
  });
}
