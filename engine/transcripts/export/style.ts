export const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1b1f24, #e6e8eb); --soft: light-dark(#5a636e, #9aa4af); --line: light-dark(#d8dde3, #343b43); --paper: light-dark(#fff, #16191d); --mark: light-dark(#fff1b8, #5a4a00); }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 52rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
article + article { margin-top: 4rem; border-top: 2px solid var(--line); padding-top: 2rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; border-inline-start: 3px solid var(--line); padding-inline-start: .9rem; }
.summary .text { border-color: #2f7d5b; }
.answer { font-size: 1.15rem; font-weight: 600; white-space: pre-wrap; overflow-wrap: anywhere; }
.note { color: var(--soft); font-size: .875rem; margin: .25rem 0 .6rem; overflow-wrap: anywhere; }
mark { background: var(--mark); color: inherit; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: start; vertical-align: top; overflow-wrap: anywhere; }
math[display="block"] { margin: .4rem 0; }
@media print { :root { color-scheme: light; } main { max-width: none; padding: 0; } h2 { break-after: avoid; } tr, .answer { break-inside: avoid; } .text { font-size: 10.5pt; } }
`
