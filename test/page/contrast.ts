/**
 * Runs in the page: the texts whose color stands out from what is behind them by less than WCAG 2.1 wants (4.5 to 1, criterion 1.4.3), with the
 * contrast that they have.
 */
export const TOO_FAINT = `(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const mix = ([r, g, b, a = 1], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const opacity = (element) => { let all = 1; for (let at = element; at !== null; at = at.parentElement) all *= Number(getComputedStyle(at).opacity); return all; };
  const faint = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.data.trim() === '' || element.getClientRects().length === 0 || /^(SCRIPT|STYLE|NOSCRIPT)$/.test(element.tagName)) continue;
    const ground = behind(element);
    const [r, g, b] = parse(getComputedStyle(element).color);
    const [light, dark] = [luminance(mix([r, g, b, opacity(element)], ground)), luminance(ground)].sort((x, y) => y - x);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) faint.add(contrast.toFixed(2) + ' ' + node.data.trim().slice(0, 40));
  }
  return [...faint];
})()`;
