// Reaches for the frame and the page: windows, documents, and the Worker's own channel to the frame.
import { probes } from './lib/attack.js';

const own = (object, name) => {
  if (object[name] === undefined) throw new Error('none');
  return object[name];
};

export default probes(() => ({
  window: () => own(globalThis, 'window'),
  parent: () => own(globalThis, 'parent'),
  top: () => own(globalThis, 'top'),
  opener: () => own(globalThis, 'opener'),
  frames: () => own(globalThis, 'frames'),
  document: () => own(globalThis, 'document'),
  location: () => own(globalThis, 'location'),
  name: () => own(globalThis, 'name'),
  client: () => own(globalThis, 'client'),
  post: () => postMessage({ op: 'lost', isolate: 1, reason: 'forged' }),
  postOfPrototype: () => globalThis.constructor.prototype.postMessage.call(globalThis, { op: 'lost', isolate: 1 }),
  postOfPort: () => MessagePort.prototype.postMessage.call(globalThis, { op: 'lost', isolate: 1 }),
  close: () => close(),
  onmessage: () => own(globalThis, 'onmessage'),
  ancestor: () => own(globalThis.constructor, 'ancestorOrigins'),
}));
