// `fetch` and its like: what handlers call, made into calls of the gateway for the request at work.

import { Request, signalOfRequest } from './http.js';
import { reject } from './intrinsics.js';

/** What a call is named that follows redirects, or does not; as protocol/src/calls.rs has them. */
const BY_REDIRECT = { __proto__: null, follow: ':fetch', manual: ':fetch-manual', error: ':fetch-error' };

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
