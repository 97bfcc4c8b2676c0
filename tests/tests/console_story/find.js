// Finds what a person would: by the words that stand on it, among what can be seen.
const [kind, name, within] = arguments;
const words = one => one.textContent.replace(/\s+/g, ' ').trim();
const isSeen = one => one.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }) && one.getClientRects().length > 0;
const heads = ':scope > h2, :scope > h3, :scope > legend, :scope > summary, :scope > .head > h2, :scope > th[scope=row]';
const holds = one => [...one.querySelectorAll(heads)].some(head => words(head).startsWith(within));
const all = [...document.querySelectorAll('section, fieldset, details, tr, form, .card')].filter(holds);
const roots = within ? all.filter(one => !all.some(other => other !== one && one.contains(other))) : [document];
const ownName = one => {
  if (one.ariaLabel) return one.ariaLabel;
  if (kind === 'press') return words(one);
  return [...one.labels || []].map(label => {
    const bare = label.cloneNode(true);
    for (const inner of bare.querySelectorAll('input, select, textarea')) inner.remove();
    return words(bare);
  }).join(' ');
};
const selector = kind === 'press' ? 'a[href], button, summary' : 'input:not([type=hidden]), select, textarea';
const isOwnHead = one => within && one.tagName === 'SUMMARY' && roots.includes(one.parentElement);
const found = roots.flatMap(root => [...root.querySelectorAll(selector)]).filter(one => isSeen(one) && !isOwnHead(one));
return found.find(one => ownName(one) === name) || found.find(one => ownName(one).startsWith(name)) || null;
