// Doubles a string until the engine refuses, and keeps every one of them flat.
import { attack } from './lib/attack.js';

export default attack(() => {
  const kept = [];
  for (;;) {
    let text = `${kept.length}x`;
    try {
      for (;;) {
        text += text;
        if (text.length > 1 << 27) throw new RangeError('enough of this one');
        Number(text.at(-1)) ;
      }
    } catch { /* the longest there is */ }
    kept.push(text, new Map([[text, text]]));
  }
});
