import { strict } from './assert.js';

export * from './assert.js';
export default strict;
