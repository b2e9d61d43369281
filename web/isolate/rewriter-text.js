// Text on its way to HTMLRewriter's parser, and the errors that the parser has for it.

import { NativeTypeError, bytesOf, charCode, encode, lengthOf, substring, uncurry } from './intrinsics.js';

const { fromCharCode } = String;
const isWellFormed = uncurry(String.prototype.isWellFormed);

/** What the parser says of a document, a selector or a name, as Workers say it. */
export const parserError = (text) => new NativeTypeError(`Parser error: ${text}`);

const isHigh = (code) => code >= 0xd800 && code <= 0xdbff;
const isLow = (code) => code >= 0xdc00 && code <= 0xdfff;

/** UTF-8 bytes of a text that can be written so. */
export function encodeExactly(text) {
  if (isWellFormed(text)) return encode(text);
  let at = 0;
  for (;; at++) {
    const code = charCode(text, at);
    if (isLow(code) || (isHigh(code) && !isLow(charCode(text, at + 1)))) break;
    if (isHigh(code)) at++;
  }
  throw parserError(`invalid utf-8 sequence of 1 bytes from index ${lengthOf(encode(substring(text, 0, at)))}`);
}

/** Characters up to which a text is written and read here. */
export const SHORT = 48;

/** Writes a text at a place in memory; false if not all of it is ASCII. */
export function putAscii(memory, start, text) {
  for (let i = 0; i < text.length; i++) {
    const code = charCode(text, i);
    if (code >= 128) return false;
    memory[start + i] = code;
  }
  return true;
}

/** The text at a place in memory; null if not all of it is ASCII. */
export function readAscii(memory, start, length) {
  let text = '';
  for (let i = 0; i < length; i++) {
    const code = memory[start + i];
    if (code >= 128) return null;
    text += fromCharCode(code);
  }
  return text;
}

/** A chunk of a stream that gives bytes or text. */
export const bytesOfChunk = (value) => {
  const bytes = typeof value === 'string' ? encode(value) : bytesOf(value);
  if (bytes === null) throw new NativeTypeError('This ReadableStream did not return bytes.');
  return bytes;
};
