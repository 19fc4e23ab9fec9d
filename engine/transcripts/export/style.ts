/** Style of the page: light and dark as the reader's system, and light on paper. Code has the window's colours. */
export const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1b1f24, #e6e8eb); --soft: light-dark(#5a636e, #9aa4af); --line: light-dark(#d8dde3, #343b43); --paper: light-dark(#fff, #16191d); --panel: light-dark(#f6f7f9, #20242a); --mark: light-dark(#fff1b8, #5a4a00);
  --comment: light-dark(#5f6876, #98a1b0); --keyword: light-dark(#9c1d6b, #f29bc5); --string: light-dark(#1f6b3a, #8fd6a5); --number: light-dark(#8a4b00, #e3b25f); --title: light-dark(#2458a8, #8ab4f0); --type: light-dark(#6b3fa0, #c3a5ee); --bad: light-dark(#b3261e, #f2938c); }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 52rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
article + article { margin-top: 4rem; border-top: 2px solid var(--line); padding-top: 2rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.text { overflow-wrap: anywhere; border-inline-start: 3px solid var(--line); padding-inline-start: .9rem; }
.summary .text { border-color: #2f7d5b; }
.text > :first-child { margin-block-start: 0; }
.text > :last-child { margin-block-end: 0; }
.text :is(p, ul, ol, blockquote, table, .code) { margin: 0 0 .6rem; }
.text p { white-space: pre-wrap; }
.text :is(ul, ol) { padding-inline-start: 1.6rem; }
.text li > :is(p, ul, ol) { margin-block-end: .2rem; }
.text li.task { list-style: none; margin-inline-start: -1.3rem; }
.text :is(h3, h4, h5, h6) { font-size: 1rem; margin: .8rem 0 .4rem; }
.text blockquote { border-inline-start: 3px solid var(--line); padding-inline-start: .8rem; color: var(--soft); }
.text hr { border: 0; border-block-start: 1px solid var(--line); margin: .8rem 0; }
.text table { display: block; overflow-x: auto; width: fit-content; max-width: 100%; }
.text :is(th, td) { overflow-wrap: break-word; }
.address { color: var(--soft); overflow-wrap: anywhere; }
code, pre { font: .875rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { background: var(--panel); border-radius: 3px; padding: 0 .2em; }
pre { margin: 0; white-space: pre-wrap; }
.code { border: 1px solid var(--line); border-radius: 4px; background: var(--panel); }
.code-head { padding: .15rem .7rem; border-block-end: 1px solid var(--line); color: var(--soft); font-size: .8rem; }
.code pre { padding: .5rem .7rem; overflow-x: auto; overflow-wrap: normal; white-space: pre; tab-size: 4; }
.code code { background: none; padding: 0; }
.hljs-comment, .hljs-quote, .hljs-meta { color: var(--comment); }
.hljs-keyword, .hljs-literal, .hljs-selector-tag, .hljs-name, .hljs-doctag { color: var(--keyword); }
.hljs-string, .hljs-regexp, .hljs-addition, .hljs-char.escape_ { color: var(--string); }
.hljs-number, .hljs-symbol, .hljs-bullet, .hljs-link { color: var(--number); }
.hljs-title, .hljs-section, .hljs-selector-id, .hljs-selector-class { color: var(--title); }
.hljs-type, .hljs-built_in, .hljs-attr, .hljs-attribute, .hljs-variable, .hljs-template-variable { color: var(--type); }
.hljs-deletion { color: var(--bad); }
.answer { font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere; }
.boxed { border: 1px solid; padding: 0 .3em; }
.note { color: var(--soft); font-size: .875rem; margin: .25rem 0 .6rem; overflow-wrap: anywhere; }
mark { background: var(--mark); color: inherit; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: start; vertical-align: top; overflow-wrap: anywhere; }
[align="right"] { text-align: right; }
[align="center"] { text-align: center; }
math[display="block"] { margin: .4rem 0; }
@media print { :root { color-scheme: light; } main { max-width: none; padding: 0; } h2, h3, h4, .code-head { break-after: avoid; } tr, .answer, .text > .code { break-inside: avoid; } .text { font-size: 10.5pt; } .code pre { white-space: pre-wrap; overflow-wrap: anywhere; } .text table { display: table; } }
`
