// Puts setters and getters on Object.prototype, to see and bend every object that others make.
import { attack, pause, reply } from './lib/attack.js';

const loot = [];
const { MessagePort: Port, Array: List, Reflect: reflect } = globalThis;
const NAMES = [
  '0', '1', '2', '3', '4', '5', 'length', 'transfer', 'done', 'op', 'isolate', 'stream', 'status', 'headers', 'body',
  'signal', 'capture', 'once', 'type', 'highWaterMark', 'cause', 'then', 'id', 'request', 'inbound', 'credit', 'wake',
];

// A message of the wire is an array that begins with a small number, then a request's id.
const isMessage = (value) => List.isArray(value) && typeof value[0] === 'number' && typeof value[1] === 'number';
const accessor = (name) => ({
  __proto__: null,
  configurable: true,
  get: () => undefined,
  set(value) {
    if (value instanceof Port || this instanceof Port) loot.push(`a port by ${name}`);
    else if (isMessage(value) || isMessage(this)) loot.push(`a message by ${name}`);
    const own = { __proto__: null, value, writable: true, configurable: true, enumerable: true };
    reflect.defineProperty(this, name, own);
  },
});
for (const name of NAMES) reflect.defineProperty(Object.prototype, name, accessor(name));
const restore = () => { for (const name of NAMES) delete Object.prototype[name]; };

export default attack(async () => {
  for (const name of NAMES) reflect.defineProperty(Object.prototype, name, accessor(name));
  await pause(1);
  // Long enough that the answer is on its way, and its own sane path survives.
  queueMicrotask(() => queueMicrotask(restore));
  return reply({ caught: loot.length === 0 ? 'refused: nothing was caught' : `REACHED: ${loot}` });
});
