// Loads images and styles by URL: bitmaps, decoders, canvas filters, style sheets, SVG.
import { probes } from './lib/attack.js';

const svg = (inner) => new Blob([
  '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="8" height="8">',
  inner, '</svg>',
], { type: 'image/svg+xml' });
const context = () => {
  const made = new OffscreenCanvas(8, 8).getContext('2d');
  if (made === null) throw new Error('no canvas');
  return made;
};

export default probes(({ trap }) => ({
  element: () => new Image().decode.call(Object.assign(new Image(), { src: trap })),
  svgImage: () => createImageBitmap(svg(`<image xlink:href="${trap}a.png" width="8" height="8"/>`)),
  svgStyle: () => createImageBitmap(svg(`<style>@import url(${trap}b.css);</style>`)),
  filter: () => {
    const canvas = context();
    canvas.filter = `url(${trap}c.svg#f)`;
    canvas.fillRect(0, 0, 8, 8);
    throw new Error('drawn; the trap knows');
  },
  decoder: () => new ImageDecoder({ type: 'image/png', data: trap }).decode(),
  styleSheet: () => new CSSStyleSheet().replace(`@import url(${trap}d.css); a { background: url(${trap}e.png) }`),
  video: () => new VideoDecoder({ output() {}, error() {} }).configure({ codec: 'vp8', description: trap }),
  pattern: () => context().createPattern(trap, 'repeat'),
}));
