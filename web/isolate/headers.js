// What Workers' Headers have on top of the browser's: `getAll`, and headers that cannot be changed.
//
// Our own code changes headers by captured methods, which nothing stops.

import {
  NativeTypeError, apply, define, getSetCookie, guardMethod, ownWeakMap, upperCase,
} from './intrinsics.js';

const frozen = ownWeakMap();

/** From now on handlers cannot change these headers. Gives them back. */
export const freezeHeaders = (headers) => {
  frozen.set(headers, true);
  return headers;
};

/** Puts the methods in place. */
export function guardHeaders() {
  const { prototype } = Headers;
  for (const name of ['append', 'delete', 'set']) {
    guardMethod(prototype, name, (native, self, args) => {
      if (frozen.has(self)) throw new NativeTypeError("Can't modify immutable headers.");
      return apply(native, self, args);
    });
  }
  define(prototype, 'getAll', { getAll(name) {
    if (upperCase(`${name}`) !== 'SET-COOKIE') {
      throw new NativeTypeError('getAll() can only be used with the header name "Set-Cookie".');
    }
    return getSetCookie(this);
  } }.getAll);
}
