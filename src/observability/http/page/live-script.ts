/**
 * With scripts the page renews itself in place: what is folded stays so, a text that somebody is selecting waits, and an agent that answers
 * no more is told of, since old numbers look like new ones. Without, the browser loads the page again.
 */
export const SCRIPT = `
const touched=new Map(),stale=document.getElementById('stale');let answered=Date.now(),failures=0;
document.addEventListener('click',(e)=>{const d=e.target.closest&&e.target.closest('summary')&&e.target.closest('details');if(d)touched.set(d.id,!d.open)});
const tell=(why)=>{failures+=1;if(failures<2)return;stale.hidden=false;stale.textContent='The agent does not answer ('+why+'): what you see is from '+Math.round((Date.now()-answered)/1000)+' s ago.'};
const renew=async()=>{try{
const r=await fetch(location.origin+location.pathname,{cache:'no-store',signal:AbortSignal.timeout(5000)});if(!r.ok)return tell('HTTP '+r.status);
const d=new DOMParser().parseFromString(await r.text(),'text/html'),next=d.getElementById('live');if(!next)return tell('another answer');
answered=Date.now();failures=0;stale.hidden=true;document.title=d.title;
if(String(window.getSelection())!=='')return;
for(const [id,open] of touched){const e=next.querySelector('#'+id);if(e)e.open=open}
const here=document.activeElement,href=here&&here.getAttribute('href'),old=document.getElementById('live'),before=old.querySelector('#verdict'),now=next.querySelector('#verdict');
if(before.innerHTML===now.innerHTML&&before.className===now.className)now.replaceWith(before);
old.replaceWith(next);
if(href){const again=next.querySelector('a[href="'+CSS.escape(href)+'"]');if(again)again.focus({preventScroll:true})}
}catch(e){tell('no connection')}};
setInterval(renew,3000);
`;
