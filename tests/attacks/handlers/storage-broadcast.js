// Talks to other tenants, other handlers and the page over a BroadcastChannel.
import { probes } from './lib/attack.js';

export default probes(() => ({
  make: () => new BroadcastChannel('tabmesh').postMessage('evil'),
  ofPrototype: () => BroadcastChannel.prototype.postMessage,
  fromEvent: () => new (new MessageEvent('x', {}).constructor)('x').source.postMessage('evil'),
}));
