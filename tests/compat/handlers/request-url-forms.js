// What may stand in the place of a URL.
import { probe } from './lib/probe.js';
export default {
  fetch: (request) => probe({
    string: () => new Request('https://a.example/x').url,
    url: () => new Request(new URL('https://a.example/x')).url,
    object: () => new Request({ toString: () => 'https://a.example/y' }).url,
    hash: () => new Request('https://a.example/#hash').url,
    port: () => new Request('https://a.example:443/').url,
    unicode: () => new Request('https://a.example/ü?ö').url,
    request: () => new Request(new Request('https://a.example/z')).url,
    null: () => new Request(null),
  }),
};
