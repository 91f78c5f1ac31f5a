import type { Principal } from '../types/principal.ts';

export type Session = { readonly id: string; readonly principal: Principal; readonly expiresAt: Date };

export interface Sessions {
  create(session: Session): Promise<void>;
  /** Whether a session of this id belongs to exactly this principal and has not expired. */
  isOpen(id: string, principal: Principal, now: Date): Promise<boolean>;
  /** Whether there was one to end. */
  end(id: string, principal: Principal): Promise<boolean>;
}
