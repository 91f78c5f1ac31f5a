import type { Command } from 'commander';
import { readConfig } from '../../config.ts';
import { DEFAULT_TENANT } from '../../types/principal.ts';
import type { AdminRevocation } from '../../types/revocation.ts';
import { parseUser } from './arguments.ts';

type OfTenant = { readonly tenant: string };
type OfIssuer = OfTenant & { readonly issuer: string };

export function addRevokeCommands(program: Command): void {
  const revoke = program
    .command('revoke')
    .description('universal logout: when a command ends, nothing is released to what it names, by any copy');
  const command = (name: string, description: string) =>
    revoke.command(name).description(description).option('--tenant <tenant>', 'whose', DEFAULT_TENANT);
  const ofIssuer = (name: string, description: string) =>
    command(name, description).requiredOption('--issuer <issuer>', 'who has issued the tokens');
  const send = async (of: OfTenant, request: AdminRevocation) => {
    const config = readConfig(process.env);
    await (await import('./revoke.ts')).revoke(config, of, request);
  };

  command('token', 'a token, or the SHA-256 of one up to its second dot, in base64url')
    .argument('<token>')
    .action((token: string, of: OfTenant) => send(of, { kind: 'token', token }));
  command('session', 'a conversation, with all that it remembers')
    .argument('<session>')
    .action((id: string, of: OfTenant) => send(of, { kind: 'session', session_id: id }));
  command('person', 'every token issued to a person until now, and every session started with one')
    .argument('<user>', 'user:anne', parseUser('user'))
    .action((user: string, of: OfTenant) => send(of, { kind: 'person', user: `user:${user}` }));
  command('agent', 'every token that an agent asks with, whoever it asks for, issued until now')
    .argument('<agent>', 'agent:support-bot', parseUser('agent'))
    .action((agent: string, of: OfTenant) => send(of, { kind: 'agent', agent }));
  command('agents-of', 'the same for all agents that a person answers for')
    .argument('<user>', 'user:anne', parseUser('user'))
    .action((user: string, of: OfTenant) => send(of, { kind: 'agents_of', user: `user:${user}` }));
  ofIssuer('jti', 'a token, by its id')
    .argument('<jti>')
    .action((jti: string, { issuer, ...of }: OfIssuer) => send(of, { kind: 'jti', issuer, jti }));
  ofIssuer('sid', 'every token of a session at the issuer (the token\'s claim "sid")')
    .argument('<sid>')
    .action((sid: string, { issuer, ...of }: OfIssuer) => send(of, { kind: 'sid', issuer, sid }));
  ofIssuer('login', 'as a person, by the name that the issuer has for them (the claim "sub")')
    .argument('<subject>')
    .action((subject: string, { issuer, ...of }: OfIssuer) => send(of, { kind: 'login', issuer, subject }));
}
