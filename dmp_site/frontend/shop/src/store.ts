import type { Product } from "./backend";

/** What this browser remembers: the basket, who is signed in, past orders. */
export interface Line {
  product: Product;
  quantity: number;
}

export interface Order {
  id: string;
  at: number;
  cents: number;
  lines: Line[];
  refunded: boolean;
}

export interface Account {
  userId: string;
  email: string;
}

interface State {
  basket: Line[];
  orders: Order[];
  account: Account | null;
}

const KEY = "corner-market";
const listeners: (() => void)[] = [];

function read(): State {
  const empty: State = { basket: [], orders: [], account: null };
  try {
    return { ...empty, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<State>) };
  } catch {
    return empty; // somebody else's, or an older shop's
  }
}

export const state: State = read();

export const onChange = (listener: () => void): void => void listeners.push(listener);

export function change(edit: (state: State) => void): void {
  edit(state);
  localStorage.setItem(KEY, JSON.stringify(state));
  for (const listener of listeners) listener();
}

export const count = (): number => state.basket.reduce((sum, line) => sum + line.quantity, 0);

export const total = (lines: Line[]): number =>
  lines.reduce((sum, line) => sum + line.quantity * line.product.cents, 0);
