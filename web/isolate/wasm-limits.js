// WebAssembly memories that can be counted and bounded: a module that makes its own is rewritten into one that imports
// them, and who instantiates it hands in memories made by JavaScript.
//
// Pure: bytes in, bytes out. What it cannot read it refuses; a second opinion on malformed modules would be a way
// around the limit. Everything else in a module stays as it is: imported memories come first in the index space, and a
// module that is rewritten has no others left, so no instruction changes. The limits of each are in the name of its
// import.

import { Bytes, bareArray, charCode, copyBytes, lengthOf, setBytes } from './intrinsics.js';

/** Module name of the imports that stand for a module's own memories. */
export const MEMORIES = 'tabmesh:memory';

/** More memories than any real module has. Each takes 10 GB of address space. */
const MAX_MEMORIES = 16;
const SECTION = { CUSTOM: 0, TYPE: 1, IMPORT: 2, MEMORY: 5 };
const LIMITS = { MAXIMUM: 1, SHARED: 2, WIDE: 4 };
const IMPORT_OF_MEMORY = 2;

const fail = (text) => { throw new WebAssembly.CompileError(`WebAssembly module: ${text}`); };

/** Reads numbers from `bytes` between two places, each as it moves on. */
class Reader {
  constructor(bytes, at, end) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  byte() {
    if (this.at >= this.end) fail('unexpected end');
    return this.bytes[this.at++];
  }

  /** An unsigned LEB128. Exact up to 2^53; beyond that it is only known to be large. */
  number(bits) {
    let value = 0;
    let scale = 1;
    for (let shift = 0; shift < bits; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (bits === 32 && value > 0xffff_ffff) break;
        return value;
      }
      scale *= 128;
    }
    return fail('a number that is too long');
  }
}

/** Bytes that grow. */
class Writer {
  constructor() {
    this.bytes = new Bytes(1024);
    this.size = 0;
  }

  room(size) {
    if (this.size + size <= lengthOf(this.bytes)) return;
    const larger = new Bytes((this.size + size) * 2);
    setBytes(larger, this.bytes, 0);
    this.bytes = larger;
  }

  byte(value) {
    this.room(1);
    this.bytes[this.size++] = value;
  }

  number(value) {
    let rest = value;
    for (; rest >= 128; rest = (rest - (rest % 128)) / 128) this.byte((rest % 128) | 0x80);
    this.byte(rest);
  }

  copy(bytes, from, to) {
    this.room(to - from);
    setBytes(this.bytes, copyBytes(bytes, from, to), this.size);
    this.size += to - from;
  }

  text(text) {
    this.number(text.length);
    for (let i = 0; i < text.length; i++) this.byte(charCode(text, i));
  }

  done() { return copyBytes(this.bytes, 0, this.size); }
}

/** Name of the import that stands for a memory: which, 32 or 64 bits, pages at first, pages at most (-1: not said). */
const nameOf = (index, { wide, initial, maximum }) => `${index}:${wide ? 64 : 32}:${initial}:${maximum}`;

/**
 * What {@link importMemories} wrote.
 *
 * @returns {{wide: boolean, initial: number, maximum: number}|null} pages; null for names that it never gives
 */
export function limitsOf(name) {
  const numbers = bareArray();
  let digits = 0;
  let value = 0;
  let sign = 1;
  for (let i = 0; i <= name.length; i++) {
    const code = i < name.length ? charCode(name, i) : 58;
    if (code === 58) {
      if (digits === 0) return null;
      numbers[numbers.length] = value * sign;
      digits = 0;
      value = 0;
      sign = 1;
    } else if (code === 45 && digits === 0) {
      sign = -1;
    } else if (code >= 48 && code <= 57 && digits < 20) {
      value = value * 10 + code - 48;
      digits++;
    } else {
      return null;
    }
  }
  return numbers.length === 4 ? { wide: numbers[1] === 64, initial: numbers[2], maximum: numbers[3] } : null;
}

