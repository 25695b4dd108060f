/** Plain drawings, one per aisle: the data set has names and prices, and no photographs. */
const DRAWINGS: Record<string, [background: string, shapes: string]> = {
  Fruit: [
    "#fdeee6",
    '<circle cx="44" cy="58" r="20" fill="#e4572e"/><circle cx="66" cy="60" r="16" fill="#f3a712"/><path d="M46 38c2-8 8-12 14-12-1 8-6 12-14 12z" fill="#4b8b3b"/>',
  ],
  Vegetables: [
    "#eef6e6",
    '<path d="M50 84 36 48h28z" fill="#ee8434"/><path d="M50 48c-12-4-16-14-12-22 6 4 10 8 12 16 2-8 6-12 12-16 4 8 0 18-12 22z" fill="#4b8b3b"/>',
  ],
  Dairy: [
    "#e8f1fa",
    '<path d="M38 34h24l6 16v32H32V50z" fill="#fff" stroke="#3d6b99" stroke-width="3"/><path d="M32 60h36v12H32z" fill="#6fa8dc"/><path d="M40 24h20v10H40z" fill="#3d6b99"/>',
  ],
  Bakery: [
    "#faf0dc",
    '<path d="M22 52c0-14 12-22 28-22s28 8 28 22c0 6-4 8-4 8v18H26V60s-4-2-4-8z" fill="#d9a05b"/><path d="M40 42v10M52 40v10M64 42v10" stroke="#fff" stroke-width="4" stroke-linecap="round"/>',
  ],
  Meat: [
    "#fbe9ea",
    '<path d="M26 58c0-18 20-30 38-24 14 5 14 22 2 28-8 4-10 14-20 16-12 2-20-8-20-20z" fill="#c8505a"/><circle cx="58" cy="48" r="7" fill="#fbe9ea"/>',
  ],
  Drinks: [
    "#e6f5f4",
    '<path d="M40 36h20l4 12v34H36V48z" fill="#2a9d8f"/><path d="M45 22h10v14H45z" fill="#1f6f67"/><path d="M36 56h28v14H36z" fill="#fff"/>',
  ],
  Snacks: [
    "#f6ebf8",
    '<path d="M32 30h36l-4 52H36z" fill="#9b5fb0"/><path d="M32 30h36l-1 10H33z" fill="#6f3f82"/><circle cx="50" cy="60" r="11" fill="#ffd166"/>',
  ],
  Pantry: [
    "#f3efe7",
    '<path d="M34 34h32v48H34z" fill="#b08968"/><path d="M34 48h32v18H34z" fill="#fff"/><ellipse cx="50" cy="34" rx="16" ry="5" fill="#7f5539"/>',
  ],
  Household: [
    "#eaeefb",
    '<path d="M30 40h30v40H30z" fill="#fff" stroke="#5a6acf" stroke-width="3"/><ellipse cx="60" cy="60" rx="12" ry="20" fill="#aab4ee"/><ellipse cx="60" cy="60" rx="4" ry="7" fill="#5a6acf"/>',
  ],
};

export function picture(aisle: string): SVGSVGElement {
  const [background, shapes] = DRAWINGS[aisle] ?? ["#eee", '<circle cx="50" cy="54" r="24" fill="#999"/>'];
  const source = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 108" preserveAspectRatio="xMidYMid meet" aria-hidden="true"><rect x="-200" width="500" height="108" fill="${background}"/>${shapes}</svg>`;
  return new DOMParser().parseFromString(source, "image/svg+xml").documentElement as unknown as SVGSVGElement;
}
