/** What JSON can say. Everything stored, and everything that crosses a door, is of this shape. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [member: string]: Json };

/** A JSON object. */
export type JsonObject = { readonly [member: string]: Json };

/** Freezes plain data all the way down, so that it can be handed to anyone, and gives it back. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
