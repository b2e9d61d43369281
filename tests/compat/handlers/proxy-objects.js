// Objects of the platform behind proxies and prototypes.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    proxyResponse: () => new Proxy(new Response('x'), {}).status,
    borrowed: () => Object.getOwnPropertyDescriptor(Response.prototype, 'status').get.call({}),
    createdFromPrototype: () => Object.create(Response.prototype).status,
    headersBorrowed: () => Headers.prototype.get.call(new Map(), 'a'),
    requestBorrowed: () => Request.prototype.clone.call({}),
  }),
};
