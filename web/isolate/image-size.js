// How large the pictures are that browsers decode, read off their first bytes.
//
// A picture of a few kilobytes may unfold to gigabytes of pixels, outside of everything that is counted, before anybody
// learns its size. Pure; knows only headers. Where a size is claimed twice the larger counts.

import { lengthOf } from './intrinsics.js';

const big = (bytes, at, size) => {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + bytes[at + i];
  return value;
};
const little = (bytes, at, size) => {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + bytes[at + i];
  return value;
};
const tag = (bytes, at) => big(bytes, at, 4);

const TAG = { GIF8: 0x47494638, RIFF: 0x52494646, WEBP: 0x57454250, VP8: 0x56503820, VP8L: 0x5650384c, VP8X: 0x56503858,
  FTYP: 0x66747970, ISPE: 0x69737065, PNG: 0x89504e47 };

/** Height in BMP files is negative where rows go down. */
const distance = (value) => (value > 0x7fff_ffff ? 0x1_0000_0000 - value : value);

function jpeg(bytes, length) {
  for (let at = 2; at + 9 < length;) {
    if (bytes[at] !== 0xff) return 0;
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++;
    } else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      return big(bytes, at + 5, 2) * big(bytes, at + 7, 2);
    } else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2;
    } else {
      at += 2 + big(bytes, at + 2, 2);
    }
  }
  return -1;
}

function webp(bytes) {
  switch (tag(bytes, 12)) {
    case TAG.VP8X: return (little(bytes, 24, 3) + 1) * (little(bytes, 27, 3) + 1);
    case TAG.VP8L: return ((little(bytes, 21, 2) & 0x3fff) + 1) * (((little(bytes, 22, 3) >> 6) & 0x3fff) + 1);
    case TAG.VP8: return (little(bytes, 26, 2) & 0x3fff) * (little(bytes, 28, 2) & 0x3fff);
    default: return 0;
  }
}

/** AVIF says it once for each picture in the file. */
function avif(bytes, length) {
  let largest = -1;
  for (let at = 4; at + 16 <= length; at++) {
    if (bytes[at] !== 0x69 || tag(bytes, at) !== TAG.ISPE) continue;
    const pixels = big(bytes, at + 8, 4) * big(bytes, at + 12, 4);
    if (pixels > largest) largest = pixels;
  }
  return largest;
}

/** Of an icon file the largest entry; a picture inside that is larger than its entry is refused by the browser. */
function icon(bytes, length) {
  const count = little(bytes, 4, 2);
  let largest = 0;
  for (let i = 0, at = 6; i < count && at + 16 <= length; i++, at += 16) {
    const pixels = (bytes[at] || 256) * (bytes[at + 1] || 256);
    if (pixels > largest) largest = pixels;
  }
  return largest;
}

/**
 * Pixels of the picture that begins with `bytes`.
 *
 * @param {Uint8Array} bytes
 * @returns {number} 0 where this is no picture of a kind known here, -1 where its size comes later in the file
 */
export function pixelsOf(bytes) {
  const length = lengthOf(bytes);
  if (length < 32) return 0;
  if (tag(bytes, 0) === TAG.PNG) return big(bytes, 16, 4) * big(bytes, 20, 4);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpeg(bytes, length);
  if (tag(bytes, 0) === TAG.GIF8) return little(bytes, 6, 2) * little(bytes, 8, 2);
  if (tag(bytes, 0) === TAG.RIFF && tag(bytes, 8) === TAG.WEBP) return webp(bytes);
  if (bytes[0] === 0x42 && bytes[1] === 0x4d) return little(bytes, 18, 4) * distance(little(bytes, 22, 4));
  if (tag(bytes, 4) === TAG.FTYP) return avif(bytes, length);
  if (tag(bytes, 0) === 0x0000_0100 || tag(bytes, 0) === 0x0000_0200) return icon(bytes, length);
  return 0;
}
