// DOMException.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    basics: () => { const e = new DOMException('m', 'AbortError'); return [e.name, e.message, e.code, e instanceof Error, typeof e.stack]; },
    defaults: () => { const e = new DOMException(); return [e.name, e.message, e.code]; },
    constants: () => [DOMException.ABORT_ERR, DOMException.DATA_CLONE_ERR],
    string: () => `${new DOMException('m', 'AbortError')}`,
    tag: () => Object.prototype.toString.call(new DOMException('m')),
    cause: () => new DOMException('m', { name: 'X', cause: 'c' }).name,
  }),
};
