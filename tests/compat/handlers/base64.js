// atob and btoa.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    btoa: () => btoa('hello'),
    btoaLatin: () => btoa('\xff'),
    btoaUnicode: () => btoa('é😀'),
    btoaEmpty: () => btoa(''),
    btoaNumber: () => btoa(12),
    btoaNothing: () => btoa(),
    atob: () => atob('aGVsbG8='),
    atobNoPadding: () => atob('aGVsbG8'),
    atobSpaces: () => atob(' aGVs bG8= \n'),
    atobBad: () => atob('a'),
    atobUrl: () => atob('-_'),
    atobBadPadding: () => atob('aGVsbG8=='),
    uint8: () => [typeof new Uint8Array([1]).toBase64, typeof Uint8Array.fromBase64],
  }),
};
