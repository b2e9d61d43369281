// Replaces every clock by one that stands still, and spins.
import { attack } from './lib/attack.js';

const still = { __proto__: null, value: () => 0, configurable: true, writable: true };
for (const place of [Reflect.getPrototypeOf(performance), performance, Date, globalThis.Temporal?.Now ?? {}]) {
  for (const name of ['now', 'instant']) if (name in place) Reflect.defineProperty(place, name, still);
}
Reflect.defineProperty(Event.prototype, 'timeStamp', { get: () => 0 });

export default attack(async () => {
  for (;;) {
    for (let i = 0; i < 30_000_000; i++);
    await new Promise((done) => { setTimeout(done); });
  }
});
