// File.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    basics: () => { const f = new File(['ab'], 'n.txt', { type: 'a/b', lastModified: 5 }); return [f.name, f.type, f.size, f.lastModified]; },
    text: () => new File(['ab'], 'n').text(),
    isBlob: () => new File([], 'n') instanceof Blob,
    noName: () => new File([]),
    slice: () => new File(['abc'], 'n').slice(1) instanceof File,
    tag: () => Object.prototype.toString.call(new File([], 'n')),
    lastModifiedDefault: () => typeof new File([], 'n').lastModified,
  }),
};
