// What requests may use of what is counted here: console text and outbound requests. Outside of requests each second
// has the same allowance.
//
// Knows neither ports nor requests: `log` is given.

import { NativeError, now } from './intrinsics.js';

/** What a console line costs besides its text, in bytes. */
export const LINE_COST = 16;
/** Calls to bindings of a request; the gateway counts along (`BINDING_CALLS` in protocol/src/limits.rs). */
const BINDING_CALLS = 1000;
/** How long what happens outside of requests shares an allowance, in ms. */
const OUTSIDE = 1000;

/** What a request, or a second outside of requests, may still use. Fields, not assignments: no setter sees them. */
class Allowance {
  logBytes = Infinity;
  subrequests = Infinity;
  bindingCalls = BINDING_CALLS;
  /** Whether it was said that console output is dropped. */
  isSilent = false;
  since = 0;
}

/**
 * @param {(id: number, level: string, text: string) => number} log gives the bytes that the line takes
 */
export function createAllowances(log) {
  let most = { __proto__: null, subrequests: Infinity, logBytes: Infinity };
  let outside = null;

  const create = () => {
    const allowance = new Allowance();
    allowance.logBytes = most.logBytes;
    allowance.subrequests = most.subrequests;
    return allowance;
  };

  return {
    /** Limits per request, from now on. */
    limit(subrequests, logBytes) {
      most = { __proto__: null, subrequests, logBytes };
      outside = null;
    },

    /** For a new request. */
    create,

    /** For what happens outside of requests now. */
    outside() {
      const at = now();
      if (outside === null || at - outside.since >= OUTSIDE) {
        outside = create();
        outside.since = at;
      }
      return outside;
    },

    /** Logs a line for request `id`, as far as its allowance goes; then says once that there is no more. */
    write(allowance, id, level, text) {
      if (allowance.isSilent) return;
      const bytes = text.length + LINE_COST > allowance.logBytes ? Infinity : log(id, level, text);
      allowance.logBytes -= bytes;
      if (allowance.logBytes >= 0) return;
      allowance.isSilent = true;
      log(id, 'warn', `console output beyond the limit of ${most.logBytes} bytes a request is dropped`);
    },

    /** Counts an outbound request. Throws when it is one too many. */
    subrequest(allowance) {
      if (!(allowance.subrequests > 0)) throw new NativeError('Too many subrequests.');
      allowance.subrequests--;
    },

    /** Counts a call to a binding. Throws when it is one too many. */
    bindingCall(allowance) {
      if (!(allowance.bindingCalls > 0)) throw new NativeError('Too many API requests by single worker invocation.');
      allowance.bindingCalls--;
    },
  };
}
