// Replaces JSON and gives everything a toJSON: what the runtime writes or reads as JSON would be the attacker's.
import { attack } from './lib/attack.js';

Object.prototype.toJSON = () => 'evil';
String.prototype.toJSON = () => 'evil';
JSON.stringify = () => '"evil"';
JSON.parse = () => 'evil';
setTimeout(() => { delete Object.prototype.toJSON; delete String.prototype.toJSON; });

export default attack(() => new Response('{"plain":true}', { headers: { 'content-type': 'application/json' } }));
