// Catches the runtime's MessagePort: patches everything that a port, its events and their listeners have.
import { expectLoot, pause, probes } from './lib/attack.js';

const loot = [];
const mine = new WeakSet();
const { MessagePort: Port, Reflect: reflect } = globalThis;
const inspect = (what, value) => {
  if (value instanceof Port && !mine.has(value)) loot[loot.length] = `${what}: a port`;
};

function tap(prototype, what) {
  for (const key of reflect.ownKeys(prototype)) {
    const own = reflect.getOwnPropertyDescriptor(prototype, key);
    if (!own.configurable || key === 'constructor') continue;
    const wrap = (inner) => inner && function evil(...values) {
      inspect(`${what}.${String(key)}`, this);
      for (let i = 0; i < values.length; i++) inspect(`${what}.${String(key)} argument`, values[i]);
      const result = reflect.apply(inner, this, values);
      inspect(`${what}.${String(key)} result`, result);
      return result;
    };
    if (typeof own.value === 'function') reflect.defineProperty(prototype, key, { ...own, value: wrap(own.value) });
    else if (own.get) reflect.defineProperty(prototype, key, { ...own, get: wrap(own.get), set: wrap(own.set) });
  }
}
tap(Port.prototype, 'MessagePort');
tap(MessageEvent.prototype, 'MessageEvent');
tap(Event.prototype, 'Event');
tap(EventTarget.prototype, 'EventTarget');
globalThis.addEventListener('message', (event) => { loot[loot.length] = `a message to the Worker: ${event.data}`; });
globalThis.onmessage = () => { loot[loot.length] = 'onmessage'; };

export default probes(() => ({
  port: async () => {
    await pause(5);
    return expectLoot(loot);
  },
}));
