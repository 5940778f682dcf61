/**
 * The number after the last that was given, from 1 on: one is given again only after all others were.
 *
 * @param taken those in use, fewer than `largest`
 */
export function following(last: number, largest: number, taken: { has(number: number): boolean }): number {
  let number = last;
  do number = number < largest ? number + 1 : 1;
  while (taken.has(number));
  return number;
}
