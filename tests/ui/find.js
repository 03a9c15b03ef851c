// find gives the place of the first element that css selects and whose name is
// words, as a person sees it: visible, not behind another, ready to be pressed.
// With no words any name will do; words that end in … are how it begins. It leaves the element in window.found.
((css, words) => {
  const named = (e) => words === '' || names(e).some((n) => n === words || words.endsWith('…') && n.startsWith(words.slice(0, -1)));
  const tidy = (s) => (s || '').replace(/\s+/g, ' ').trim();
  const names = (e) => [
    e.innerText, e.getAttribute('aria-label'), e.title, e.placeholder,
    ...(e.labels ? Array.from(e.labels, (l) => l.innerText) : []),
    ...(e.getAttribute('aria-labelledby') || '').split(' ').map((id) => document.getElementById(id)?.innerText),
  ].map(tidy);
  const moving = (e) => e && (e.getAnimations().some((a) => a.playState === 'running') || moving(e.parentElement));
  const reach = (e) => {
    if (moving(e)) return null;
    const r = e.getBoundingClientRect(), x = r.left + r.width / 2, y = r.top + r.height / 2;
    const top = document.elementFromPoint(x, y);
    const mine = [e, ...(e.labels || [])];
    return top && mine.some((m) => m.contains(top) || top.contains(m)) && [x, y];
  };
  window.found = null;
  for (const e of document.querySelectorAll(css)) {
    if (!named(e)) continue;
    if (e.disabled || e.getAttribute('aria-disabled') === 'true' || !e.checkVisibility({visibilityProperty: true})) continue;
    let at = reach(e);
    if (!at) {
      e.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
      at = reach(e);
    }
    if (!at) continue;
    window.found = e;
    return at;
  }
  return [];
})
