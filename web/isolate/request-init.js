// The options of a Request as Workers take them, each checked. What they refuse is refused here in the same words.

import { NativeTypeError, NativeURL, getter, upperCase } from './intrinsics.js';

const hrefOf = getter(URL.prototype, 'href');
const isAborted = getter(AbortSignal.prototype, 'aborted');

/** The methods that Workers' requests may have. What callers send may be any other. */
const METHODS = { __proto__: null };
for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'PURGE', 'OPTIONS', 'TRACE', 'COPY', 'LOCK', 'MKCOL',
  'MOVE', 'PROPFIND', 'PROPPATCH', 'SEARCH', 'UNLOCK', 'ACL', 'REPORT', 'MKACTIVITY', 'CHECKOUT', 'MERGE', 'MSEARCH',
  'NOTIFY', 'SUBSCRIBE', 'UNSUBSCRIBE', 'QUERY', 'BAN']) METHODS[method] = true;

/** @throws {TypeError} for a method that they may not have */
export function methodOf(value) {
  const method = upperCase(`${value}`);
  if (METHODS[method] !== true) throw new NativeTypeError(`Invalid HTTP method string: ${value}`);
  return method;
}

export function redirectOf(value) {
  const mode = `${value}`;
  if (mode === 'follow' || mode === 'manual') return mode;
  throw new NativeTypeError('Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be implemented '
    + 'since it does not make sense at the edge; use "manual" and check the response status code).');
}

export function cacheOf(value) {
  const mode = `${value}`;
  if (mode === 'no-store' || mode === 'no-cache') return mode;
  throw new NativeTypeError(`Unsupported cache mode: ${mode}`);
}

export function signalFrom(value) {
  try {
    isAborted(value);
    return value;
  } catch {
    throw new NativeTypeError("Incorrect type for the 'signal' field on 'RequestInit': it is no AbortSignal.");
  }
}

/** A URL in full. @throws {TypeError} for what is none */
export const parseUrl = (text) => {
  try {
    return hrefOf(new NativeURL(text));
  } catch {
    throw new NativeTypeError(`Invalid URL: ${text}`);
  }
};
