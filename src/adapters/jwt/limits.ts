/** Characters; a JWT is ASCII. */
export const MAX_TOKEN_LENGTH = 8_192;
export const CLOCK_TOLERANCE_SECONDS = 5;

/** Signatures only a private key can make: with HS256, who can verify could also sign. */
export const algorithms = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');
