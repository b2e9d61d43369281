// `request.cf`: what the gateway knows of the caller's connection. It says so in a field of its own, and where it trusts the proxy
// in front of it, the location fields that this one sets count, too. Nothing is guessed: what is not known is not there.
//
// Made when a handler asks for it, by methods that it may have patched: that is its own loss.

import { Bytes, decode } from './intrinsics.js';

/** The gateway's field; the last of a head. As gateway/src/invoke/about.rs has it. */
const FIELD = 'x-tabmesh-cf';

/** The location fields, as Cloudflare's "Add visitor location headers" names them. */
const LOCATION = [
  ['cf-ipcountry', 'country'], ['cf-ipcontinent', 'continent'], ['cf-ipcity', 'city'], ['cf-region', 'region'],
  ['cf-region-code', 'regionCode'], ['cf-metro-code', 'metroCode'], ['cf-postal-code', 'postalCode'],
  ['cf-timezone', 'timezone'], ['cf-iplatitude', 'latitude'], ['cf-iplongitude', 'longitude'],
];

/** Takes the gateway's field off a flat list of headers, and gives what it says; '' where there is none. */
export function takeAbout(flat) {
  const at = flat.length - 2;
  if (at < 0 || flat[at] !== FIELD) return '';
  const about = flat[at + 1];
  flat.length = at;
  return about;
}

/** Headers hold bytes; these are UTF-8. */
const utf8 = (text) => decode(Bytes.from(text, (character) => character.charCodeAt(0)));

/**
 * @param {string} about what {@link takeAbout} gave
 * @param {(name: string) => ?string} field of the request
 */
export function describe(about, field) {
  const cf = {};
  if (about === '') return cf;
  const [httpProtocol, colo, located] = about.split(' ');
  cf.httpProtocol = httpProtocol;
  cf.colo = colo;
  const encoding = field('accept-encoding');
  if (encoding !== null) cf.clientAcceptEncoding = encoding;
  if (located === undefined) return cf;
  for (const [name, key] of LOCATION) {
    const value = field(name);
    if (value !== null) cf[key] = utf8(value);
  }
  return cf;
}
