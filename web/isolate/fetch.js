// `fetch` and its like: what handlers call, made into calls of the gateway for the request at work.

import { Request, signalOfRequest } from './http.js';
import { headersSet, reject } from './intrinsics.js';

/** What a call is named that follows redirects, or does not; as protocol/src/calls.rs has them. */
const BY_REDIRECT = { __proto__: null, follow: ':fetch', manual: ':fetch-manual', error: ':fetch-error' };

/** Tells the gateway how long a later fetch may have the same answer, in a field of its own: gateway/src/host/kept.rs. */
const KEEP = 'x-tabmesh-keep';

/** What `cf` asks for: seconds, 'everything', or null. The rest of it makes no difference here. */
const keepFor = (cf) => {
  if (cf === null || typeof cf !== 'object') return null;
  const { cacheTtl, cacheEverything } = cf;
  if (typeof cacheTtl === 'number') return cacheTtl >= 1 ? `${cacheTtl | 0}` : null;
  return cacheEverything === true ? 'everything' : null;
};

/**
 * @param {{call: Function}} outbound
 * @param {{current: () => number, subrequest: () => void, bindingCall: () => void}} calls
 */
export function createFetchers(outbound, calls) {
  return {
    /** The global function. */
    fetch(input, init) {
      try {
        const request = new Request(input, init);
        calls.subrequest();
        const keep = keepFor(request.cf);
        if (keep !== null) headersSet(request.headers, KEEP, keep);
        const binding = BY_REDIRECT[request.redirect] ?? BY_REDIRECT.follow;
        return outbound.call(calls.current(), binding, request, signalOfRequest(request));
      } catch (error) {
        return reject(error);
      }
    },

    /** The way to one binding. */
    caller: (binding) => (method, url, headers, body) => {
      try {
        const request = new Request(url, { __proto__: null, method, headers, body });
        calls.bindingCall();
        return outbound.call(calls.current(), binding, request, null);
      } catch (error) {
        return reject(error);
      }
    },

    /** A request, passed on as it is to one binding. */
    fetcher: (binding) => (input, init) => {
      try {
        const request = new Request(input, init);
        calls.bindingCall();
        return outbound.call(calls.current(), binding, request, signalOfRequest(request));
      } catch (error) {
        return reject(error);
      }
    },
  };
}
