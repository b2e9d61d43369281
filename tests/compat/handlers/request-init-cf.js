// Request takes cf and gives it back.
import { probe } from './lib/probe.js';
export default {
  fetch: (request) => probe({
    given: () => new Request('https://a.example', { cf: { cacheTtl: 5 } }).cf,
    none: () => new Request('https://a.example').cf,
    copied: () => new Request(new Request('https://a.example', { cf: { cacheTtl: 5 } })).cf,
    cloned: () => new Request('https://a.example', { cf: { cacheTtl: 5 } }).clone().cf,
    replaced: () => new Request(new Request('https://a.example', { cf: { a: 1 } }), { cf: { b: 2 } }).cf,
    isObject: () => typeof request.cf,
    hasProperty: () => 'cf' in request,
  }),
};
