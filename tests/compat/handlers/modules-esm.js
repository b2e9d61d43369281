// Modules: namespaces, meta, dynamic import.
import { probe } from './lib/probe.js';
import * as probeModule from './lib/probe.js';
export default {
  fetch: () => probe({
    names: () => Object.keys(probeModule).sort(),
    frozen: () => Object.isFrozen(probeModule) || Object.isSealed(probeModule),
    tag: () => Object.prototype.toString.call(probeModule),
    thisAtTop: () => (() => this === undefined)(),
    meta: () => typeof import.meta,
  }),
};
