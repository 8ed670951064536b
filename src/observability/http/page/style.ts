/** Colours follow the reader's scheme; states differ in form as well as in colour. */
export const STYLE = `
:root{color-scheme:light dark;--bg:#f6f7f9;--fg:#16191d;--dim:#5b6570;--card:#fff;--line:#dfe3e8;--up:#11784a;--down:#b3261e;--hold:#8a5a00}
@media(prefers-color-scheme:dark){:root{--bg:#101316;--fg:#e8eaed;--dim:#9aa4af;--card:#191d22;--line:#2b3138;--up:#4cc38a;--down:#ff8078;--hold:#f0b849}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.45 system-ui,sans-serif}
main{max-width:76rem;margin:0 auto;padding:1rem}h1{font-size:1.25rem;margin:0}h2{font-size:1rem;margin:1.6rem 0 .5rem}
header{display:flex;flex-wrap:wrap;gap:.3rem 1rem;align-items:baseline}header small,.dim{color:var(--dim)}
code,.mono{font-family:ui-monospace,monospace;font-size:.86em;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem;margin-top:1rem}
.tile,.alert,.scroll{background:var(--card);border:1px solid var(--line);border-radius:.5rem}.tile{padding:.6rem .8rem}
.tile b{display:block;font-size:1.5rem;font-weight:600;line-height:1.2}.tile span{color:var(--dim);font-size:.85rem}
.alert{padding:.7rem .9rem;margin-top:1rem;border-left:.3rem solid var(--down)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.35rem .7rem;border-bottom:1px solid var(--line);vertical-align:top;white-space:nowrap}
td.wrap{white-space:normal;min-width:14rem}th{font-weight:600;color:var(--dim);font-size:.8rem}tr:last-child td{border-bottom:0}
.up{color:var(--up)}.down{color:var(--down)}.unobserved,.lost,.hold{color:var(--hold)}.up::before{content:"▲ "}.down::before{content:"▼ "}.unobserved::before{content:"◌ "}
svg{display:block;width:100%;height:3.2rem}svg rect{fill:var(--hold)}svg line{stroke:var(--line)}ol{list-style:none;margin:0;padding:.4rem .9rem}ol li{padding:.15rem 0}
`;

/** With scripts the page renews itself in place; without, the browser loads it again. */
export const SCRIPT = `
const renew=async()=>{try{const r=await fetch(location.href,{cache:'no-store'});if(!r.ok)return;const d=new DOMParser().parseFromString(await r.text(),'text/html');
const open=window.getSelection()?.toString();if(!open)document.querySelector('main').replaceWith(d.querySelector('main'))}catch{}};setInterval(renew,3000);
`;
