// node parse.mjs PARSER FILE: AsyncAPI's own parser reads the file; its errors, one a line.
import { pathToFileURL } from 'node:url';

const [parser, file] = process.argv.slice(2);
const { Parser, fromFile } = (await import(pathToFileURL(parser))).default;
const { document, diagnostics } = await fromFile(new Parser(), file).parse();
const errors = diagnostics.filter((one) => one.severity === 0);
for (const one of errors) console.log(`${one.path.join('.')}: ${one.message}`);
process.exit(document && !errors.length ? 0 : 1);
