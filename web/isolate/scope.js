// Objects of the global scope that tell about the machine, as Workers have them: they say the same on every machine.

import { NativeTypeError, define, defineGlobal, now } from './intrinsics.js';

/** Who may make them: nobody but us. */
const MAKE = Symbol('make');
const assertOurs = (key) => {
  if (key !== MAKE) throw new NativeTypeError('Illegal constructor');
};

/**
 * `userAgent` is the one that code written for Workers looks for: Hono's runtime key, SDKs and database drivers choose
 * their Workers paths by it, and Tabmesh runs that code unmodified. Storage, locks and devices are absent, and so is
 * everything that tells the contributor's machines apart.
 */
function replaceNavigator() {
  class Navigator {
    constructor(key) { assertOurs(key); }
    get userAgent() { return 'Cloudflare-Workers'; }
    get language() { return 'en'; }
    get languages() { return ['en']; }
    get hardwareConcurrency() { return 1; }
    get [Symbol.toStringTag]() { return 'Navigator'; }
  }
  defineGlobal('navigator', new Navigator(MAKE));
  defineGlobal('Navigator', Navigator);
}

/** The browser's own keeps entries (with our URLs in them) and grows with every mark, outside of the heap. */
function replacePerformance() {
  const { timeOrigin } = performance;
  const nothing = () => undefined;
  const none = () => [];
  class Performance extends EventTarget {
    constructor(key) {
      assertOurs(key);
      super();
    }
    get timeOrigin() { return timeOrigin; }
    now() { return now(); }
    toJSON() { return { timeOrigin }; }
    get [Symbol.toStringTag]() { return 'Performance'; }
  }
  for (const name of ['mark', 'measure', 'clearMarks', 'clearMeasures', 'clearResourceTimings']) {
    define(Performance.prototype, name, nothing);
  }
  for (const name of ['getEntries', 'getEntriesByName', 'getEntriesByType']) define(Performance.prototype, name, none);
  defineGlobal('performance', new Performance(MAKE));
  defineGlobal('Performance', Performance);
}

/** Puts them in place. Before the sweep of lockdown.js, which takes the browser's classes away. */
export function replaceScope() {
  replaceNavigator();
  replacePerformance();
}
