// The global `Buffer`, for code that uses it without an import.

import { Buffer } from './buffer.js';

Object.defineProperty(globalThis, 'Buffer', { value: Buffer, writable: true, enumerable: false, configurable: true });
