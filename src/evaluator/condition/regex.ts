const compiled = new Map<string, RegExp>();
const MAX_COMPILED = 200;

/** RE2's syntax as far as JavaScript has it; what RE2 refuses (look-around, back references) is refused. */
export function matches(text: string, pattern: string): boolean {
  let regex = compiled.get(pattern);
  if (!regex) {
    regex = compile(pattern);
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(pattern, regex);
  }
  return regex.test(text);
}

function compile(pattern: string): RegExp {
  if (/\(\?<?[=!]|\\[1-9]|\\k</.test(pattern.replaceAll('\\\\', ''))) {
    throw new SyntaxError(`error parsing regexp: ${pattern}`);
  }
  const [, flags = '', rest = pattern] = /^\(\?([ims]+)\)(.*)$/s.exec(pattern) ?? [];
  return new RegExp(
    rest
      .replaceAll('(?P<', '(?<')
      .replaceAll('\\A', '^')
      .replaceAll('\\z', '$')
      .replaceAll(
        /\[\[:(alpha|digit|alnum|upper|lower|space|word):\]\]/g,
        (_, name: string) => posix[name] ?? '',
      ),
    [...new Set(`u${flags}`)].join(''),
  );
}

const posix: Readonly<Record<string, string>> = {
  alpha: '[A-Za-z]',
  digit: '[0-9]',
  alnum: '[0-9A-Za-z]',
  upper: '[A-Z]',
  lower: '[a-z]',
  space: '[\\t\\n\\v\\f\\r ]',
  word: '[0-9A-Za-z_]',
};
