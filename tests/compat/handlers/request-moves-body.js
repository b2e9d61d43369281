// A request made from another takes its body.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    moved: async () => {
      const a = new Request('https://a.example', { method: 'POST', body: 'x' });
      const b = new Request(a);
      return [a.bodyUsed, await b.text()];
    },
    movedTwice: async () => {
      const a = new Request('https://a.example', { method: 'POST', body: 'x' });
      new Request(a);
      return new Request(a).method;
    },
    replaced: async () => {
      const a = new Request('https://a.example', { method: 'POST', body: 'x' });
      const b = new Request(a, { body: 'y' });
      return [a.bodyUsed, await b.text()];
    },
    usedUp: async () => {
      const a = new Request('https://a.example', { method: 'POST', body: 'x' });
      await a.text();
      return new Request(a).method;
    },
    newUrl: async () => {
      const a = new Request('https://a.example', { method: 'POST', body: 'x', headers: { k: 'v' } });
      const b = new Request('https://b.example', a);
      return [b.url, b.method, b.headers, await b.text(), a.bodyUsed];
    },
  }),
};
