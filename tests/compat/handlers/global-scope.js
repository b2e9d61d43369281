// The global object itself.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    self: () => self === globalThis,
    tag: () => Object.prototype.toString.call(globalThis),
    constructor: () => globalThis.constructor.name,
    thisInFunction: () => (function () { return this === undefined; })(),
    eval: () => eval('1'),
    functionConstructor: () => new Function('return 1')(),
    asyncFunction: () => Object.getPrototypeOf(async () => {}).constructor('return 1'),
    settingGlobals: () => { globalThis.something = 1; return something; },
    reportError: () => reportError(new Error('on purpose')),
    strict: () => { undeclared = 1; },
    frozen: () => { Array.prototype.extra = 1; const has = [].extra; delete Array.prototype.extra; return has; },
  }),
};
