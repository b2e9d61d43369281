// FormData itself, and as a body.
import { probe } from './lib/probe.js';
const list = (form) => [...form].map(([k, v]) => [k, typeof v === 'string' ? v : [v.constructor.name, v.name, v.type, v.size]]);
const filled = () => { const f = new FormData(); f.append('a', '1'); f.append('a', '2'); f.append('b', new Blob(['x'], { type: 'a/b' })); return f; };
export default {
  fetch: () => probe({
    list: () => list(filled()),
    get: () => filled().get('a'),
    getMissing: () => filled().get('x'),
    getAll: () => filled().getAll('a'),
    has: () => [filled().has('a'), filled().has('x')],
    set: () => { const f = filled(); f.set('a', '3'); return list(f); },
    delete: () => { const f = filled(); f.delete('a'); return list(f); },
    fileName: () => { const f = new FormData(); f.append('b', new Blob(['x']), 'name.txt'); return list(f); },
    file: () => { const f = new FormData(); f.append('b', new File(['x'], 'n.txt', { type: 'a/b' })); return list(f); },
    nameOnText: () => { const f = new FormData(); f.append('b', 'x', 'n'); return list(f); },
    number: () => { const f = new FormData(); f.append('b', 12); return list(f); },
    keys: () => [...filled().keys()],
    roundTrip: async () => list(await new Response(filled()).formData()),
    params: async () => list(await new Response(new URLSearchParams('a=b&c=d')).formData()),
    wire: async () => {
      const response = new Response(filled());
      const boundary = response.headers.get('content-type').split('boundary=')[1].replaceAll('"', '');
      return (await response.text()).replaceAll(boundary, 'B');
    },
    tag: () => Object.prototype.toString.call(new FormData()),
    constructorArg: () => new FormData({}),
  }),
};
