// Bodies that cannot be read in the form that is asked for.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    json: () => new Response('{').json(),
    jsonEmpty: () => new Response('').json(),
    jsonNone: () => new Response().json(),
    jsonBom: () => new Response('\uFEFF{"a":1}').json(),
    textBom: () => new Response('\uFEFFx').text(),
    textInvalid: () => new Response(new Uint8Array([0x61, 0xff, 0x62])).text(),
    formNoType: () => new Response('a=b').formData(),
    formWrongType: () => new Response('a=b', { headers: { 'content-type': 'text/plain' } }).formData(),
    formNoBoundary: () => new Response('x', { headers: { 'content-type': 'multipart/form-data' } }).formData(),
    formBroken: () => new Response('x', { headers: { 'content-type': 'multipart/form-data; boundary=b' } }).formData(),
    streamOfStrings: () => new Response(new ReadableStream({ start(c) { c.enqueue('a'); c.close(); } })).text(),
    streamOfNumbers: () => new Response(new ReadableStream({ start(c) { c.enqueue(1); c.close(); } })).text(),
    streamFails: () => new Response(new ReadableStream({ start(c) { c.error(new RangeError('x')); } })).text(),
    symbol: () => new Response(Symbol('x')),
  }),
};
