// Loads a font by URL, which is a request of the style machinery and not of fetch.
import { probes } from './lib/attack.js';

export default probes(({ trap }) => ({
  face: () => new FontFace('evil', `url(${trap}a.woff2)`).load(),
  imported: async () => {
    const face = new FontFace('evil', `url("${trap}b.woff2") format("woff2")`, { display: 'block' });
    fonts.add(face);
    await fonts.load('12px evil');
    if (face.status !== 'loaded') throw new Error(face.status);
  },
  drawn: async () => {
    const face = new FontFace('drawn', `url(${trap}c.woff2)`);
    fonts.add(face);
    const context = new OffscreenCanvas(8, 8).getContext('2d');
    context.font = '8px drawn';
    context.fillText('x', 0, 8);
    await face.loaded;
  },
}));
