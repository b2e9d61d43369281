// Replaces call, apply, bind and toString of functions, Reflect and Object's helpers, and instanceof.
import { expectLoot, probes } from './lib/attack.js';

const loot = [];
const { Reflect: reflect, Function: Native, MessagePort: Port } = globalThis;
const apply = reflect.apply;
const own = reflect.getOwnPropertyDescriptor;
const define = reflect.defineProperty;
function wrap(object, key, what) {
  const descriptor = own(object, key);
  if (typeof descriptor?.value !== 'function' || !descriptor.configurable) return;
  const inner = descriptor.value;
  descriptor.value = function evil(...values) {
    const isPort = this instanceof Port || values[0] instanceof Port || values[1] instanceof Port;
    if (isPort) loot[loot.length] = `a port in ${what}.${String(key)}`;
    const isInner = typeof this === 'function' && /native|postMessage|flush|send/.test(this.name);
    if (isInner) loot[loot.length] = `${this.name} in ${what}.${String(key)}`;
    return apply(inner, this, values);
  };
  define(object, key, descriptor);
}
for (const key of ['call', 'apply', 'bind', 'toString']) wrap(Native.prototype, key, 'Function');
const REFLECT = ['apply', 'construct', 'get', 'set', 'deleteProperty', 'getPrototypeOf', 'ownKeys'];
const OBJECT = ['assign', 'keys', 'entries', 'getPrototypeOf', 'setPrototypeOf', 'defineProperty', 'freeze'];
for (const key of REFLECT) wrap(Reflect, key, 'Reflect');
for (const key of OBJECT) wrap(Object, key, 'Object');
define(Native.prototype, Symbol.hasInstance, { value: Native.prototype[Symbol.hasInstance] });

export default probes(() => ({ caught: () => expectLoot(loot) }));
