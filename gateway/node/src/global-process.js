// The global `process`, for code that uses it without an import.

import process from './process.js';

Object.defineProperty(globalThis, 'process', { value: process, writable: true, enumerable: false, configurable: true });