function readMemories(reader) {
  const memories = bareArray();
  const count = reader.number(32);
  if (count > MAX_MEMORIES) fail(`more than ${MAX_MEMORIES} memories`);
  for (let i = 0; i < count; i++) {
    const flags = reader.byte();
    if ((flags & LIMITS.SHARED) !== 0) fail('shared memory is not available');
    if (flags > (LIMITS.MAXIMUM | LIMITS.WIDE)) fail('a kind of memory that is not available');
    const wide = (flags & LIMITS.WIDE) !== 0;
    const initial = reader.number(wide ? 64 : 32);
    const maximum = (flags & LIMITS.MAXIMUM) !== 0 ? reader.number(wide ? 64 : 32) : -1;
    // As many pages as an address can name; what is above is invalid in any module.
    if (initial > 2 ** 48 || maximum > 2 ** 48) fail('a memory that is too large');
    memories[i] = { wide, initial, maximum };
  }
  if (reader.at !== reader.end) fail('a memory section of the wrong size');
  return memories;
}

function writeImport(writer, memory, index) {
  writer.text(MEMORIES);
  writer.text(nameOf(index, memory));
  writer.byte(IMPORT_OF_MEMORY);
  writer.byte((memory.maximum >= 0 ? LIMITS.MAXIMUM : 0) | (memory.wide ? LIMITS.WIDE : 0));
  writer.number(memory.initial);
  if (memory.maximum >= 0) writer.number(memory.maximum);
}

/** The import section: `old` entries of `bytes` (a reader behind their count), then those of `memories`. */
function writeImports(writer, bytes, old, rest, memories) {
  const section = new Writer();
  section.number(old + memories.length);
  if (rest !== null) section.copy(bytes, rest.at, rest.end);
  for (let i = 0; i < memories.length; i++) writeImport(section, memories[i], i);
  writer.byte(SECTION.IMPORT);
  writer.number(section.size);
  writer.copy(section.bytes, 0, section.size);
}

/**
 * `bytes` as a module whose own memories are imports from {@link MEMORIES}; the same bytes if it has none.
 *
 * @param {Uint8Array} bytes a whole binary module
 * @throws {WebAssembly.CompileError} for shared memories and what cannot be read
 */
export function importMemories(bytes) {
  const end = lengthOf(bytes);
  if (end < 8 || bytes[0] !== 0 || bytes[1] !== 0x61 || bytes[2] !== 0x73 || bytes[3] !== 0x6d) {
    fail('it does not begin like one');
  }
  const reader = new Reader(bytes, 8, end);
  let memories = null;
  let imports = null;
  let old = 0;
  /** Where the import section is or belongs: behind the types, if there are any. */
  let importAt = 8;
  let importEnd = 8;
  let memoryAt = 0;
  let memoryEnd = 0;
  while (reader.at < end) {
    const at = reader.at;
    const id = reader.byte();
    const size = reader.number(32);
    const from = reader.at;
    if (size > end - from) fail('a section that is longer than the module');
    reader.at = from + size;
    if (id === SECTION.TYPE && imports === null) importAt = importEnd = reader.at;
    if (id === SECTION.IMPORT) {
      if (imports !== null || memories !== null) fail('import sections out of order');
      imports = new Reader(bytes, from, reader.at);
      old = imports.number(32);
      importAt = at;
      importEnd = reader.at;
    } else if (id === SECTION.MEMORY) {
      if (memories !== null) fail('two memory sections');
      memories = readMemories(new Reader(bytes, from, reader.at));
      memoryAt = at;
      memoryEnd = reader.at;
    }
  }
  if (memories === null || memories.length === 0) return bytes;
  if (memoryAt < importEnd) fail('sections out of order');
  const writer = new Writer();
  writer.copy(bytes, 0, importAt);
  writeImports(writer, bytes, old, imports, memories);
  writer.copy(bytes, importEnd, memoryAt);
  writer.copy(bytes, memoryEnd, end);
  return writer.done();
}
