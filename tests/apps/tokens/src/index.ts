// jose (https://github.com/panva/jose), @cfworker/jwt and @tsndr/cloudflare-worker-jwt: tokens signed, verified and refused.
import { parseJwt } from '@cfworker/jwt';
import small from '@tsndr/cloudflare-worker-jwt';
import * as jose from 'jose';

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];

async function issue(alg: string) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const jwk = { ...await jose.exportJWK(publicKey), alg, use: 'sig', kid: await jose.calculateJwkThumbprint(await jose.exportJWK(publicKey)) };
  const token = await new jose.SignJWT({ 'urn:example:claim': true })
    .setProtectedHeader({ alg, kid: jwk.kid })
    .setIssuedAt()
    .setIssuer('urn:example:issuer')
    .setAudience('urn:example:audience')
    .setExpirationTime('2h')
    .sign(privateKey);
  return { jwk, token, privateKey };
}

const told = async (work: () => unknown) => {
  try {
    return await work();
  } catch (error) {
    return { name: (error as Error).name, code: (error as { code?: string }).code, message: (error as Error).message };
  }
};

/** Every algorithm: verified by a set of keys, and refused where anything is wrong. */
async function signatures() {
  const issued = await Promise.all(ALGORITHMS.map(issue));
  const keys = jose.createLocalJWKSet({ keys: issued.map(({ jwk }) => jwk) });
  const expected = { issuer: 'urn:example:issuer', audience: 'urn:example:audience' };
  return Object.fromEntries(await Promise.all(issued.map(async ({ token, jwk }, index) => {
    const { payload, protectedHeader } = await jose.jwtVerify(token, keys, expected);
    const [head, body, signature] = token.split('.');
    const forged = [head, jose.base64url.encode(JSON.stringify({ ...payload, admin: true })), signature].join('.');
    return [ALGORITHMS[index], {
      claim: payload['urn:example:claim'],
      kid: protectedHeader.kid === jwk.kid,
      lasts: payload.exp! - payload.iat!,
      forged: await told(() => jose.jwtVerify(forged, keys)),
      audience: await told(() => jose.jwtVerify(token, keys, { audience: 'somebody else' })),
      expired: await told(() => jose.jwtVerify(token, keys, { currentDate: new Date(Date.now() + 3 * 3600e3) })).then((it) => (it as { code: string }).code),
      unknown: await told(async () => jose.jwtVerify((await issue('ES256')).token, keys)).then((it) => (it as { code: string }).code),
    }];
  })));
}

async function encryption() {
  const secret = jose.base64url.decode('zH4NRP1HMALxxCFnRZABFA7GOJtzU_gIj02alfL1lvI');
  const jwt = await new jose.EncryptJWT({ hidden: 'yes' }).setProtectedHeader({ alg: 'dir', enc: 'A128CBC-HS256' }).encrypt(secret);
  const { payload } = await jose.jwtDecrypt(jwt, secret);
  const { publicKey, privateKey } = await jose.generateKeyPair('ECDH-ES+A256KW');
  const jwe = await new jose.CompactEncrypt(new TextEncoder().encode('sealed')).setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM' }).encrypt(publicKey);
  const { plaintext } = await jose.compactDecrypt(jwe, privateKey);
  return { payload, plaintext: new TextDecoder().decode(plaintext) };
}

/** RFC 7515, appendix A.2: a key and a token that were not made here. */
const KNOWN = {
  key: { kty: 'oct', k: 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow', alg: 'HS256' },
  token: 'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
};

async function known() {
  const key = await jose.importJWK(KNOWN.key);
  const { payload } = await jose.jwtVerify(KNOWN.token, key, { currentDate: new Date(1300819000e3) });
  return { payload, now: await told(() => jose.jwtVerify(KNOWN.token, key)) };
}

async function others(url: URL) {
  const token = await small.sign({ sub: 'ada', exp: 4102444800 }, 'secret', { algorithm: 'HS512' });
  return {
    token,
    verified: await small.verify(token, 'secret', { algorithm: 'HS512' }),
    wrong: await small.verify(token, 'not the secret', { algorithm: 'HS512' }),
    decoded: small.decode(token).payload,
    cfworker: await told(() => parseJwt({ jwt: token, issuer: url.origin, audience: 'me', resolveKey: async () => null })),
  };
}

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    switch (url.pathname) {
      case '/signatures': return Response.json(await signatures());
      case '/encryption': return Response.json(await encryption());
      case '/known': return Response.json(await known());
      case '/others': return Response.json(await others(url));
      default: return new Response('Not Found', { status: 404 });
    }
  },
};
