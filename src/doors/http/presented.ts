import type { FastifyRequest } from 'fastify';
import type { Presented } from '../../types/presented.ts';

/** `Authorization: Bearer <JWT>`, or `DPoP <JWT>` with its proof in the header `DPoP`, if that is what was sent. */
export function presentedBy({ headers, method, url }: FastifyRequest): Presented {
  const [, scheme = '', token = ''] = /^(Bearer|DPoP) +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (scheme.toLowerCase() !== 'dpop') return token;
  const [path = ''] = url.split('?');
  // Of several proofs Node makes one text, which is none.
  return { token, proof: String(headers.dpop ?? ''), method, path };
}
