/** Orders names by code point, as the log does; JavaScript's `<` orders by UTF-16 unit. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const unitA = a.charCodeAt(index);
    const unitB = b.charCodeAt(index);
    if (unitA !== unitB) {
      return rankOf(unitA) - rankOf(unitB);
    }
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all that take one unit. */
function rankOf(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}
