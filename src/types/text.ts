export const UNSTORABLE = 'holds a NUL or half a surrogate pair';

/** Postgres can store neither; half a surrogate pair is what invalid UTF-16 in a JSON escape leaves. */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, inner]) => isStorable(key) && isStorable(inner));
}

/** Levels of lists and objects in what callers may store; JSON.stringify fills the stack at some thousand. */
export const MAX_LEVELS = 32;

export function isShallow(value: unknown, levels = MAX_LEVELS): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}
