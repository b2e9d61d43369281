// Takes memory as pictures: canvases, bitmaps, image data, frames.
import { attack, pause } from './lib/attack.js';

export default attack(async () => {
  const kept = [];
  for (;;) {
    const canvas = new OffscreenCanvas(2048, 2048);
    const context = canvas.getContext('2d');
    context.fillRect(0, 0, 2048, 2048);
    kept.push(canvas, canvas.transferToImageBitmap(), context.getImageData(0, 0, 1024, 1024));
    kept.push(new ImageData(1024, 1024));
    await pause(1);
  }
});
