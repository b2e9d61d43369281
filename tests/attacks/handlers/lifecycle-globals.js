// Leaves marks for other handlers and tenants wherever it can, and looks for theirs.
import { attack, reply } from './lib/attack.js';

export default attack((request) => {
  const mark = new URL(request.url).searchParams.get('mark');
  const places = [globalThis, Object.prototype, Symbol, performance, console, WebAssembly, Response, crypto];
  const found = [];
  for (const place of places) {
    for (const key of Reflect.ownKeys(place)) if (String(key).startsWith('evilMark')) found.push(String(key));
    Reflect.defineProperty(place, `evilMark-${mark}`, { value: mark, configurable: true });
  }
  for (const entry of performance.getEntriesByType('mark')) found.push(entry.name);
  performance.mark(`evilMark-${mark}`);
  for (let i = 0; i < 10; i++) if (Symbol.keyFor(Symbol.for(`evilMark-${i}`)) === undefined) found.push('symbol');
  return reply(found.filter((name) => name !== `evilMark-${mark}`));
});
