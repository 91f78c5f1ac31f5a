import { LEAST_RECALL, OURS, percent } from './report.ts';

export type Point = { readonly share: number; readonly p50: number; readonly recall: number };
export type Panel = {
  readonly title: string;
  readonly lines: readonly { readonly name: string; readonly points: readonly Point[] }[];
};

const WIDTH = 440;
const HEIGHT = 300;
const MARGIN = { left: 62, top: 34, right: 16, bottom: 44 };
const LEGEND_HEIGHT = 92;
/** Told apart by those who see few colours too (Okabe and Ito), on white and on black. */
const colours = ['#d55e00', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#8a8a8a', '#0072b2'];

const style = `text { font: 12px sans-serif; fill: #24292f } .title { font-weight: bold } .grid { stroke: #d0d7de }
  .page { fill: #fff } .ours { stroke: #24292f } .full { fill: #24292f } .hollow { fill: #fff }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .grid { stroke: #30363d } .page { fill: #0d1117 }
    .ours { stroke: #e6edf3 } .full { fill: #e6edf3 } .hollow { fill: #0d1117 } }`;

/** Time over share readable, both on logarithmic scales: two panels a row. A hollow mark is a recall that is too low. */
export function plot(panels: readonly Panel[], what: string): string {
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  const points = panels.flatMap(({ lines }) => lines.flatMap((line) => line.points));
  const times = points.map(({ p50 }) => Math.log10(p50));
  const shares = points.map(({ share }) => Math.log10(share));
  const scales = {
    share: scale(Math.min(...shares), 0, MARGIN.left, WIDTH - MARGIN.right),
    time: scale(
      Math.floor(Math.min(...times)),
      Math.ceil(Math.max(...times)),
      HEIGHT - MARGIN.bottom,
      MARGIN.top,
    ),
  };
  const rows = Math.ceil(panels.length / 2);
  const [width, height] = [2 * WIDTH, rows * HEIGHT + LEGEND_HEIGHT];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>${what} over the share of the collection that the caller may read</title>
<style>${style}</style>
<rect class="page" width="${width}" height="${height}"/>
${panels.map((panel, i) => `<g transform="translate(${(i % 2) * WIDTH} ${Math.floor(i / 2) * HEIGHT})">\n${drawn(panel, names, scales)}\n</g>`).join('\n')}
<g transform="translate(${MARGIN.left} ${rows * HEIGHT + 12})">\n${legend(names, what)}\n</g>
</svg>
`;
}

type Scale = { readonly at: (value: number) => number; readonly from: number; readonly to: number };
type Scales = { readonly share: Scale; readonly time: Scale };

/** Of logarithms. */
function scale(from: number, to: number, start: number, end: number): Scale {
  return { from, to, at: (value) => start + ((Math.log10(value) - from) / (to - from)) * (end - start) };
}

function drawn({ title, lines }: Panel, names: readonly string[], { share, time }: Scales): string {
  const decades = Array.from({ length: time.to - time.from + 1 }, (_, i) => 10 ** (time.from + i));
  const marks = [...new Set(lines.flatMap(({ points }) => points.map((point) => point.share)))];
  return [
    `<text class="title" x="${MARGIN.left}" y="20">${title}</text>`,
    ...decades.map((ms) => {
      const y = round(time.at(ms));
      return `<path class="grid" d="M${MARGIN.left} ${y}H${WIDTH - MARGIN.right}"/><text x="${MARGIN.left - 6}" y="${y + 4}" text-anchor="end">${ms} ms</text>`;
    }),
    ...marks.map(
      (mark) =>
        `<text x="${round(share.at(mark))}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle">${percent(mark).replace(' %', '')}</text>`,
    ),
    `<text x="${(MARGIN.left + WIDTH - MARGIN.right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">% readable</text>`,
    ...lines
      .toSorted((a, b) => Number(a.name === OURS) - Number(b.name === OURS))
      .map(({ name, points }) => {
        const at = points.map((point) => [round(share.at(point.share)), round(time.at(point.p50))] as const);
        const circles = points.map(({ recall }, i) =>
          circle(name, names, at[i] ?? [0, 0], recall >= LEAST_RECALL),
        );
        return `<polyline ${stroke(name, names)} fill="none" points="${at.map((xy) => xy.join(',')).join(' ')}"/>${circles.join('')}`;
      }),
  ].join('\n');
}

function legend(names: readonly string[], what: string): string {
  const items = names.map((name, i) => {
    const [x, y] = [(i % 4) * 200, Math.floor(i / 4) * 22];
    return `<g transform="translate(${x} ${y})"><path ${stroke(name, names)} d="M0 0H24"/>${circle(name, names, [12, 0], true)}<text x="32" y="4">${name}</text></g>`;
  });
  const note = `<text y="${Math.ceil(names.length / 4) * 22 + 6}">${what}, in milliseconds. A hollow mark: recall below ${LEAST_RECALL}.</text>`;
  return [...items, note].join('\n');
}

function stroke(name: string, names: readonly string[]): string {
  return name === OURS
    ? 'class="ours" stroke-width="3"'
    : `stroke="${colour(name, names)}" stroke-width="1.5"`;
}

function circle(
  name: string,
  names: readonly string[],
  [x, y]: readonly [number, number],
  full: boolean,
): string {
  const place = `cx="${x}" cy="${y}" r="3.5"`;
  if (name === OURS) return `<circle ${place} class="ours ${full ? 'full' : 'hollow'}"/>`;
  const line = colour(name, names);
  return `<circle ${place} stroke="${line}" ${full ? `fill="${line}"` : 'class="hollow"'}/>`;
}

function colour(name: string, names: readonly string[]): string {
  return colours[names.filter((other) => other !== OURS).indexOf(name) % colours.length] ?? '';
}

function round(x: number): number {
  return Math.round(x * 10) / 10;
}
