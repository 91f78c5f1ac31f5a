import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Strict, as Go's netip: no octal, hexadecimal or shortened IPv4, which ipaddr.js would take. */
function parseAddress(text: string): Address {
  const strict = text.includes(':') ? ipaddr.IPv6.isValid(text) : ipaddr.IPv4.isValidFourPartDecimal(text);
  if (!strict || /(^|\.)0\d/.test(text)) throw new SyntaxError(`'${text}' is not a well-formed IP address`);
  return ipaddr.parse(text);
}

/** An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) counts as the IPv4 address it stands for. */
function unmap(address: Address): Address {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && !address.zoneId
    ? address.toIPv4Address()
    : address;
}

export class IpAddress {
  readonly #address: Address;

  constructor(text: string) {
    this.#address = unmap(parseAddress(text));
  }

  equals(other: IpAddress): boolean {
    return this.toString() === other.toString();
  }

  /** Throws where the range is malformed. */
  inCidr(cidr: string): boolean {
    const [, text = '', digits = ''] = /^(.+)\/(0|[1-9]\d{0,2})$/.exec(cidr) ?? [];
    const written = parseCidrAddress(text, cidr);
    const bits = Number(digits);
    if (bits > (written instanceof ipaddr.IPv6 ? 128 : 32) || text.includes('%')) malformed(cidr);

    const network = unmap(written);
    const mapped = network !== written;
    if (mapped && bits < 96) return false;
    const prefix = mapped ? bits - 96 : bits;
    const address = this.#address;
    if (address.kind() !== network.kind()) return false;
    if (address instanceof ipaddr.IPv6 && address.zoneId) return false;
    return address instanceof ipaddr.IPv6 ? address.match(network, prefix) : address.match(network, prefix);
  }

  toString(): string {
    return this.#address.toString();
  }
}

function parseCidrAddress(text: string, cidr: string): Address {
  try {
    return parseAddress(text);
  } catch {
    return malformed(cidr);
  }
}

function malformed(cidr: string): never {
  throw new SyntaxError(`'${cidr}' is a malformed CIDR string`);
}
