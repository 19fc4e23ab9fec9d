npx tsx -e "import {ARCHITECTURES} from '/work/wt/atk-files/test/support/architectures.ts'; console.log(ARCHITECTURES.join('\n'))" > /tmp/archs.txt
while read -r a; do nice npx tsx learn.tmp.ts "$a" 2>&1 | tr '\n' ' ' | cut -c1-300; echo; done < /tmp/archs.txt
