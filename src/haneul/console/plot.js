// Bars stacked by series, one for each day, drawn as SVG, with a legend; readers of screens are told each day's sum.

const WIDTH = 900;
const HEIGHT = 260;
const LEFT = 84;
const BASE = 28;

function element(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export const colour = (at, count) => `oklch(0.62 0.15 ${Math.round((at * 360) / Math.max(count, 1) + 250) % 360})`;
export const money = (value) => {
  if (value >= 1 || value === 0) return `$${value.toFixed(2)}`;
  return value < 1e-6 ? "< $0.000001" : `$${value.toFixed(Math.min(6, 2 - Math.floor(Math.log10(value)))).replace(/0+$/, "")}`;
};

// days: [[date, {series: value}]], series: names in the order of the stack.
export function stacked(days, series) {
  const sums = days.map(([, parts]) => Object.values(parts).reduce((sum, value) => sum + value, 0));
  const most = Math.max(...sums, 1e-9);
  const height = HEIGHT - BASE - 10;
  const step = (WIDTH - LEFT) / days.length;
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": days.map(([date], at) => `${date}: ${money(sums[at])}`).join(", ") });
  for (const part of [0, 0.5, 1]) {
    const y = 10 + height * (1 - part);
    svg.append(element("line", { x1: LEFT, x2: WIDTH, y1: y, y2: y, class: "line" }), element("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, money(most * part)));
  }
  days.forEach(([date, parts], at) => {
    let top = 10 + height;
    series.forEach((name, index) => {
      const size = ((parts[name] || 0) / most) * height;
      top -= size;
      if (size > 0) svg.append(element("rect", { x: LEFT + at * step + step * 0.12, y: top, width: step * 0.76, height: size, fill: colour(index, series.length) },
        element("title", {}, `${date} ${name} ${money(parts[name])}`)));
    });
    if (at % Math.ceil(days.length / 10) === 0) svg.append(element("text", { x: LEFT + at * step + step / 2, y: HEIGHT - 8, "text-anchor": "middle" }, date.slice(5)));
  });
  return svg;
}
