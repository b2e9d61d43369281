// Doubles a string until the engine refuses, and keeps every one of them flat.
import { attack } from './lib/attack.js';

export default attack(() => {
  const kept = [];
  for (;;) {
    let text = `${kept.length}x`;
    // Looking into it makes it flat; as a key of a Map it is hashed whole.
    while (text.length < 1 << 27) text = text.concat(text, text.at(-1));
    kept.push(text, new Map([[text, text]]));
  }
});
