// Answers with every kind of false Response: subclasses with poisoned getters, proxies, patched prototypes.
import { attack } from './lib/attack.js';

class Poisoned extends Response {
  #reads = 0;
  get status() { return [200, 'x', -1, { valueOf() { throw new Error('no'); } }][this.#reads++ % 4]; }
  get headers() { return [['x-evil', 'a\r\nx-injected: 1']]; }
  get body() { throw new Error('no body for you'); }
  get type() { return 'basic'; }
  get bodyUsed() { return true; }
}
const kinds = [
  () => new Poisoned('poisoned'),
  () => new Proxy(new Response('proxied'), {}),
  () => Object.create(Response.prototype),
  () => Object.setPrototypeOf(new Response('orphan'), null),
  () => Object.assign(new Response('assigned'), { status: 999, headers: null }),
  () => structuredClone({ status: 200, body: 'cloned' }),
  () => Object.freeze(new Response('frozen')),
  () => Response,
  () => new (class Response { status = 200; })(),
];
let turn = 0;

export default attack(() => kinds[turn++ % kinds.length]());
